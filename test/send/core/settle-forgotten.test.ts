import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../support/simulated-world.ts';

test('without DescribeProducers each round reads the log anew: what a round before has learned may be forgotten', () => {
  const world = SimulatedWorld.warm();
  world.cluster.describeProducers = false;
  world.cutAll(false);
  world.run(500);
  const partition = world.cluster.partition('logs', 0);
  const batches = [world.send('logs', 0), world.send('logs', 0)];
  world.faults.request = (effect) => {
    if (effect.type !== 'sendProduce') return undefined;
    const [entry] = effect.entries;
    if (entry?.batch.attempts === 1) return 'cutBefore';
    if (entry?.batch !== batches[1] || entry?.batch.attempts !== 2) return undefined;
    // The second is appended, its answer is lost, and the leader forgets us.
    world.after(10, () => partition.forgetProducers());
    return 'cutAfter';
  };
  world.settle();
  assert.equal(batches[1]?.attempts, 2, 'it was found, not sent a third time');
  world.verify();
});

test('an old broker that forgot the producer id and takes sequence 0 only is given a new epoch, not asked for ever', () => {
  const world = SimulatedWorld.warm();
  const partition = world.cluster.partition('logs', 0);
  world.cluster.unknownProducer = 'UNKNOWN_PRODUCER_ID';
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutBefore' : undefined);
  const batch = world.send('logs', 0);
  world.run(10);
  world.faults = {};
  partition.forgetProducers();
  world.settle(10_000);
  assert.equal(world.outcome(batch).type, 'acked');
  assert.equal(batch.producerEpoch, 1);
  world.verify();
});

test('without permission to read, a batch that is forgotten is known to be in by those acknowledged behind it', () => {
  const world = SimulatedWorld.warm();
  world.faults.afterAppend = ({ records }) =>
    records.from === 10 ? 'UNKNOWN_SERVER_ERROR' : undefined;
  const batches = [1, 2, 3].map(() => world.send('logs', 0));
  world.run(12);
  assert.deepEqual(
    batches.map((batch) => world.outcomes.has(batch)),
    [false, true, true],
  );
  world.faults = {
    request: ({ type }) =>
      type === 'sendDescribeProducers' ? { error: 'TOPIC_AUTHORIZATION_FAILED' } : undefined,
  };
  world.restart(0, 20);
  world.settle(20_000);
  world.verify();
});

test('without permission to read, no time that passes proves that a batch is not in', () => {
  const config = { requestTimeoutMs: 200, maxInFlightRequestsPerConnection: 1 };
  const world = SimulatedWorld.warm({ config });
  world.cluster.describeProducers = false;
  world.cutAll(false);
  world.run(500);
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutAfter' : undefined);
  const batch = world.send('logs', 0, 1);
  world.run(10);
  assert.equal(world.cluster.partition('logs', 0).logEnd, 11);
  // The leader is asked long after the answer was lost, and does not tell.
  let left = 4;
  world.faults.request = ({ type }) => {
    if (type === 'readHeaders') return { error: 'TOPIC_AUTHORIZATION_FAILED' };
    return type === 'sendListOffsets' && left-- > 0 ? { error: 'UNKNOWN_SERVER_ERROR' } : undefined;
  };
  world.faults.refusal = () => 'INVALID_TIMESTAMP';
  world.settle(60_000);
  assert.deepEqual(
    [world.outcome(batch).type, world.outcome(batch).written],
    ['failed', 'perhaps'],
  );
});

test('without permission to read, a batch that may be in and is refused for good is given up as such, and the next ones go on', () => {
  const world = SimulatedWorld.warm({ config: { requestTimeoutMs: 500 } });
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutAfter' : undefined);
  const batch = world.send('logs', 0, 1);
  world.run(10);
  world.faults.request = ({ type }) =>
    type === 'sendDescribeProducers' ? { error: 'TOPIC_AUTHORIZATION_FAILED' } : undefined;
  world.faults.refusal = ({ records }) => (records.from === 10 ? 'MESSAGE_TOO_LARGE' : undefined);
  const next = world.send('logs', 0, 1);
  world.settle(20_000);
  assert.deepEqual(
    [world.outcome(batch), world.outcome(next)].map(({ type, written }) => [type, written]),
    [
      ['failed', 'perhaps'],
      ['acked', 'yes'],
    ],
  );
  world.verify();
});

test('without permission to read, what is before a batch that was given up may be in, too, and forgotten (seed 72883)', () => {
  const world = SimulatedWorld.warm({ config: { requestTimeoutMs: 500 } });
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'silent' : undefined);
  const first = world.send('logs', 0, 1);
  const last = world.send('logs', 0, 1);
  world.run(10);
  world.faults.request = ({ type }) =>
    type === 'sendDescribeProducers' ? { error: 'TOPIC_AUTHORIZATION_FAILED' } : undefined;
  world.faults.refusal = ({ records }) => (records.from === 11 ? 'MESSAGE_TOO_LARGE' : undefined);
  // Of the two that are in, one is remembered.
  world.restart(0, 20, { keepsLeaders: true });
  world.run(100);
  const next = world.send('logs', 0, 1);
  world.settle(20_000);
  assert.deepEqual(
    [first, last, next].map((batch) => world.outcome(batch).written),
    ['perhaps', 'perhaps', 'yes'],
  );
  assert.equal(world.cluster.partition('logs', 0).logEnd, 13);
  world.verify();
});

test('offsets that were found in a topic are not held against the one that was created again meanwhile (seed 426)', () => {
  const world = SimulatedWorld.warm({ nodes: 2 });
  const topic = world.cluster.topics.get('logs');
  assert.ok(topic !== undefined);
  topic.logAppendTime = true;
  for (let i = 0; i < 5; i++) world.send('logs', 0);
  world.settle();
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'silent' : undefined);
  world.send('logs', 0);
  world.run(20);
  world.cluster.partition('logs', 0).forgetProducers();
  let wasRead = false;
  world.faults.request = ({ type }) => {
    if (type === 'readHeaders') wasRead = true;
    if (type !== 'sendListOffsets' || !wasRead) return undefined;
    // The last question of the round: metadata is ahead of its answer.
    wasRead = false;
    world.cluster.recreateTopic('logs');
    world.after(200, () => {
      world.state.metadata.wanted = true;
      world.step({ type: 'tick' });
    });
    return { delayMs: 3000 };
  };
  world.cutAll(false);
  world.settle();
  assert.equal(world.said('topicRecreated').length, 1);
  world.faults = {};
  const after = world.cluster.topics.get('logs');
  assert.ok(after !== undefined);
  after.logAppendTime = true;
  const later = Array.from({ length: 3 }, () => world.send('logs', 0));
  world.settle();
  for (const batch of later) assert.equal(world.outcome(batch).type, 'acked');
  assert.deepEqual(world.said('fatal'), []);
});
