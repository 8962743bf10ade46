import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProducerBatch } from '../../../src/accumulate/producer-batch.ts';
import {
  nextSequence,
  PartitionIdentity,
  ProducerIds,
  sequenceDistance,
  unstamp,
} from '../../../src/send/producer-state.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

const LAST = 2 ** 31 - 1;

function batchOf(recordCount: number): ProducerBatch {
  const sizes = { recordCount, batchBytes: 100, rawBytes: 100 };
  return new ProducerBatch({ id: 1, topic: 'logs', ...sizes, createdMs: 0, payload: undefined });
}

function identityAt(counter: number): PartitionIdentity {
  const ids = new ProducerIds();
  ids.assign(7n, 0);
  const identity = new PartitionIdentity();
  identity.adopt(ids);
  identity.counter = counter;
  return identity;
}

test('0 follows 2^31 - 1, also inside a batch', () => {
  assert.equal(nextSequence(LAST), 0);
  const identity = identityAt(LAST - 2);
  const across = batchOf(5);
  const behind = batchOf(1);
  identity.stamp(across);
  identity.stamp(behind);
  assert.equal(across.baseSequence, LAST - 2);
  assert.equal(behind.baseSequence, 2);
});

test('sequences stay exact when more records have gone out than 2^31, and 2^32', () => {
  for (const counter of [2 ** 31, 2 ** 32 + 17, 2 ** 40 + 3]) {
    const batch = batchOf(3);
    identityAt(counter).stamp(batch);
    assert.equal(batch.baseSequence, counter % 2 ** 31);
  }
});

test('which of two sequences comes first is told across the wrap', () => {
  assert.equal(sequenceDistance(10, 15), 5);
  assert.equal(sequenceDistance(15, 10), -5);
  assert.equal(sequenceDistance(LAST, 4), 5);
  assert.equal(sequenceDistance(4, LAST), -5);
});

test('a batch that may be in the log cannot lose its sequence, nor get a second one', () => {
  const identity = identityAt(0);
  const batch = batchOf(1);
  identity.stamp(batch);
  assert.throws(() => identity.stamp(batch), /would double it/);
  batch.maybeAppended = true;
  assert.throws(() => unstamp(batch), /keeps its identity/);
});

test('a producer id that the broker would not take for idempotent is a bug, not a default', () => {
  assert.throws(() => new ProducerIds().assign(-5n, 0), /negative producer id/);
});

test('batches go on across the wrap of the sequence, with a lost connection right on it', () => {
  const world = SimulatedWorld.warm();
  const partition = world.state.topics.get('logs')?.partitions[0];
  assert.ok(partition !== undefined);
  // As after 2^31 - 25 records: the broker has to know of them, too.
  partition.identity.counter = 2 ** 31 - 25;
  partition.identity.ackedCounter = 2 ** 31 - 25;
  const state = world.cluster.partition('logs', 0).stateOf(0).get(1000n);
  assert.ok(state !== undefined);
  state.lastSequence = LAST - 25;
  const batches = Array.from({ length: 5 }, () => world.send('logs', 0));
  world.run(3);
  world.cutAll(true);
  world.settle();
  assert.deepEqual(
    world.cluster
      .partition('logs', 0)
      .log.slice(1, 6)
      .map(({ baseSequence }) => baseSequence),
    [LAST - 24, LAST - 14, LAST - 4, 5, 15],
  );
  assert.equal(batches.length, 5);
  world.verify();
});

test('a new epoch of one partition leaves the others alone', () => {
  const world = SimulatedWorld.warm({ partitions: 2 });
  world.faults.refusal = ({ partition }) => (partition === 0 ? 'INVALID_RECORD' : undefined);
  world.send('logs', 0);
  world.settle();
  world.faults = {};
  for (let i = 0; i < 4; i++) world.send('logs', i % 2);
  world.settle();
  const epochs = (index: number) =>
    world.cluster.partition('logs', index).log.map(({ producerEpoch }) => producerEpoch);
  assert.deepEqual(epochs(0), [0, 1, 1]);
  assert.deepEqual(epochs(1), [0, 0, 0]);
  world.verify();
});

test('what is in flight to another partition keeps its epoch and sequences while one partition begins a new epoch', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  let refusals = 1;
  world.faults = {
    request: ({ type, node }) =>
      type === 'sendProduce' && node === 1 ? { delayMs: 200 } : undefined,
    refusal: ({ partition }) => {
      if (partition === 0) return world.nowMs < 1000 ? 'INVALID_RECORD' : undefined;
      return refusals-- > 0 ? 'NOT_ENOUGH_REPLICAS' : undefined;
    },
  };
  const slow = [world.send('logs', 1), world.send('logs', 1)];
  world.run(50);
  const refused = world.send('logs', 0);
  world.run(50);
  assert.equal(world.outcome(refused).type, 'rejected');
  assert.ok(slow.every((batch) => !world.outcomes.has(batch)));
  slow.push(world.send('logs', 1));
  world.run(1000);
  world.send('logs', 0);
  world.settle();
  const identities = (index: number) =>
    world.cluster
      .partition('logs', index)
      .log.map(({ producerEpoch, baseSequence }) => [producerEpoch, baseSequence]);
  assert.deepEqual(identities(0), [
    [0, 0],
    [1, 0],
  ]);
  assert.deepEqual(identities(1), [
    [0, 0],
    [0, 10],
    [0, 20],
    [0, 30],
  ]);
  world.verify();
});

test('behind the last epoch comes a new producer id, for that partition only', () => {
  const world = SimulatedWorld.warm({ partitions: 2 });
  const partition = world.state.topics.get('logs')?.partitions[0];
  assert.ok(partition !== undefined);
  partition.identity.producerEpoch = 32_767;
  partition.bumpPending = true;
  const [moved, stayed] = [world.send('logs', 0), world.send('logs', 1)];
  world.settle();
  assert.deepEqual([moved.producerId, moved.producerEpoch, moved.baseSequence], [1001n, 0, 0]);
  assert.deepEqual([stayed.producerId, stayed.producerEpoch], [1000n, 0]);
  world.verify();
});
