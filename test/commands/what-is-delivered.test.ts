import assert from 'node:assert/strict';
import { test } from 'node:test';
import { said, Scene, STARTED } from '../bad-input/scene.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';

test('with acks=0 nothing is called delivered: nobody says whether it arrived', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const scene = new Scene(t);
  const kafka = { acks: '0', 'enable.idempotence': 'false' };
  const flags = Object.entries(kafka).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
  const produced = await scene.produce(cluster.bootstrap, 'one\n', ...flags);
  assert.deepEqual(produced.said, ['info produced: 1 record sent, with acks=0']);
  assert.equal(produced.code, 0);
  const inputs = [{ tail: { paths: [scene.write('a.log', 'one\n')], topic: 'logs' } }];
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs, kafka });
  await daemon.says(/all inputs are being read/);
  assert.equal(await daemon.stop(), 0);
  const stopped = 'info stopped: everything that was read is sent, with acks=0';
  assert.deepEqual(said(daemon), [STARTED, stopped]);
});

test('the help of each command says where its exit codes are listed', async (t) => {
  const scene = new Scene(t);
  for (const command of ['run', 'produce', 'validate', 'broker']) {
    const help = scene.start([command, '--help']);
    assert.equal(await help.ended(), 0);
    assert.match(help.output, /What its exit codes say: millrace --help\n/);
  }
});
