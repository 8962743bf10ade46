import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { count, embeddedCluster } from '../support/embedded-cluster.ts';
import { boundByPermissions } from './privileges.ts';
import { said, Scene } from './scene.ts';

test('produce refuses a glob that leads to nothing, as a shell hands it on, and sends nothing of the others', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const scene = new Scene(t);
  const good = scene.write('good.log', 'one\n');
  mkdirSync(scene.path('folder.txt'));
  const cases: [string, string][] = [
    [
      scene.path('*.nothing'),
      `${scene.path('*.nothing')} leads to no file. Fix: check the path, and what is in its directory`,
    ],
    [
      scene.path('*.txt'),
      `${scene.path('*.txt')} leads to no file. Fix: check the path, and what is in its directory`,
    ],
    [scene.path('away/*.log'), `${scene.path('away')} does not exist. Fix: check the path`],
  ];
  for (const [path, message] of cases) {
    assert.deepEqual(await scene.produce(cluster.bootstrap, '', good, path), {
      code: 66,
      said: [`millrace: ${message}`],
    });
  }
  assert.equal(count(cluster, 'logs'), 0);
});

test('produce refuses a file that does not say how long it is, instead of taking it for empty', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const scene = new Scene(t);
  const path = '/proc/self/status';
  assert.deepEqual(await scene.produce(cluster.bootstrap, '', path), {
    code: 66,
    said: [
      `millrace: ${path} does not say how long it is. Fix: pipe it into standard input, such as cat ${path} | millrace produce ...`,
    ],
  });
  const empty = scene.write('empty.log', '');
  assert.equal((await scene.produce(cluster.bootstrap, '', empty)).code, 0);
});

test('produce refuses a file that a glob leads to and that it may not read, and sends nothing of the others', async (t) => {
  const via = boundByPermissions(t);
  if (via === undefined) return;
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const scene = new Scene(t);
  scene.write('a.log', 'one\n');
  const secret = scene.write('secret.log', 'two\n');
  chmodSync(secret, 0o000);
  const paths = scene.path('*.log');
  const produce = scene.start(['produce', '-b', cluster.bootstrap, '-t', 'logs', paths], via);
  assert.equal(await produce.ended(), 66);
  const [fault = ''] = said(produce);
  assert.ok(
    fault.startsWith(`millrace: ${secret} cannot be read: permission denied (EACCES). Fix: `),
  );
  assert.equal(count(cluster, 'logs'), 0);
});
