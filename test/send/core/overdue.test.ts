import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SenderConfig } from '../../../src/send/sender-config.ts';
import type { Faults } from '../../support/simulated-brokers.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

const DELIVERY_MS = 3000;
/** What is due is looked at so often. */
const BOUND_MS = 60;

/** Somebody waits for each outcome, as in the library. */
function library(config: Partial<SenderConfig> = {}, nodes = 1): SimulatedWorld {
  return SimulatedWorld.warm({
    nodes,
    config: { outcomesFor: 'caller', deliveryTimeoutMs: DELIVERY_MS, ...config },
  });
}

/** Runs until just before the batch's time is up, then until just after it. */
function atDeadline(world: SimulatedWorld, sentMs: number, before: () => void): void {
  world.run(sentMs + DELIVERY_MS - 1 - world.nowMs);
  before();
  world.run(1 + BOUND_MS);
}

test('a batch that may be in the log is told of as such at delivery.timeout.ms, and settled all the same', () => {
  const world = library({ requestTimeoutMs: 500 });
  const sentMs = world.nowMs;
  world.cluster.partition('logs', 0).held = true;
  const batch = world.send('logs', 0);
  atDeadline(world, sentMs, () => assert.equal(world.outcomes.has(batch), false));
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'failed');
  assert.deepEqual([outcome.written, outcome.error], ['perhaps', 'REQUEST_TIMED_OUT']);
  assert.match(outcome.message, /delivery\.timeout\.ms passed .* settling/);
  assert.equal(world.released.has(batch), false, 'its bytes may still be needed');
  const next = world.send('logs', 0);
  world.release('logs', 0);
  world.settle();
  assert.equal(world.outcome(next).type, 'acked');
  assert.deepEqual(
    world.cluster.partition('logs', 0).log.map(({ records }) => records.from),
    [0, 10, 20],
  );
  world.verify();
});

for (const [what, fault] of [
  ['a broker that is paused', () => 'silent'],
  ['a connection that breaks each time', () => 'cutBefore'],
] as const satisfies readonly (readonly [string, NonNullable<Faults['request']>])[]) {
  test(`${what}: every batch has its outcome in time, sent or not, and nothing is doubled when it is over`, () => {
    for (const enableIdempotence of [true, false]) {
      const world = library({ enableIdempotence, requestTimeoutMs: 1000, acks: -1 });
      world.faults.request = fault;
      const sentMs = world.nowMs;
      const batches = Array.from({ length: 8 }, () => world.send('logs', 0));
      world.run(sentMs + DELIVERY_MS + BOUND_MS - world.nowMs);
      for (const batch of batches) assert.notEqual(world.outcome(batch).written, 'yes');
      const order = [...world.outcomes.keys()].filter((told) =>
        batches.some((batch) => batch === told),
      );
      assert.deepEqual(order, batches, 'in their order, sent or not');
      world.faults = {};
      const next = world.send('logs', 0);
      world.settle();
      assert.equal(world.outcome(next).type, 'acked');
      if (enableIdempotence) world.verify();
    }
  });
}

test('without a leader, and without any broker, what was never sent is surely not written', () => {
  for (const cut of [false, true]) {
    const world = library();
    if (cut) world.cluster.up.set(0, false);
    world.cluster.partition('logs', 0).moveTo(-1);
    world.cutAll(false);
    world.run(2000);
    const sentMs = world.nowMs;
    const batch = world.send('logs', 0);
    atDeadline(world, sentMs, () => assert.equal(world.outcomes.has(batch), false));
    assert.deepEqual([world.outcome(batch).type, world.outcome(batch).written], ['expired', 'no']);
  }
});

test('a batch whose time was up and that is then refused is not sent again', () => {
  const world = library();
  const before = world.produced().length;
  world.faults = {
    request: ({ type }) => (type === 'sendProduce' ? { delayMs: DELIVERY_MS + 1000 } : undefined),
    refusal: () => 'NOT_ENOUGH_REPLICAS',
  };
  const batch = world.send('logs', 0);
  world.run(DELIVERY_MS + 5000);
  assert.equal(world.outcome(batch).written, 'perhaps');
  assert.equal(world.produced().length - before, 1);
  assert.ok(world.released.has(batch));
  world.faults = {};
  world.send('logs', 0);
  world.settle();
  world.verify();
});

test('a batch whose time was up and that turns out not to be in the log is not sent again behind the one that is', () => {
  const world = library();
  let refused = false;
  world.faults = {
    // Whether the first is in nobody can tell; the second is refused for want of it.
    refusal: ({ records }) => {
      if (records.from !== 10 || refused) return undefined;
      refused = true;
      return 'REQUEST_TIMED_OUT';
    },
    request: ({ type }) =>
      type === 'sendListOffsets' ? { error: 'NOT_LEADER_OR_FOLLOWER' } : undefined,
  };
  const batches = [world.send('logs', 0), world.send('logs', 0)];
  world.run(DELIVERY_MS + 500);
  for (const batch of batches) assert.equal(world.outcome(batch).written, 'perhaps');
  world.faults = {};
  world.settle();
  world.send('logs', 0);
  world.settle();
  assert.deepEqual(
    world.cluster.partition('logs', 0).log.map(({ records }) => records.from),
    [0, 10, 30],
  );
  world.verify();
});

test('a flush and a close wait for outcomes, not for what is found out after them', () => {
  const world = library({ requestTimeoutMs: 60_000 });
  world.cluster.partition('logs', 0).held = true;
  const batch = world.send('logs', 0);
  world.step({ type: 'flushRequested', flush: 1 });
  world.run(DELIVERY_MS - 10);
  assert.deepEqual(world.flushed, []);
  world.run(10 + BOUND_MS);
  assert.deepEqual(world.flushed, [1]);
  world.step({ type: 'flushRequested', flush: 2 });
  assert.deepEqual(world.flushed, [1, 2], 'a flush that comes later has nothing to wait for');
  world.step({ type: 'closeRequested' });
  world.run(1000);
  assert.ok(world.closed);
  assert.ok(world.released.has(batch));
  assert.equal(world.outcomes.size, world.sent.length);
});

test('a batch that is split after its time was up has one outcome, and its pieces are not sent', () => {
  for (const enableIdempotence of [true, false]) {
    const world = library({ enableIdempotence });
    const before = world.produced().length;
    world.faults = {
      request: ({ type }) => (type === 'sendProduce' ? { delayMs: DELIVERY_MS + 500 } : undefined),
      refusal: ({ records }) => (records.count > 10 ? 'MESSAGE_TOO_LARGE' : undefined),
    };
    const whole = world.send('logs', 0, 100);
    world.step({ type: 'flushRequested', flush: 3 });
    world.run(DELIVERY_MS + 5000);
    assert.equal(world.outcome(whole).written, 'perhaps');
    assert.equal(world.outcomes.size, 2);
    assert.deepEqual(world.flushed, [3]);
    assert.equal(world.produced().length - before, 1);
    world.faults = {};
    const next = world.send('logs', 0);
    world.settle();
    assert.equal(world.outcome(next).type, 'acked');
    world.verify();
  }
});

test('the daemon waits until it knows, as ever', () => {
  const world = SimulatedWorld.warm({
    config: { deliveryTimeoutMs: DELIVERY_MS, requestTimeoutMs: 500 },
  });
  world.cluster.partition('logs', 0).held = true;
  const batch = world.send('logs', 0);
  world.run(60_000);
  assert.equal(world.outcomes.has(batch), false);
  world.release('logs', 0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
});
