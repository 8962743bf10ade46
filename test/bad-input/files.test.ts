import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { count, embeddedCluster, values } from '../support/embedded-cluster.ts';
import { until } from '../support/until.ts';
import { boundByPermissions } from './privileges.ts';
import { NOBODY, said, Scene, STARTED, STOPPED } from './scene.ts';

const NO_PERMISSION =
  'cannot be read: permission denied (EACCES). Fix: let this user read it and enter its directories, ' +
  'for instance by its group (usermod -aG adm) or setfacl -m u:USER:r';

test('run waits for a file that is missing, says so once, and ships it when it appears', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const path = scene.path('app.log');
  const inputs = [{ tail: { paths: [path], topic: 'logs', 'scan.interval.ms': 50 } }];
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs });
  await daemon.says(/all inputs are being read/);
  scene.write('app.log.new', 'one\ntwo\n');
  renameSync(scene.path('app.log.new'), path);
  await until(() => count(cluster, 'logs') === 2);
  assert.equal(await daemon.stop(), 0);
  assert.deepEqual(values(cluster, 'logs', 0), ['one', 'two']);
  assert.deepEqual(said(daemon), [
    `warn fileUnreadable: ${path} does not exist. Fix: check the path. It is read as soon as it is there.`,
    STARTED,
    `info fileReadableAgain: ${path} can be read now`,
    STOPPED,
  ]);
});

test('produce refuses a file that is missing, or no file, and sends nothing of the others', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const scene = new Scene(t);
  const good = scene.write('good.log', 'one\n');
  const missing = scene.path('missing.log');
  const packed = scene.path('old.log.gz');
  writeFileSync(packed, gzipSync('two\n'));
  const cases: [string, string][] = [
    [missing, `millrace: ${missing} does not exist. Fix: check the path`],
    [
      packed,
      `millrace: ${packed} is compressed. Fix: pipe its lines into standard input, such as zcat ${packed} | millrace produce ...`,
    ],
    [
      scene.folder,
      `millrace: ${scene.folder} is a directory. Fix: name the files in it, such as ${scene.folder}/*.log`,
    ],
    [
      '/dev/null',
      'millrace: /dev/null is not a regular file. Fix: name a file; a socket or FIFO can be piped into standard input',
    ],
  ];
  for (const [path, message] of cases) {
    assert.deepEqual(await scene.produce(cluster.bootstrap, '', good, path), {
      code: 66,
      said: [message],
    });
  }
  assert.equal(count(cluster, 'logs'), 0);
});

test('a file without permission: run says so once and ships the others, then it when it may', async (t) => {
  const via = boundByPermissions(t);
  if (via === undefined) return;
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const secret = scene.write('secret.log', 'secret\n');
  chmodSync(secret, 0o000);
  scene.write('open.log', 'open\n');
  const paths = [scene.path('*.log')];
  const inputs = [{ tail: { paths, topic: 'logs', 'scan.interval.ms': 50 } }];
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs }, via);
  await until(() => count(cluster, 'logs') === 1);
  appendFileSync(scene.path('open.log'), 'more\n');
  await until(() => count(cluster, 'logs') === 2);
  chmodSync(secret, 0o600);
  await until(() => count(cluster, 'logs') === 3);
  assert.equal(await daemon.stop(), 0);
  assert.deepEqual(values(cluster, 'logs', 0), ['open', 'more', 'secret']);
  assert.deepEqual(said(daemon), [
    `warn fileUnreadable: ${secret} ${NO_PERMISSION}. It is tried again.`,
    STARTED,
    `info fileReadableAgain: ${secret} can be read now`,
    STOPPED,
  ]);
});

test('a directory without permission: run says so once, and goes on when it may enter', async (t) => {
  const via = boundByPermissions(t);
  if (via === undefined) return;
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const folder = scene.makeFolder('logs');
  const named = scene.makeFolder('named');
  scene.write('logs/a.log', 'one\n');
  const file = scene.write('named/b.log', 'two\n');
  chmodSync(folder, 0o000);
  chmodSync(named, 0o000);
  const paths = [`${folder}/*.log`, file];
  const inputs = [{ tail: { paths, topic: 'logs', 'scan.interval.ms': 50 } }];
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs }, via);
  await daemon.says(/all inputs are being read/);
  chmodSync(folder, 0o700);
  await until(() => count(cluster, 'logs') === 1);
  chmodSync(named, 0o700);
  await until(() => count(cluster, 'logs') === 2);
  assert.equal(await daemon.stop(), 0);
  assert.deepEqual(values(cluster, 'logs', 0), ['one', 'two']);
  assert.deepEqual(said(daemon), [
    `warn fileUnreadable: ${folder} ${NO_PERMISSION}. It is tried again.`,
    `warn fileUnreadable: ${file} ${NO_PERMISSION}. It is tried again.`,
    STARTED,
    `info fileReadableAgain: ${folder} can be read now`,
    `info fileReadableAgain: ${file} can be read now`,
    STOPPED,
  ]);
});

test('produce ends with 66 at a file without permission, and run with 78 at such a configuration', async (t) => {
  const via = boundByPermissions(t);
  if (via === undefined) return;
  const scene = new Scene(t);
  const secret = scene.write('secret.log', 'secret\n');
  chmodSync(secret, 0o000);
  const produce = scene.start(['produce', '-b', 'localhost', '-t', 'logs', secret], via);
  assert.equal(await produce.ended(), 66);
  assert.deepEqual(said(produce), [`millrace: ${secret} ${NO_PERMISSION}`]);

  const run = scene.start(['run', '-c', secret], via);
  assert.equal(await run.ended(), 78);
  assert.match(
    run.output,
    new RegExp(
      '^millrace: the configuration has a fault:\n' +
        `${secret}: permission to read it is denied\n` +
        '  fix: let the user \\S+ read the file and enter its folder\n$',
    ),
  );
});

test('a state directory without permission, or that is a file, ends run before anything is read', async (t) => {
  const via = boundByPermissions(t);
  if (via === undefined) return;
  const scene = new Scene(t);
  const inputs = [{ tail: { paths: [scene.write('a.log', 'one\n')], topic: 'logs' } }];
  const locked = scene.makeFolder('locked');
  chmodSync(locked, 0o500);
  const stateDir = `${locked}/state`;
  const forbidden = scene.run({ bootstrap: 'localhost', inputs, stateDir }, via);
  assert.equal(await forbidden.ended(), 77);
  assert.deepEqual(said(forbidden), [
    `millrace: cannot use state directory ${stateDir}: permission denied (EACCES). ` +
      `Fix: let this user write ${stateDir}, or set state.dir to a directory that it can write`,
  ]);

  const file = scene.path('a.log');
  const taken = scene.run({ bootstrap: 'localhost', inputs, stateDir: file });
  assert.equal(await taken.ended(), 73);
  assert.deepEqual(said(taken), [
    `millrace: cannot use state directory ${file}: it is not a directory (EEXIST). ` +
      `Fix: check ${file}, or set state.dir to another directory`,
  ]);
});

test('standard input that cannot be read ends produce and run with 74', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const from = ['sh', '-c', `exec "$0" "$@" < ${scene.folder}`] as const;
  const broke =
    'warn fileUnreadable: standard input broke: EISDIR: illegal operation on a directory, read. ' +
    'Fix: give it a file, a pipe or a terminal that can be read.';
  const produce = scene.start(['produce', '-b', cluster.bootstrap, '-t', 'logs'], [...from]);
  assert.equal(await produce.ended(), 74);
  assert.deepEqual(said(produce), [
    broke,
    'error produced: 0 records delivered, then standard input could not be read',
  ]);
  const inputs = [{ stdin: { topic: 'logs' } }];
  const run = scene.run({ bootstrap: cluster.bootstrap, inputs }, [...from]);
  assert.equal(await run.ended(), 74);
  assert.deepEqual(said(run), [
    STARTED,
    broke,
    `${STOPPED.replace('info', 'warn')}, but standard input could not be read further`,
  ]);
});

test('standard input that is a file which may only be written ends produce with 74', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const file = scene.write('a.log', 'one\n');
  const from = ['sh', '-c', `exec "$0" "$@" 0>> ${file}`] as const;
  const produce = scene.start(['produce', '-b', cluster.bootstrap, '-t', 'logs'], [...from]);
  assert.equal(await produce.ended(), 74);
  assert.deepEqual(said(produce), [
    'warn fileUnreadable: standard input cannot be read: EBADF: bad file descriptor, read. Fix: check the file and its file system.',
    'error produced: 0 records delivered, then standard input could not be read',
  ]);
});

test('a file that is deleted before its lines are delivered: the stop says what of it is lost', async (t) => {
  const scene = new Scene(t);
  const path = scene.write('app.log', 'one\ntwo\n');
  const inputs = [{ tail: { paths: [path], topic: 'logs', 'scan.interval.ms': 50 } }];
  const daemon = scene.run({ bootstrap: NOBODY, inputs, drainTimeoutMs: 100 });
  await daemon.says(/all inputs are being read/);
  await daemon.says(/brokersUnreachable/);
  unlinkSync(path);
  assert.equal(await daemon.stop(), 75);
  assert.equal(
    said(daemon).at(-1),
    'warn stopped: 8 bytes of what was read could not be delivered within drain.timeout.ms (100 ms): ' +
      `files go on from there at the next start; lost are 8 bytes of ${path}, which was deleted`,
  );
});
