import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from '../bad-input/scene.ts';
import { Daemon } from '../support/daemon.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { node24 } from '../support/project.ts';

const SYNONYM =
  /queue\.buffering\.max\.ms is librdkafka's name for linger\.ms, and is taken as that/;

/** The messages of an event in what a program said, whatever its level. */
function messagesOf(event: string, output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { event: string; message: string })
    .filter((line) => line.event === event)
    .map(({ message }) => message);
}

test('run and produce say what the configuration gives cause to note', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const kafka = { 'queue.buffering.max.ms': 9 };
  const inputs = [{ stdin: { topic: 'logs' } }];
  const run = scene.run({ bootstrap: cluster.bootstrap, inputs, kafka });
  const produce = scene.start([
    ...['produce', '-b', cluster.bootstrap, '-t', 'logs'],
    ...['-X', 'queue.buffering.max.ms=9'],
  ]);
  for (const daemon of [run, produce]) {
    daemon.child.stdin?.end('one\n');
    assert.equal(await daemon.ended(), 0, daemon.output);
    const notes = messagesOf('configNote', daemon.output);
    assert.equal(notes.length, 1, daemon.output);
    assert.match(notes[0] ?? '', SYNONYM);
  }
});

test('run says once that a Node before 22 is old, and says nothing of a newer one', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const file = scene.config({
    bootstrap: cluster.bootstrap,
    inputs: [{ stdin: { topic: 'logs' } }],
  });
  const isOld = Number.parseInt(process.versions.node) < 22;
  const cases: [node: string, expected: number][] = [
    [process.execPath, isOld ? 1 : 0],
    [node24, 0],
  ];
  for (const [node, expected] of cases) {
    const daemon = new Daemon(['run', '-c', file], { node });
    t.after(() => daemon.signal('SIGKILL'));
    daemon.child.stdin?.end('one\n');
    assert.equal(await daemon.ended(), 0, daemon.output);
    const warnings = messagesOf('oldNode', daemon.output);
    assert.equal(warnings.length, expected, daemon.output);
  }
});
