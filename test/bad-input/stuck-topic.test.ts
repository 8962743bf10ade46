import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { count, embeddedCluster } from '../support/embedded-cluster.ts';
import { numberedLines } from '../support/numbered-lines.ts';
import { until } from '../support/until.ts';
import { Scene } from './scene.ts';

const LINES = 200_000;

test('a topic that does not exist keeps its own lines waiting, and nobody else', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { good: 2 }, autoCreate: false });
  const scene = new Scene(t);
  for (const name of ['absent', 'good']) {
    writeFileSync(scene.path(`${name}.log`), numberedLines(name, 0, LINES, 227));
  }
  const inputs = ['absent', 'good'].map((topic) => ({
    tail: { paths: [scene.path(`${topic}.log`)], topic, from: 'beginning' },
  }));
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs });

  await until(() => count(cluster, 'good') === LINES, 60_000);
  await daemon.says(/topic absent does not exist/);

  cluster.createTopic('absent', { partitions: 2 });
  await until(() => count(cluster, 'absent') === LINES, 60_000);
  assert.equal(await daemon.stop(), 0, daemon.output);
});
