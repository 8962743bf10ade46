import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { count, embeddedCluster, values } from '../support/embedded-cluster.ts';
import { until } from '../support/until.ts';
import { onFullDisk } from './privileges.ts';
import { NOBODY, said, Scene, STARTED, STOPPED } from './scene.ts';

/** One that ships a file and has failed to write its checkpoint; undefined where no disk can be filled, which is told. */
async function daemonOnFullDisk(t: TestContext) {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const stateDir = scene.makeFolder('state');
  const via = onFullDisk(t, stateDir);
  if (via === undefined) return undefined;
  const log = scene.write('app.log', 'one\n');
  const inputs = [{ tail: { paths: [log], topic: 'logs' } }];
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs, stateDir }, via);
  await daemon.says(/checkpointWriteFailed/);
  return { cluster, daemon, log, stateDir };
}

test('a full disk under the checkpoint: delivery goes on, it is said once, and positions are written when there is room', async (t) => {
  const failing = await daemonOnFullDisk(t);
  if (failing === undefined) return;
  const { cluster, daemon, log, stateDir } = failing;
  appendFileSync(log, 'two\n');
  await until(() => count(cluster, 'logs') === 2);
  const inside = `/proc/${String(daemon.child.pid)}/root${stateDir}`;
  rmSync(`${inside}/ballast`);
  appendFileSync(log, 'three\n');
  await daemon.says(/checkpointWriteRecovered/);
  await until(() =>
    [0, 1].some((n) => readIfThere(`${inside}/checkpoint.${String(n)}`).includes('"position":14')),
  );
  assert.equal(await daemon.stop(), 0);
  assert.deepEqual(values(cluster, 'logs', 0), ['one', 'two', 'three']);
  assert.deepEqual(said(daemon), [
    STARTED,
    `error checkpointWriteFailed: cannot write checkpoint ${stateDir}/checkpoint.1: the disk is full (ENOSPC). ` +
      'Positions are kept in memory and written when it works again; delivery goes on, and a crash before that sends again ' +
      `what was delivered meanwhile. Fix: free space on the file system of ${stateDir}`,
    `info checkpointWriteRecovered: checkpoint in ${stateDir} is written again, all positions are on the disk`,
    STOPPED,
  ]);
});

test('a stop while the positions cannot be written ends with 74, and says what comes again', async (t) => {
  const failing = await daemonOnFullDisk(t);
  if (failing === undefined) return;
  const { cluster, daemon, stateDir } = failing;
  await until(() => count(cluster, 'logs') === 1);
  assert.equal(await daemon.stop(), 74);
  assert.deepEqual(said(daemon).slice(-2), [
    `error positionsNotSaved: the positions could not be written to ${stateDir}: what was delivered since they last were is sent again at the next start`,
    STOPPED,
  ]);
});

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

test('a second daemon on the same state directory is refused with 75, the first goes on', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const log = scene.write('app.log', 'one\n');
  const inputs = [{ tail: { paths: [log], topic: 'logs' } }];
  const first = scene.run({ bootstrap: cluster.bootstrap, inputs });
  await first.says(/all inputs are being read/);
  const second = scene.run({ bootstrap: cluster.bootstrap, inputs });
  assert.equal(await second.ended(), 75);
  const stateDir = scene.path('state');
  assert.deepEqual(said(second), [
    `millrace: state directory ${stateDir} is in use by another millrace (its lock is ${stateDir}/lock): ` +
      'stop that one, or give this one a state.dir of its own',
  ]);
  appendFileSync(log, 'two\n');
  await until(() => count(cluster, 'logs') === 2);
  assert.equal(await first.stop(), 0);
});

test('a checkpoint that is damaged in both generations ends run with 74, and is not touched', async (t) => {
  const scene = new Scene(t);
  const log = scene.write('app.log', 'one\n');
  const stateDir = scene.makeFolder('state');
  scene.write('state/checkpoint.0', 'rubbish\n');
  scene.write('state/checkpoint.1', '');
  const inputs = [{ tail: { paths: [log], topic: 'logs' } }];
  const daemon = scene.run({ bootstrap: NOBODY, inputs });
  assert.equal(await daemon.ended(), 74);
  assert.deepEqual(said(daemon), [
    `millrace: no whole checkpoint in ${stateDir}: ${stateDir}/checkpoint.0: its first line is not a checkpoint head; ` +
      `${stateDir}/checkpoint.1: its first line is not a checkpoint head. Bring checkpoint.0 or checkpoint.1 back from a copy, ` +
      'or move both away to start anew: then `from` decides where each file begins',
  ]);
  assert.equal(readIfThere(`${stateDir}/checkpoint.0`), 'rubbish\n');
});
