import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { test } from 'node:test';
import { Scene } from '../bad-input/scene.ts';
import { count, embeddedCluster } from '../support/embedded-cluster.ts';
import { numberedLines } from '../support/numbered-lines.ts';
import { until } from '../support/until.ts';

const LOUD_LINES = 200_000;
const QUIET_LINES = 20;

test('lines of a quiet file do not wait for the backlog of another, however slow its codec', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { loud: 2, quiet: 1 } });
  const scene = new Scene(t);
  const loud = scene.write('loud.log', numberedLines('loud', 0, LOUD_LINES, 227));
  const quiet = scene.write('quiet.log', '');
  scene.run({
    bootstrap: cluster.bootstrap,
    // Some 3 MB a second: the backlog takes a quarter of a minute.
    kafka: { 'compression.type': 'zstd', 'compression.zstd.level': 19 },
    inputs: [
      { tail: { paths: [loud], topic: 'loud', from: 'beginning' } },
      { tail: { paths: [quiet], topic: 'quiet', from: 'beginning' } },
    ],
  });
  await until(() => count(cluster, 'loud') > 0, 60_000);
  for (let line = 1; line <= QUIET_LINES; line += 1) {
    appendFileSync(quiet, `line ${line}\n`);
    await until(() => count(cluster, 'quiet') === line, 60_000);
  }
  const shipped = count(cluster, 'loud');
  assert.ok(
    shipped < LOUD_LINES / 2,
    `${shipped} of ${LOUD_LINES} lines of the backlog went first`,
  );
});
