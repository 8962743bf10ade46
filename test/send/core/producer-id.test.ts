import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaErrorName } from '../../../src/kafka/errors.ts';
import { waiting } from '../../../src/send/wait-status.ts';
import type { Faults, RequestFault } from '../../support/simulated-brokers.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** Nothing was asked of anybody yet. */
function cold(options: ConstructorParameters<typeof SimulatedWorld>[0] = {}): SimulatedWorld {
  const world = new SimulatedWorld(options);
  world.cluster.createTopic('logs', 1);
  return world;
}

function onProducerId(fault: () => RequestFault | undefined): Faults {
  return { request: ({ type }) => (type === 'sendInitProducerId' ? fault() : undefined) };
}

/** The epochs of the partition's id are used up, and nothing of the last one was sent. */
function atLastEpoch(world: SimulatedWorld, partition = 0): void {
  const identity = world.state.topics.get('logs')?.partitions[partition]?.identity;
  assert.ok(identity !== undefined);
  identity.producerEpoch = 32_767;
  identity.baseCounter = identity.counter;
  identity.ackedCounter = identity.counter;
}

/** Its next batch needs a new epoch. */
function endEpoch(world: SimulatedWorld, partition = 0): void {
  const found = world.state.topics.get('logs')?.partitions[partition];
  assert.ok(found !== undefined);
  found.bumpPending = true;
}

test('the first batch goes out under the id that a broker gave, at sequence 0, and each next one counts on by its records', () => {
  const world = cold();
  world.start();
  for (const count of [3, 4, 5]) world.send('logs', 0, count);
  world.settle();
  assert.deepEqual(
    world.cluster
      .partition('logs', 0)
      .log.map(({ producerId, producerEpoch, baseSequence }) => [
        producerId,
        producerEpoch,
        baseSequence,
      ]),
    [
      [1000n, 0, 0],
      [1000n, 0, 3],
      [1000n, 0, 7],
    ],
  );
  assert.equal(world.requests('sendInitProducerId').length, 1);
  world.verify();
});

test('nothing goes out before the producer id is there, and the status says so', () => {
  const world = cold();
  world.faults = onProducerId(() => ({ delayMs: 3000 }));
  world.start();
  world.send('logs', 0);
  world.run(2000);
  assert.deepEqual(world.produced(), []);
  assert.deepEqual(
    waiting(world.state).map(({ why }) => why),
    ['no producer id yet'],
  );
  world.settle();
  world.verify();
});

test('a producer id that is not to be had yet is asked for again, ever more slowly up to retry.backoff.max.ms', () => {
  const passing: KafkaErrorName[] = [
    'COORDINATOR_LOAD_IN_PROGRESS',
    'COORDINATOR_NOT_AVAILABLE',
    'NOT_COORDINATOR',
    'REQUEST_TIMED_OUT',
    'UNKNOWN_SERVER_ERROR',
  ];
  for (const error of passing) {
    const world = cold({ config: { deliveryTimeoutMs: Infinity } });
    let left = 7;
    world.faults = onProducerId(() => (left-- > 0 ? { error } : undefined));
    world.start();
    world.send('logs', 0);
    const atMs: number[] = [];
    world.run(60_000, () => {
      if (world.requests('sendInitProducerId').length > atMs.length) atMs.push(world.nowMs);
      return world.outcomes.size === 1;
    });
    const waits = atMs.slice(1).map((ms, i) => ms - (atMs[i] ?? 0));
    assert.equal(waits.length, 7, error);
    waits.forEach((wait, i) => {
      const exactMs = Math.min(1000, 100 * 2 ** i);
      // Way and service take a few ms.
      const isFine = wait >= exactMs * 0.8 && wait <= Math.min(1000, exactMs * 1.2) + 10;
      assert.ok(isFine, `${error}: ${String(wait)} ms before attempt ${String(i + 2)}`);
    });
    world.verify();
  }
});

test('a producer id whose answer was lost with the connection is asked for again', () => {
  for (const lost of ['cutBefore', 'cutAfter'] as const) {
    const world = cold();
    let left = 2;
    world.faults = onProducerId(() => (left-- > 0 ? lost : undefined));
    world.start();
    const batch = world.send('logs', 0);
    world.settle();
    assert.equal(world.outcome(batch).type, 'acked', lost);
    world.verify();
  }
});

test('one broker and one request in flight are enough for metadata, producer id and batches, one after the other', () => {
  const world = cold({ config: { maxInFlightRequestsPerConnection: 1 } });
  world.faults.request = ({ type }) => (type === 'sendMetadata' ? { delayMs: 500 } : undefined);
  world.start();
  const batches = Array.from({ length: 3 }, () => world.send('logs', 0));
  let most = 0;
  const isDone = world.run(20_000, () => {
    for (const { inFlight } of world.state.nodes.values()) most = Math.max(most, inFlight.length);
    return batches.every((batch) => world.outcomes.has(batch));
  });
  assert.ok(isDone);
  assert.equal(most, 1);
  world.verify();
});

test('a connection that is lost at the last epoch is settled, and then comes a new producer id', () => {
  for (const lost of ['cutBefore', 'cutAfter', 'zombie'] as const) {
    const world = SimulatedWorld.warm();
    atLastEpoch(world);
    let left = 1;
    world.faults.request = ({ type }) => (type === 'sendProduce' && left-- > 0 ? lost : undefined);
    for (let i = 0; i < 4; i++) world.send('logs', 0);
    world.settle();
    world.send('logs', 0);
    world.settle();
    const { log } = world.cluster.partition('logs', 0);
    const identities = log.map(({ producerId, producerEpoch }) => [producerId, producerEpoch]);
    // What may have been in went again under its own identity.
    assert.deepEqual(identities[1], [1000n, 32_767], lost);
    assert.deepEqual(identities.at(-1), [1001n, 0], lost);
    world.verify();
  }
});

test('other partitions go on under the old producer id while one waits for a new one', () => {
  const world = SimulatedWorld.warm({ partitions: 2 });
  atLastEpoch(world);
  endEpoch(world);
  const fromMs = world.nowMs + 2000;
  world.faults = onProducerId(() =>
    world.nowMs < fromMs ? { error: 'COORDINATOR_LOAD_IN_PROGRESS' } : undefined,
  );
  const [waits, goesOn] = [world.send('logs', 0), world.send('logs', 1)];
  world.run(500);
  assert.equal(world.outcome(goesOn).type, 'acked');
  assert.equal(world.outcomes.has(waits), false);
  world.settle();
  assert.notEqual(waits.producerId, 1000n);
  assert.deepEqual([goesOn.producerId, goesOn.producerEpoch], [1000n, 0]);
  world.verify();
});

test('a close waits for the new producer id that a partition needs, and ends when time is up', () => {
  for (const abandons of [false, true]) {
    const world = SimulatedWorld.warm();
    atLastEpoch(world);
    endEpoch(world);
    world.faults = onProducerId(() => ({ delayMs: 2000 }));
    const batch = world.send('logs', 0);
    world.step({ type: 'closeRequested' });
    world.run(1000);
    assert.equal(world.closed, false);
    if (abandons) world.step({ type: 'abandonRequested' });
    assert.ok(world.run(abandons ? 100 : 5000, () => world.closed));
    const { type, written } = world.outcome(batch);
    assert.deepEqual([type, written], abandons ? ['abandoned', 'no'] : ['acked', 'yes']);
    world.verify();
  }
});
