/** What stands in the configuration of an input decides what is shipped: the real program, from its file to what the broker keeps. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { said, Scene, STARTED } from '../bad-input/scene.ts';
import type { Daemon } from '../support/daemon.ts';
import { count, embeddedCluster, records, values } from '../support/embedded-cluster.ts';
import { until } from '../support/until.ts';

const READS = /all inputs are being read/;
const kinds = ['tail', 'socket', 'stdin'] as const;

interface Shipping {
  readonly cluster: EmbeddedCluster;
  readonly scene: Scene;
  /** `run` with these inputs; it reads when it is returned. */
  readonly start: (
    inputs: readonly Record<string, unknown>[],
    ...args: string[]
  ) => Promise<Daemon>;
}

async function shipping(t: TestContext): Promise<Shipping> {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  return {
    cluster,
    scene,
    start: async (inputs, ...args) => {
      const file = scene.config({ bootstrap: cluster.bootstrap, inputs });
      const daemon = scene.start(['run', '-c', file, ...args]);
      await daemon.says(READS);
      return daemon;
    },
  };
}

/** Ends it in good order when the topics hold so many records; what it may not have shipped would be there then too. */
async function endAt(daemon: Daemon, cluster: EmbeddedCluster, total: number): Promise<void> {
  await until(
    () => cluster.topics.reduce((sum, { name }) => sum + count(cluster, name), 0) >= total,
  );
  assert.equal(await daemon.stop(), 0, daemon.output);
}

/** The same text through an input of each kind, with the same settings, into a topic of the kind's name. */
async function throughEach(
  t: TestContext,
  text: string,
  settings: Readonly<Record<string, unknown>>,
  recordsEach: number,
): Promise<EmbeddedCluster> {
  const { cluster, scene, start } = await shipping(t);
  const daemon = await start([
    { tail: { paths: [scene.write('app.log', text)], topic: 'tail', ...settings } },
    { socket: { path: scene.path('in.sock'), topic: 'socket', ...settings } },
    { stdin: { topic: 'stdin', ...settings } },
  ]);
  daemon.child.stdin?.end(text);
  const client = connect(scene.path('in.sock'));
  client.end(text);
  await once(client, 'close');
  await endAt(daemon, cluster, recordsEach * kinds.length);
  return cluster;
}

/** Header names and texts of the first record of a topic. */
function headers(cluster: EmbeddedCluster, topic: string): [string, string][] {
  const [first] = records(cluster, topic, 0);
  return (first?.headers ?? []).map(({ key, value }) => [key, Buffer.from(value ?? []).toString()]);
}

test('each kind of input ships into its topic every line as it is, and no headers, unless told otherwise', async (t) => {
  const cluster = await throughEach(t, 'one\r\n\ntwo\n', {}, 3);
  for (const kind of kinds) {
    assert.deepEqual(values(cluster, kind, 0), ['one\r', '', 'two'], kind);
    assert.deepEqual(headers(cluster, kind), [], kind);
  }
});

test('each kind of input skips empty lines, takes off carriage returns, cuts long lines and names its host when told to', async (t) => {
  const settings = {
    'empty.lines': 'skip',
    'strip.cr': true,
    'max.line.bytes': 4,
    'long.lines': 'truncate',
    headers: { host: true },
  };
  const cluster = await throughEach(t, 'abcdefgh\n\none\r\n', settings, 2);
  for (const kind of kinds) {
    assert.deepEqual(values(cluster, kind, 0), ['abcd', 'one'], kind);
    assert.deepEqual(headers(cluster, kind), [['host', hostname()]], kind);
  }
});

test('tail: with headers.path each record names its file, beside the host if that is wanted', async (t) => {
  const { cluster, scene, start } = await shipping(t);
  const [a, b] = [scene.write('a.log', 'one\n'), scene.write('b.log', 'two\n')];
  const daemon = await start([
    { tail: { paths: [a], topic: 'a', headers: { path: true } } },
    { tail: { paths: [b], topic: 'b', headers: { path: true, host: true } } },
  ]);
  await endAt(daemon, cluster, 2);
  assert.deepEqual(headers(cluster, 'a'), [['path', a]]);
  assert.deepEqual(headers(cluster, 'b'), [
    ['host', hostname()],
    ['path', b],
  ]);
});

test('tail: what exclude names is not shipped, though paths leads to it', async (t) => {
  const { cluster, scene, start } = await shipping(t);
  scene.write('a.log', 'one\n');
  scene.write('old.gz', 'compressed\n');
  scene.makeFolder('secret');
  scene.write('secret/b.log', 'secret\n');
  const exclude = ['*.gz', scene.path('secret/*')];
  const paths = [scene.path('*.{log,gz}'), scene.path('secret/*.log')];
  const daemon = await start([{ tail: { paths, exclude, topic: 'logs' } }]);
  await endAt(daemon, cluster, 1);
  assert.deepEqual(values(cluster, 'logs', 0), ['one']);
});

test('tail: two with from=end and one topic leave out what was there first, and go on where they were, each by itself', async (t) => {
  const { cluster, scene, start } = await shipping(t);
  const [a, b] = [scene.write('a.log', 'old a\n'), scene.write('b.log', 'old b\n')];
  const inputs = [a, b].map((path) => ({ tail: { paths: [path], topic: 'logs', from: 'end' } }));
  const first = await start(inputs);
  appendFileSync(a, 'new a\n');
  appendFileSync(b, 'new b\n');
  await endAt(first, cluster, 2);
  appendFileSync(a, 'later a\n');
  appendFileSync(b, 'later b\n');
  const second = await start(inputs);
  await endAt(second, cluster, 4);
  const shipped = values(cluster, 'logs', 0);
  assert.deepEqual(shipped.slice(0, 2).sort(), ['new a', 'new b']);
  assert.deepEqual(shipped.slice(2).sort(), ['later a', 'later b']);
});

test('tail: a change that the system does not tell of is found within scan.interval.ms', async (t) => {
  const { cluster, scene, start } = await shipping(t);
  const CHANGES = 3;
  for (let round = 0; round <= CHANGES; round += 1) {
    scene.makeFolder(`${round}`);
    scene.write(`${round}/app.log`, `round ${round}\n`);
  }
  // The watch is on the folder that the link leads to, so that nobody tells when it leads elsewhere.
  const leadTo = (round: number): void => {
    symlinkSync(scene.path(`${round}`), scene.path('next'));
    renameSync(scene.path('next'), scene.path('current'));
  };
  leadTo(0);
  const paths = [scene.path('current/*.log')];
  const daemon = await start([{ tail: { paths, topic: 'logs', 'scan.interval.ms': 50 } }]);
  await until(() => count(cluster, 'logs') === 1);
  let tookMs = 0;
  for (let round = 1; round <= CHANGES; round += 1) {
    // A folder that is new leads to one more look at once, which must not be what finds the next.
    await sleep(200);
    const beganMs = performance.now();
    leadTo(round);
    await until(() => count(cluster, 'logs') === round + 1);
    tookMs += performance.now() - beganMs;
  }
  assert.ok(tookMs < CHANGES * 600, `${tookMs} ms for ${CHANGES} changes`);
  assert.equal(await daemon.stop(), 0, daemon.output);
});

test('socket: its file has the mode and the group of the configuration', async (t) => {
  const { scene, start } = await shipping(t);
  // Only root may give a file to a group that it is not in.
  const group = process.getuid?.() === 0 ? 1 : (process.getgid?.() ?? 0);
  const paths = [scene.path('a.sock'), scene.path('b.sock')];
  const daemon = await start([
    { socket: { path: paths[0], topic: 'logs', mode: '0602', group: String(group) } },
    { socket: { path: paths[1], topic: 'logs' } },
  ]);
  const stats = paths.map((path) => statSync(path));
  assert.deepEqual(
    stats.map(({ mode }) => mode & 0o777),
    [0o602, 0o660],
  );
  assert.deepEqual(
    stats.map(({ gid }) => gid),
    [group, process.getgid?.()],
  );
  assert.equal(await daemon.stop(), 0, daemon.output);
});

test('state.dir is where positions are kept: with another one, everything is shipped again', async (t) => {
  const { cluster, scene, start } = await shipping(t);
  const inputs = [{ tail: { paths: [scene.write('a.log', 'one\n')], topic: 'logs' } }];
  await endAt(await start(inputs), cluster, 1);
  assert.ok(existsSync(scene.path('state')));
  await endAt(await start(inputs), cluster, 1);
  assert.deepEqual(values(cluster, 'logs', 0), ['one']);
  await endAt(await start(inputs, '--set', `state.dir=${scene.path('other')}`), cluster, 2);
  assert.deepEqual(values(cluster, 'logs', 0), ['one', 'one']);
});

test('workers is how many threads encode a backlog', async (t) => {
  const { cluster, scene, start } = await shipping(t);
  const line = `${'x'.repeat(999)}\n`;
  const inputs = [{ tail: { paths: [scene.write('a.log', line.repeat(8000))], topic: 'logs' } }];
  const threads: number[] = [];
  for (const workers of [1, 3]) {
    const more = ['--set', `workers=${workers}`, '--set', `state.dir=${scene.path(`${workers}`)}`];
    const daemon = await start(inputs, '-X', 'compression.type=gzip', ...more);
    await until(() => count(cluster, 'logs') === 8000 * (threads.length + 1));
    threads.push(readdirSync(`/proc/${daemon.child.pid ?? 0}/task`).length);
    assert.equal(await daemon.stop(), 0, daemon.output);
  }
  const [one = 0, three = 0] = threads;
  assert.equal(three - one, 2, `${one} threads, then ${three}`);
});

test('log.format=text is for people, json for programs, and log.level leaves out what is less important', async (t) => {
  const { scene, start } = await shipping(t);
  const inputs = [{ socket: { path: scene.path('in.sock'), topic: 'logs' } }];
  const text = await start(inputs, '--set', 'log.format=text');
  assert.match(text.output, /^\d\d:\d\d:\d\d info {2}started: all inputs are being read$/m);
  assert.equal(await text.stop(), 0, text.output);
  const json = await start(inputs, '--set', 'log.format=json');
  assert.equal(await json.stop(), 0, json.output);
  assert.ok(said(json).includes(STARTED), json.output);

  const file = scene.path('millrace.yaml');
  const quiet = scene.start(['run', '-c', file, '--set', 'log.level=error']);
  await until(() => existsSync(scene.path('in.sock')));
  assert.equal(await quiet.stop(), 0);
  assert.equal(quiet.output, '');
});

test('produce: a lone - is standard input, not a file of that name', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  scene.write('-', 'from the file\n');
  const { code, said: lines } = await scene.produce(cluster.bootstrap, 'one\n', '-');
  assert.equal(code, 0, lines.join('\n'));
  assert.deepEqual(values(cluster, 'logs', 0), ['one']);
});
