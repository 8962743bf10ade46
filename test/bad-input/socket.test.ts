import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedCluster, count, values } from '../support/embedded-cluster.ts';
import { until } from '../support/until.ts';
import { boundByPermissions } from './privileges.ts';
import { NOBODY, said, Scene, STARTED, STOPPED } from './scene.ts';

function socketInput(path: string): Record<string, unknown>[] {
  return [{ socket: { path, topic: 'logs' } }];
}

test('a socket path that a running process listens on is refused with 73, and left alone', async (t) => {
  const scene = new Scene(t);
  const path = scene.path('in.sock');
  const server = createServer((connection) => {
    // Whoever asks whether it is alive hangs up without listening.
    connection.on('error', () => undefined);
    connection.end('mine\n');
  });
  server.listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  const daemon = scene.run({ bootstrap: NOBODY, inputs: socketInput(path) });
  assert.equal(await daemon.ended(), 73);
  assert.deepEqual(said(daemon), [
    `millrace: socket ${path} cannot be created: a running process listens on it. ` +
      'Fix: stop that process, or choose another path',
  ]);
  const [answer] = (await once(connect(path), 'data')) as [Buffer];
  assert.equal(answer.toString(), 'mine\n');
});

test('a socket that a dead process left is replaced, and works', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const path = scene.path('in.sock');
  const script = `require('net').createServer().listen('${path}', () => process.kill(process.pid, 'SIGKILL'))`;
  assert.throws(() => execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' }));
  assert.ok(lstatSync(path).isSocket(), 'the dead process left its socket');
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs: socketInput(path) });
  await daemon.says(/all inputs are being read/);
  connect(path).end('one\n');
  await until(() => count(cluster, 'logs') === 1);
  assert.equal(await daemon.stop(), 0);
  assert.deepEqual(values(cluster, 'logs', 0), ['one']);
  assert.deepEqual(said(daemon), [`info socketListening: listening on ${path}`, STARTED, STOPPED]);
  assert.ok(!existsSync(path), 'and its own is removed at the end');
});

test('a second daemon on the same socket is refused, the first goes on', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const path = scene.path('in.sock');
  const settings = { bootstrap: cluster.bootstrap, inputs: socketInput(path) };
  const first = scene.run(settings);
  await first.says(/all inputs are being read/);
  const second = scene.run(settings);
  assert.equal(await second.ended(), 73);
  connect(path).end('one\n');
  await until(() => count(cluster, 'logs') === 1);
  assert.equal(await first.stop(), 0);
});

test('what is not a socket and a folder that is missing are refused with 73', async (t) => {
  const scene = new Scene(t);
  const file = scene.write('notes.txt', 'mine\n');
  const link = scene.path('gone/in.sock');
  const cases: [string, string][] = [
    [
      file,
      'there is a file of that name which is not a socket. Fix: remove it, or choose another path',
    ],
    [
      link,
      `${scene.folder}/gone does not exist. Fix: mkdir -p ${scene.folder}/gone, or RuntimeDirectory= in the unit`,
    ],
    [`${file}/in.sock`, `${file} is not a directory. Fix: choose a path in a directory`],
  ];
  for (const [path, problem] of cases) {
    const daemon = scene.run({ bootstrap: NOBODY, inputs: socketInput(path) });
    assert.equal(await daemon.ended(), 73);
    assert.deepEqual(said(daemon), [`millrace: socket ${path} cannot be created: ${problem}`]);
  }
});

test('a socket path that is too long is refused with 78, and its bytes are told', async (t) => {
  const scene = new Scene(t);
  const path = scene.path('ü'.repeat(60));
  const daemon = scene.run({ bootstrap: NOBODY, inputs: socketInput(path) });
  assert.equal(await daemon.ended(), 78);
  const bytes = String(Buffer.byteLength(path));
  const fault = `inputs.0.socket.path: ${path} has ${bytes} bytes, and the system takes 107 for a socket`;
  assert.equal(
    daemon.output.replace(/:\d+:\d+: /, ': '),
    'millrace: the configuration has a fault:\n' +
      `${scene.path('millrace.yaml')}: ${fault}\n` +
      '  fix: use a shorter path, such as one below /run\n',
  );
});

test('a socket in a folder without permission is refused with 77', async (t) => {
  const via = boundByPermissions(t);
  if (via === undefined) return;
  const scene = new Scene(t);
  const folder = scene.makeFolder('locked');
  chmodSync(folder, 0o500);
  const path = `${folder}/in.sock`;
  const daemon = scene.run({ bootstrap: NOBODY, inputs: socketInput(path) }, via);
  assert.equal(await daemon.ended(), 77);
  assert.deepEqual(said(daemon), [
    `millrace: socket ${path} cannot be created: permission denied. Fix: let this user enter and write ${folder}, or choose another path`,
  ]);
  chmodSync(folder, 0o000);
  const outside = scene.run({ bootstrap: NOBODY, inputs: socketInput(path) }, via);
  assert.equal(await outside.ended(), 77);
  assert.deepEqual(said(outside), [
    `millrace: socket ${path} cannot be created: permission denied. Fix: let this user enter and write ${folder}, or choose another path`,
  ]);
});

test('a group that is not there is refused with 78, and no socket stays behind', async (t) => {
  const scene = new Scene(t);
  const path = scene.path('in.sock');
  const inputs = [{ socket: { path, topic: 'logs', group: 'nosuchgroup' } }];
  const daemon = scene.run({ bootstrap: NOBODY, inputs });
  assert.equal(await daemon.ended(), 78);
  assert.deepEqual(said(daemon), [
    `millrace: socket ${path}: there is no group nosuchgroup in /etc/group. ` +
      'Fix: groupadd nosuchgroup, or name a group that is there, or its number',
  ]);
  assert.ok(!existsSync(path));
});

test('what came through a socket and cannot be delivered in time is said to be lost', async (t) => {
  const scene = new Scene(t);
  const path = scene.path('in.sock');
  const inputs = socketInput(path);
  const daemon = scene.run({ bootstrap: NOBODY, inputs, drainTimeoutMs: 100 });
  await daemon.says(/all inputs are being read/);
  await daemon.says(/brokersUnreachable/);
  const client = connect(path);
  client.end('one\ntwo\n');
  await once(client, 'close');
  assert.equal(await daemon.stop(), 75);
  assert.equal(
    said(daemon).at(-1),
    `warn stopped: 8 bytes of what was read could not be delivered within drain.timeout.ms (100 ms): what of it came from socket ${path} is lost`,
  );
});

test('a second signal ends it at once, and says what of it is lost', async (t) => {
  const scene = new Scene(t);
  const path = scene.path('in.sock');
  const log = scene.write('app.log', 'one\n');
  const inputs = [...socketInput(path), { tail: { paths: [log], topic: 'logs' } }];
  const daemon = scene.run({ bootstrap: NOBODY, inputs });
  await daemon.says(/all inputs are being read/);
  daemon.signal('SIGTERM');
  await sleep(1000);
  assert.equal(await daemon.stop(), 143);
  assert.equal(
    said(daemon).at(-1),
    `warn cutShort: second signal: ending at once, what is not delivered is left: files go on from there at the next start; what of it came from socket ${path} is lost`,
  );
});
