import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../support/simulated-world.ts';

function epochs(world: SimulatedWorld): number[] {
  return world.cluster.partition('logs', 0).log.map(({ producerEpoch }) => producerEpoch);
}

/** Nobody leads the topic, as far as metadata tells, or somebody does again. */
function setLed(world: SimulatedWorld, led: boolean): void {
  const topic = world.cluster.topics.get('logs');
  assert.ok(topic !== undefined);
  topic.error = led ? undefined : 'LEADER_NOT_AVAILABLE';
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(1500);
}

test('a batch that expires before it was ever sent leaves no gap: the next goes on under the same epoch', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  setLed(world, false);
  const batch = world.send('logs', 0);
  world.run(3500);
  assert.deepEqual([world.outcome(batch).type, batch.attempts], ['expired', 0]);
  setLed(world, true);
  world.send('logs', 0);
  world.settle();
  assert.deepEqual(
    world.cluster.partition('logs', 0).log.map(({ baseSequence }) => baseSequence),
    [0, 10],
  );
  assert.deepEqual(epochs(world), [0, 0]);
  world.verify();
});

test('what stood behind a batch that expired goes on in order, under a new epoch', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  world.faults.refusal = ({ records }) => (records.from === 10 ? 'NOT_ENOUGH_REPLICAS' : undefined);
  const first = world.send('logs', 0);
  const behind = [world.send('logs', 0)];
  world.run(1000);
  for (let i = 0; i < 3; i++) behind.push(world.send('logs', 0));
  world.settle();
  assert.equal(world.outcome(first).type, 'expired');
  // The one that came with it has waited as long; those that came later have not.
  assert.deepEqual(
    behind.slice(1).map((batch) => world.outcome(batch).type),
    ['acked', 'acked', 'acked'],
  );
  assert.equal(world.said('settleStarted').length, 0, 'the gap is our own: nothing to find out');
  assert.deepEqual(new Set(epochs(world).slice(1)), new Set([1]));
  world.verify();
});

test('a refusal that comes after delivery.timeout.ms is the end: the batch is not sent again', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  const before = world.produced().length;
  world.faults = {
    request: ({ type }) => (type === 'sendProduce' ? { delayMs: 4000 } : undefined),
    refusal: () => 'NOT_ENOUGH_REPLICAS',
  };
  const batch = world.send('logs', 0);
  world.run(3900);
  assert.equal(world.outcomes.has(batch), false, 'on the wire its fate is not known');
  world.run(10_000);
  assert.deepEqual([world.outcome(batch).type, world.outcome(batch).written], ['expired', 'no']);
  assert.equal(world.produced().length - before, 1);
  world.faults = {};
  world.send('logs', 0);
  world.settle();
  world.verify();
});

test('an acknowledgement that comes after delivery.timeout.ms is one all the same', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  world.faults.request = ({ type }) => (type === 'sendProduce' ? { delayMs: 4000 } : undefined);
  const batch = world.send('logs', 0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  world.verify();
});

test('a batch that is found too large after delivery.timeout.ms is not sent again in pieces', () => {
  for (const enableIdempotence of [true, false]) {
    const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000, enableIdempotence } });
    const before = world.produced().length;
    world.faults = {
      request: ({ type }) => (type === 'sendProduce' ? { delayMs: 4000 } : undefined),
      refusal: ({ records }) => (records.count > 10 ? 'MESSAGE_TOO_LARGE' : undefined),
    };
    world.send('logs', 0, 100);
    world.run(20_000);
    assert.equal(world.produced().length - before, 1);
    const [, ...pieces] = world.outcomes.values();
    assert.ok(pieces.length >= 2);
    for (const { type, written } of pieces) assert.deepEqual([type, written], ['expired', 'no']);
    world.faults = {};
    const next = world.send('logs', 0);
    world.settle();
    assert.equal(world.outcome(next).type, 'acked');
    world.verify();
  }
});

test('pieces that wait for a leader expire as the whole would have', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  world.faults = {
    request: ({ type }) => (type === 'sendProduce' ? { delayMs: 3500 } : undefined),
    refusal: () => 'MESSAGE_TOO_LARGE',
  };
  world.send('logs', 0, 100);
  world.run(3400);
  setLed(world, false);
  world.run(5000);
  const [, ...pieces] = world.outcomes.values();
  assert.deepEqual(new Set(pieces.map(({ type }) => type)), new Set(['expired']));
});

test('a batch that was split has left no trace when its time is up', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  world.faults.refusal = ({ records }) => (records.count > 30 ? 'MESSAGE_TOO_LARGE' : undefined);
  world.send('logs', 0, 100);
  world.settle();
  const outcomes = world.outcomes.size;
  world.run(10_000);
  assert.equal(world.outcomes.size, outcomes);
  world.verify();
});

test('a batch on the wire past its delivery.timeout.ms does not keep the sender awake', () => {
  const config = { deliveryTimeoutMs: 3000, requestTimeoutMs: 60_000 };
  const world = SimulatedWorld.warm({ config });
  world.cluster.partition('logs', 0).held = true;
  const batch = world.send('logs', 0);
  world.run(2500);
  const before = world.effects.length;
  world.run(50_000);
  assert.equal(world.outcomes.has(batch), false);
  assert.ok(world.effects.length - before < 20, 'it has nothing to do');
  world.release('logs', 0);
  world.settle();
  world.verify();
});

test('a batch that waits behind a throttle expires before the throttle ends', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  let first = true;
  world.faults.request = ({ type }) => {
    if (type !== 'sendProduce' || !first) return undefined;
    first = false;
    return { throttleMs: 10_000 };
  };
  world.send('logs', 0);
  world.run(100);
  const waits = world.send('logs', 0);
  world.run(3200);
  assert.deepEqual([world.outcome(waits).type, waits.attempts], ['expired', 0]);
  world.settle();
  world.verify();
});

test('with one request in flight and no idempotence, the second waits for the answer of the first though that is overdue', () => {
  const world = SimulatedWorld.warm({
    config: {
      enableIdempotence: false,
      maxInFlightRequestsPerConnection: 1,
      deliveryTimeoutMs: 1500,
    },
  });
  const before = world.produced().length;
  world.cluster.partition('logs', 0).held = true;
  const first = world.send('logs', 0);
  world.run(750);
  const second = world.send('logs', 0);
  world.run(900);
  assert.equal(world.produced().length - before, 1);
  assert.equal(world.outcomes.has(second), false);
  world.release('logs', 0);
  world.settle();
  assert.deepEqual(
    [first, second].map((batch) => world.outcome(batch).type),
    ['acked', 'acked'],
  );
  world.verify();
});
