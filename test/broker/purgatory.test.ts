import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Partition } from '../../src/broker/partition.ts';
import { waitUntil } from '../../src/broker/purgatory.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { batchOf } from './test-batches.ts';

/** A partition, and how many listen to its changes. */
async function listenedTo(
  t: TestContext,
): Promise<{ partition: Partition; listening: () => number }> {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const partition = cluster.partition('logs', 0);
  const listeners = new Set<() => void>();
  const listen = partition.onChange.bind(partition);
  partition.onChange = (listener) => {
    const stop = listen(listener);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      stop();
    };
  };
  return { partition, listening: () => listeners.size };
}

function append(partition: Partition): void {
  const timestampMs = 1_700_000_000_000;
  const { kind } = partition.append(1, batchOf({ timestampMs }), 1, timestampMs);
  assert.equal(kind, 'appended');
}

test('a request that got what it waited for listens to its partitions no more', async (t) => {
  const { partition, listening } = await listenedTo(t);
  const waiting = waitUntil([partition, partition], () => partition.log.endOffset === 2, 5000);
  assert.equal(listening(), 1, 'once, however often it is named');
  append(partition);
  assert.equal(listening(), 1, 'it waits for one more');
  append(partition);
  assert.equal(await waiting, true);
  assert.equal(listening(), 0);
});

test('a request that waited in vain listens to its partitions no more', async (t) => {
  const { partition, listening } = await listenedTo(t);
  // Nothing else keeps the process alive: the timer of a waiting request does not.
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
  assert.equal(await waitUntil([partition], () => false, 5), false);
  assert.equal(listening(), 0);
});

test('what holds already, or may not be waited for, is answered without listening', async (t) => {
  const { partition, listening } = await listenedTo(t);
  const answers = [
    waitUntil([partition], () => true, 60_000),
    waitUntil([partition], () => false, 0),
  ];
  assert.equal(listening(), 0);
  assert.deepEqual(await Promise.all(answers), [true, false]);
});
