import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from '../../../src/send/backoff.ts';
import { waiting } from '../../../src/send/wait-status.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

test('backoff doubles, is jittered by a fifth, and never exceeds its maximum', () => {
  for (const random of [() => 0, () => 0.5, () => 0.999]) {
    const waits = Array.from({ length: 12 }, (_, attempt) => backoffMs(100, 1000, attempt, random));
    assert.ok(waits.every((wait) => wait <= 1000));
    assert.equal(waits.at(-1), 1000);
    assert.equal(waits[0], 100 * (0.8 + 0.4 * random()));
  }
  assert.equal(
    backoffMs(100, 1000, 5000, () => 0.5),
    1000,
  );
});

test('nothing is sent to a broker while it throttles, a shorter throttle does not end a longer one', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  const throttles = [2000, 100];
  world.faults.request = ({ type, node }) => {
    if (type !== 'sendProduce' || node !== 0) return undefined;
    const throttleMs = throttles.shift();
    return throttleMs === undefined ? undefined : { throttleMs };
  };
  world.send('logs', 0);
  world.send('logs', 0);
  world.run(20);
  assert.equal(world.outcomes.size, 4);
  const throttledMs = world.nowMs;
  const [slow, fast] = [world.send('logs', 0), world.send('logs', 1)];
  world.run(60_000, () => world.outcomes.has(fast));
  assert.ok(world.nowMs - throttledMs < 100, 'other brokers are not throttled');
  world.run(60_000, () => world.outcomes.has(slow));
  assert.ok(world.nowMs - throttledMs > 1900);
});

test('a request is not late for the time the broker throttles', () => {
  const world = SimulatedWorld.warm({ config: { requestTimeoutMs: 1000 } });
  let first = true;
  // The broker answers the first with a throttle, and takes up the second only after it.
  world.faults.request = ({ type }) => {
    if (type !== 'sendProduce') return undefined;
    const fault = first ? { throttleMs: 3000 } : { delayMs: 3000 };
    first = false;
    return fault;
  };
  world.send('logs', 0);
  world.send('logs', 0);
  world.settle();
  assert.equal(world.said('requestTimedOut').length, 0);
  world.verify();
});

test('one late answer closes the connection; all its requests are settled, nothing is doubled', () => {
  const world = SimulatedWorld.warm({ partitions: 4, config: { requestTimeoutMs: 500 } });
  let first = true;
  world.faults.request = ({ type }) => {
    if (type !== 'sendProduce' || !first) return undefined;
    first = false;
    return 'silent';
  };
  for (let i = 0; i < 4; i++) world.send('logs', i);
  world.settle();
  assert.equal(world.said('requestTimedOut')[0]?.api, 'Produce');
  world.verify();
});

test('a connection that is idle for connections.max.idle.ms is closed before the broker does', () => {
  const world = SimulatedWorld.warm({ config: { connectionsMaxIdleMs: 10_000 } });
  world.run(15_000);
  const closed = world.effects.filter(
    (one) => one.type === 'disconnect' && one.reason.startsWith('idle'),
  );
  assert.equal(closed.length, 1);
  const batch = world.send('logs', 0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  assert.equal(world.said('settleStarted').length, 0);
});

test('a batch that could never be sent expires after delivery.timeout.ms, and says what it waited for', () => {
  const world = new SimulatedWorld({ config: { deliveryTimeoutMs: 5000 } });
  world.cluster.up.set(0, false);
  world.start();
  const [keyless, fixed] = [world.send('logs', undefined), world.send('logs', 0)];
  const replayable = world.send('logs', 0, 10, { replayable: true });
  world.run(5100);
  for (const batch of [keyless, fixed]) {
    const outcome = world.outcome(batch);
    assert.ok(outcome.type === 'expired' && outcome.waitedMs >= 5000);
    assert.match(outcome.message, /no broker can be reached/);
  }
  world.run(600_000);
  assert.equal(world.outcomes.has(replayable), false, 'its source waits as long as it takes');
});

test('a batch that was only ever refused expires too, and the next go on behind the gap', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: 3000 } });
  world.faults.refusal = () => 'NOT_ENOUGH_REPLICAS';
  const refused = world.send('logs', 0);
  world.run(4000);
  assert.equal(world.outcome(refused).type, 'expired');
  world.faults = {};
  const next = world.send('logs', 0);
  world.settle();
  assert.equal(world.outcome(next).type, 'acked');
  world.verify();
});

test('a batch that may be in the log never expires: it is settled first', () => {
  const world = SimulatedWorld.warm({
    config: { deliveryTimeoutMs: 3000, requestTimeoutMs: 500 },
  });
  const partition = world.cluster.partition('logs', 0);
  partition.held = true;
  const batch = world.send('logs', 0);
  world.run(20_000);
  assert.equal(world.outcomes.has(batch), false);
  world.release('logs', 0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  world.verify();
});

test('the status names every partition that waits, and why', () => {
  const world = SimulatedWorld.warm({ partitions: 2, config: { deliveryTimeoutMs: Infinity } });
  world.faults.refusal = ({ partition }) =>
    partition === 0 ? 'TOPIC_AUTHORIZATION_FAILED' : 'NOT_ENOUGH_REPLICAS';
  world.send('logs', 0);
  world.send('logs', 1);
  world.send('nowhere', undefined);
  world.run(5000);
  assert.deepEqual(
    waiting(world.state).map(({ topic, partition, why }) => [topic, partition, why.split(' ')[0]]),
    [
      ['logs', 0, 'parked:'],
      ['logs', 1, 'refused'],
      ['nowhere', -1, 'the'],
    ],
  );
});

test('an idle sender asks for a tick only now and then', () => {
  const world = SimulatedWorld.warm();
  world.run(10_000);
  const before = world.effects.length;
  world.run(3_600_000);
  const wakeUps = world.effects.slice(before).filter(({ type }) => type === 'wakeAt').length;
  assert.ok(wakeUps < 400, `${String(wakeUps)} in an hour`);
});
