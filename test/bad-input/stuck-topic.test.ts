import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { count, embeddedCluster } from '../support/embedded-cluster.ts';
import { numberedLines } from '../support/numbered-lines.ts';
import { until } from '../support/until.ts';
import { Scene } from './scene.ts';

/** More than fits into the memory of the daemon. */
const inputs = [
  {
    shape: 'lines of 227 bytes',
    lines: 200_000,
    of: (name: string) => numberedLines(name, 0, 200_000, 227),
  },
  // As records they take eight times as much.
  { shape: 'lines of one byte', lines: 4_000_000, of: () => Buffer.alloc(8_000_000, 'x\n') },
];

for (const { shape, lines, of } of inputs) {
  test(`a topic that does not exist keeps its own lines waiting, and nobody else: ${shape}`, async (t) => {
    const cluster = await embeddedCluster(t, { topics: { good: 2 }, autoCreate: false });
    const scene = new Scene(t);
    const topics = ['absent', 'good'];
    for (const name of topics) writeFileSync(scene.path(`${name}.log`), of(name));
    const daemon = scene.run({
      bootstrap: cluster.bootstrap,
      inputs: topics.map((topic) => ({
        tail: { paths: [scene.path(`${topic}.log`)], topic, from: 'beginning' },
      })),
    });

    await until(() => count(cluster, 'good') === lines, 60_000);
    await daemon.says(/topic absent does not exist/);

    cluster.createTopic('absent', { partitions: 2 });
    await until(() => count(cluster, 'absent') === lines, 60_000);
    assert.equal(await daemon.stop(), 0, daemon.output);
  });
}
