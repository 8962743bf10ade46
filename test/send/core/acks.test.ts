import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../support/simulated-world.ts';

const plain = { enableIdempotence: false };

test('acks=0 is done when the bytes are written, without an offset', () => {
  const world = SimulatedWorld.warm({ config: { ...plain, acks: 0 } });
  const batch = world.send('logs', 0);
  world.settle();
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'acked' && outcome.baseOffset === -1n);
  world.run(100);
  world.verify();
});

test('acks=1 does not wait for the followers', () => {
  const world = SimulatedWorld.warm({ config: { ...plain, acks: 1 } });
  world.cluster.partition('logs', 0).held = true;
  const batch = world.send('logs', 0);
  world.run(50);
  assert.equal(world.outcome(batch).type, 'acked');
});

test('acks=all waits for them', () => {
  const world = SimulatedWorld.warm({ config: { ...plain, acks: -1 } });
  world.cluster.partition('logs', 0).held = true;
  const batch = world.send('logs', 0);
  world.run(5000);
  assert.equal(world.outcomes.has(batch), false);
  world.release('logs', 0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
});

test('without idempotence nothing carries an identity, and no producer id is asked for', () => {
  const world = SimulatedWorld.warm({ config: { ...plain, acks: 1 } });
  assert.equal(world.requests('sendInitProducerId').length, 0);
  assert.equal(world.requests('sendListOffsets').length, 0);
  const [entry] = world.cluster.partition('logs', 0).log;
  assert.deepEqual([entry?.producerId, entry?.producerEpoch, entry?.baseSequence], [-1n, -1, -1]);
});

test('with retries=0 a lost answer is told as it is: perhaps written, and never sent twice', () => {
  const world = SimulatedWorld.warm({ config: { ...plain, acks: 1, retries: 0 } });
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutAfter' : undefined);
  const batch = world.send('logs', 0);
  world.settle();
  assert.deepEqual(
    [world.outcome(batch).type, world.outcome(batch).written],
    ['failed', 'perhaps'],
  );
  assert.equal(batch.attempts, 1);
});

test('with retries a lost answer is sent again, and may double: that is what was asked for', () => {
  const world = SimulatedWorld.warm({ config: { ...plain, acks: -1 } });
  let lost = false;
  world.faults.request = ({ type }) => {
    if (type !== 'sendProduce' || lost) return undefined;
    lost = true;
    return 'cutAfter';
  };
  const batch = world.send('logs', 0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  assert.equal(world.cluster.partition('logs', 0).log.length, 3);
});

test('with one request in flight the order holds through refusals without idempotence', () => {
  const config = { ...plain, acks: -1 as const, maxInFlightRequestsPerConnection: 1 };
  const world = SimulatedWorld.warm({ config });
  let turn = 0;
  world.faults.refusal = () => (turn++ % 3 === 1 ? 'NOT_ENOUGH_REPLICAS' : undefined);
  for (let i = 0; i < 20; i++) world.send('logs', 0);
  world.settle();
  world.verify();
});

test('a piece of a split batch that is sent again stays before the pieces behind it, without idempotence too', () => {
  const config = {
    ...plain,
    acks: -1 as const,
    maxInFlightRequestsPerConnection: 1,
    batchSize: 300,
  };
  const world = SimulatedWorld.warm({ config });
  let refused = false;
  world.faults.refusal = ({ records: { from, count } }) => {
    if (count > 6) return 'MESSAGE_TOO_LARGE';
    if (from === 10 || refused) return undefined;
    refused = true;
    return 'NOT_ENOUGH_REPLICAS';
  };
  world.send('logs', 0, 12);
  world.settle();
  assert.ok(refused);
  world.verify();
});

test('a final refusal rejects, a split splits, without idempotence too', () => {
  const world = SimulatedWorld.warm({ config: { ...plain, acks: -1 } });
  world.faults.refusal = ({ records }) => {
    if (records.count > 6) return 'MESSAGE_TOO_LARGE';
    return records.count === 1 ? 'INVALID_RECORD' : undefined;
  };
  world.send('logs', 0, 10);
  const bad = world.send('logs', 0, 1);
  world.settle();
  assert.equal(world.outcome(bad).type, 'rejected');
  assert.deepEqual(
    world.cluster.partition('logs', 0).log.map(({ records }) => records.count),
    [10, 5, 5],
  );
});

test('a batch that waits too long without idempotence is told as it is', () => {
  const config = { ...plain, acks: -1 as const, deliveryTimeoutMs: 2000 };
  const world = SimulatedWorld.warm({ config });
  let first = true;
  world.faults.refusal = () => (first ? undefined : 'NOT_ENOUGH_REPLICAS');
  world.faults.request = ({ type }) => {
    if (type !== 'sendProduce' || !first) return undefined;
    world.after(5, () => (first = false));
    return 'cutAfter';
  };
  const batch = world.send('logs', 0);
  world.settle();
  assert.deepEqual(
    [world.outcome(batch).type, world.outcome(batch).written],
    ['failed', 'perhaps'],
  );
});
