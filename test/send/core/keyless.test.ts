import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../support/simulated-world.ts';

function counts(world: SimulatedWorld, partitions: number): number[] {
  return Array.from(
    { length: partitions },
    (_, i) => world.cluster.partition('logs', i).log.length,
  );
}

test('a keyless batch has no partition until it goes out', () => {
  const world = new SimulatedWorld();
  world.cluster.createTopic('logs', 3);
  const batch = world.batch('logs', undefined);
  world.start();
  world.step({ type: 'batchesSealed', batches: [batch] });
  const partitions = [batch.partition];
  world.settle();
  partitions.push(batch.partition);
  assert.ok(partitions[0] === -1 && partitions[1] !== -1);
});

test('small batches stay with one partition for batch.size bytes, then draw another', () => {
  const world = SimulatedWorld.warm({ partitions: 6, config: { batchSize: 10_000 } });
  const chosen: number[] = [];
  for (let i = 0; i < 100; i++) {
    const batch = world.send('logs', undefined);
    world.settle();
    chosen.push(batch.partition);
  }
  for (let i = 0; i < 100; i += 10) {
    assert.equal(new Set(chosen.slice(i, i + 10)).size, 1, 'ten batches of 1000 bytes');
  }
  assert.ok(new Set(chosen).size >= 4);
});

test('batches are spread evenly, by bytes', () => {
  const world = SimulatedWorld.warm({ nodes: 3, partitions: 6, config: { batchSize: 1000 } });
  for (let i = 0; i < 60; i++) {
    const batches = Array.from({ length: 20 }, () => world.batch('logs', undefined));
    world.step({ type: 'batchesSealed', batches });
    world.run(20);
  }
  world.settle();
  for (const count of counts(world, 6)) assert.ok(count > 150 && count < 260, String(count));
  world.verify();
});

test('batches are spread evenly over many partitions too, and stuck ones hold up none', () => {
  const world = SimulatedWorld.warm({ nodes: 3, partitions: 90, config: { batchSize: 1000 } });
  world.faults.refusal = ({ partition }) => (partition >= 80 ? 'NOT_ENOUGH_REPLICAS' : undefined);
  for (let i = 0; i < 400; i++) {
    const batches = Array.from({ length: 10 }, () => {
      return world.batch('logs', undefined, 10, { replayable: true });
    });
    world.step({ type: 'batchesSealed', batches });
    world.run(20);
  }
  const each = counts(world, 90);
  for (const count of each.slice(0, 80)) assert.ok(count > 25 && count < 80, String(count));
  assert.deepEqual(new Set(each.slice(80)), new Set([1]));
  world.faults = {};
  world.settle();
  world.verify();
});

test('a stuck partition holds up none of them, a slow broker gets fewer', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 4, config: { batchSize: 1000 } });
  world.faults.refusal = ({ partition }) => (partition === 2 ? 'NOT_ENOUGH_REPLICAS' : undefined);
  world.faults.request = ({ type, node }) =>
    type === 'sendProduce' && node === 1 ? { delayMs: 50 } : undefined;
  for (let i = 0; i < 100; i++) {
    world.send('logs', undefined, 10, { replayable: true });
    world.send('logs', undefined, 10, { replayable: true });
    world.run(8);
  }
  world.run(5000);
  const [fast = 0, slow = 0, stuck = 0] = counts(world, 4);
  assert.equal(stuck, 1);
  assert.ok(slow < fast * 0.8, `${String(slow)} against ${String(fast)}`);
  const waiting = world.sent.filter((batch) => !world.outcomes.has(batch));
  assert.ok(waiting.length <= 5, 'only what was given to the stuck one');
  world.faults = {};
  world.settle();
  world.verify();
});

test('a broker that answers nothing gets no more after partitioner.availability.timeout.ms', () => {
  const world = SimulatedWorld.warm({
    nodes: 2,
    partitions: 2,
    config: { batchSize: 1000, partitionerAvailabilityTimeoutMs: 100 },
  });
  world.faults.request = ({ type, node }) =>
    type === 'sendProduce' && node === 1 ? { delayMs: 10_000 } : undefined;
  for (let i = 0; i < 100; i++) {
    world.send('logs', undefined);
    world.run(10);
  }
  const [answering = 0] = counts(world, 2);
  assert.ok(answering > 95, String(answering));
});

test('without adaptive partitioning the spread is uniform whatever the brokers do', () => {
  const world = SimulatedWorld.warm({
    nodes: 2,
    partitions: 4,
    config: { batchSize: 1000, partitionerAdaptivePartitioningEnable: false },
  });
  world.faults.request = ({ type, node }) =>
    type === 'sendProduce' && node === 1 ? { delayMs: 50 } : undefined;
  for (let i = 0; i < 200; i++) {
    world.send('logs', undefined, 10, { replayable: true });
    world.run(3);
  }
  world.settle();
  for (const count of counts(world, 4)) assert.ok(count > 30 && count < 75, String(count));
  world.verify();
});

test('a partition whose batch expired while nobody led it takes keyless batches when it is led again', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  const topic = world.cluster.topics.get('logs');
  assert.ok(topic !== undefined);
  world.faults.refusal = () => 'NOT_ENOUGH_REPLICAS';
  const refused = world.send('logs', undefined);
  world.run(500);
  topic.error = 'LEADER_NOT_AVAILABLE';
  world.state.metadata.wanted = true;
  world.run(5000);
  assert.equal(world.outcome(refused).type, 'expired');
  topic.error = undefined;
  world.faults = {};
  world.run(2000);
  const next = world.send('logs', undefined, 10, { replayable: true });
  world.settle();
  assert.equal(world.outcome(next).type, 'acked');
});

test('a keyless batch waits no longer than the partition has to be left alone', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  world.faults.refusal = () => 'TOPIC_AUTHORIZATION_FAILED';
  const parked = world.send('logs', 0);
  world.run(3500);
  assert.equal(world.outcome(parked).type, 'expired');
  world.faults = {};
  world.send('logs', undefined, 10, { replayable: true });
  // A timer of something else comes first.
  world.state.wakeMs = world.nowMs;
  world.step({ type: 'tick' });
  world.settle(10_000);
});

test('an idle topic whose brokers were all replaced is asked for when it is used again', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  world.run(20 * 60_000);
  world.cluster.up.set(7, true);
  for (const partition of world.cluster.topics.get('logs')?.partitions ?? []) partition.moveTo(7);
  world.cluster.up.delete(0);
  world.cluster.up.delete(1);
  world.cutAll(false);
  world.run(18 * 60_000);
  world.send('logs', undefined, 10, { replayable: true });
  world.settle(2000);
});
