import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors, type KafkaErrorName } from '../../../src/kafka/errors.ts';
import type { BrokerNode, PartitionProduced, SendProduce } from '../../../src/send/events.ts';
import type { Faults } from '../../support/simulated-brokers.ts';
import { refuse } from '../../support/simulated-cluster.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** Produce is worked off, and never answered: the test answers. */
const unanswered: Faults = {
  request: ({ type }) => (type === 'sendProduce' ? 'silent' : undefined),
};

/** Those Produce requests of the world that come behind the first so many. */
function producesAfter(world: SimulatedWorld, before: number): SendProduce[] {
  return world.requests('sendProduce').flatMap((one, i) => {
    return one.type === 'sendProduce' && i >= before ? [one] : [];
  });
}

/** Answers a request by hand, all its partitions alike. */
function answer(
  world: SimulatedWorld,
  sent: SendProduce | undefined,
  error: KafkaErrorName,
  said: Partial<PartitionProduced> = {},
  nodeEndpoints: readonly BrokerNode[] = [],
): void {
  assert.ok(sent !== undefined, 'a request is there to be answered');
  const partitions = sent.entries.map(({ batch }) => ({ ...refuse(batch, error).answer, ...said }));
  const { request } = sent;
  world.step({ type: 'produceAnswered', request, throttleMs: 0, partitions, nodeEndpoints });
}

function stateOf(world: SimulatedWorld, partition = 0) {
  const found = world.state.topics.get('logs')?.partitions[partition];
  assert.ok(found !== undefined);
  return found;
}

test('answers in another order put the batches back in the order of their sequences', () => {
  const world = SimulatedWorld.warm();
  const before = world.produced().length;
  world.faults = {
    ...unanswered,
    refusal: ({ records }) => (records.from === 10 ? 'NOT_ENOUGH_REPLICAS' : undefined),
  };
  const [first, second] = [world.send('logs', 0), world.send('logs', 0)];
  world.run(20);
  const [one, two] = producesAfter(world, before);
  world.faults = {};
  answer(world, two, 'OUT_OF_ORDER_SEQUENCE_NUMBER');
  assert.deepEqual(stateOf(world).retries, [second]);
  assert.deepEqual(stateOf(world).inFlight, [first], 'nothing goes out while the first is open');
  answer(world, one, 'NOT_ENOUGH_REPLICAS');
  assert.deepEqual(stateOf(world).retries, [first, second]);
  assert.equal(world.said('settleStarted').length, 0, 'each is explained by the one before it');
  world.settle();
  world.verify();
});

test('DUPLICATE_SEQUENCE_NUMBER is a success without an offset, and takes back nothing acknowledged behind it', () => {
  const world = SimulatedWorld.warm({ config: { outcomesFor: 'caller' } });
  const before = world.produced().length;
  world.faults = unanswered;
  const [first, second] = [world.send('logs', 0), world.send('logs', 0)];
  world.run(20);
  const [one, two] = producesAfter(world, before);
  world.faults = {};
  answer(world, two, 'NONE', { baseOffset: 20n });
  answer(world, one, 'DUPLICATE_SEQUENCE_NUMBER');
  const offsets = [first, second].map((batch) => {
    const outcome = world.outcome(batch);
    return outcome.type === 'acked' ? outcome.baseOffset : undefined;
  });
  assert.deepEqual(offsets, [-1n, 20n]);
  assert.equal(stateOf(world).lastAckedOffset, 29n);
  const next = world.send('logs', 0);
  world.settle();
  const outcome = world.outcome(next);
  assert.ok(outcome.type === 'acked' && outcome.baseOffset === 30n);
  world.verify();
});

test("a rejection carries the broker's own words, and the records it names with theirs", () => {
  const world = SimulatedWorld.warm();
  const before = world.produced().length;
  world.faults = { ...unanswered, refusal: () => 'INVALID_RECORD' };
  const batch = world.send('logs', 0);
  world.run(20);
  world.faults = {};
  const recordFaults = [
    { index: 0, message: 'no key' },
    { index: 3, message: '' },
  ];
  answer(world, producesAfter(world, before)[0], 'INVALID_RECORD', {
    errorMessage: 'the topic is compacted',
    recordFaults,
  });
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'rejected');
  assert.equal(
    outcome.message,
    `${errors.INVALID_RECORD.meaning} (the broker: the topic is compacted)`,
  );
  assert.deepEqual(outcome.recordFaults, recordFaults);
  world.send('logs', 0);
  world.settle();
  world.verify();
});

test('for a caller an answer ends the producer where it ends the one of Kafka, and its batch alone elsewhere', () => {
  const ends: KafkaErrorName[] = [
    ...(['CLUSTER_AUTHORIZATION_FAILED', 'UNSUPPORTED_VERSION', 'PRODUCER_FENCED'] as const),
    ...(['INVALID_PRODUCER_ID_MAPPING', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'] as const),
    // Java goes on, with a new epoch: against one who does the same with the same id, for ever.
    'INVALID_PRODUCER_EPOCH',
  ];
  const goOn: KafkaErrorName[] = ['INVALID_REQUEST', 'INVALID_TXN_STATE', 'TRANSACTION_ABORTABLE'];
  for (const enableIdempotence of [true, false]) {
    for (const name of [...ends, ...goOn]) {
      const world = SimulatedWorld.warm({ config: { outcomesFor: 'caller', enableIdempotence } });
      const refusals = [name];
      world.faults.refusal = () => refusals.shift();
      const refused = world.send('logs', 0);
      world.run(2000);
      if (enableIdempotence && ends.includes(name)) {
        assert.equal(world.said('fatal')[0]?.error, name);
        continue;
      }
      const outcome = world.outcome(refused);
      assert.ok(outcome.type === 'rejected' && outcome.error === name, name);
      assert.deepEqual(world.said('fatal'), []);
      const next = world.send('logs', 0);
      world.settle();
      assert.equal(world.outcome(next).type, 'acked', name);
      world.verify();
    }
  }
});

test('a fatal answer ends what is in flight elsewhere, and an answer that comes after the end is harmless', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  const before = world.produced().length;
  world.faults = unanswered;
  const [first, second] = [world.send('logs', 0), world.send('logs', 1)];
  world.run(20);
  const [one, two] = producesAfter(world, before);
  answer(world, one, 'CLUSTER_AUTHORIZATION_FAILED');
  assert.equal(world.said('fatal')[0]?.error, 'CLUSTER_AUTHORIZATION_FAILED');
  const fates = [first, second].map((batch) => world.outcome(batch));
  assert.deepEqual(
    fates.map(({ type, written }) => [type, written]),
    [
      ['abandoned', 'no'],
      ['abandoned', 'perhaps'],
    ],
  );
  answer(world, two, 'NONE', { baseOffset: 10n });
  assert.equal(world.outcome(second), fates[1]);
  assert.equal(stateOf(world, 1).identity.producerEpoch, 0, 'nothing is renewed after the end');
  world.step({ type: 'closeRequested' });
  assert.ok(world.run(5000, () => world.closed));
});

test('a leader that is named with its address is used, though no metadata has told of it', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  const before = world.produced().length;
  world.cluster.up.set(9, true);
  world.cluster.partition('logs', 0).moveTo(9);
  world.faults = unanswered;
  const batch = world.send('logs', 0);
  world.run(20);
  world.faults = {
    request: ({ type }) => (type === 'sendMetadata' ? { delayMs: 5000 } : undefined),
  };
  answer(
    world,
    producesAfter(world, before)[0],
    'NOT_LEADER_OR_FOLLOWER',
    { currentLeader: { leaderId: 9, leaderEpoch: 1 } },
    [{ nodeId: 9, host: 'b9', port: 9092 }],
  );
  assert.ok(
    world.run(1000, () => world.outcomes.has(batch)),
    'sooner than metadata',
  );
  assert.equal(world.outcome(batch).type, 'acked');
  world.verify();
});

test('a leader that is named without an address nobody knows, or with an epoch that is not newer, is not believed', () => {
  for (const currentLeader of [
    { leaderId: 77, leaderEpoch: 5 },
    { leaderId: 1, leaderEpoch: 0 },
  ]) {
    const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
    const before = world.produced().length;
    world.faults = { ...unanswered, refusal: () => 'NOT_LEADER_OR_FOLLOWER' };
    world.send('logs', 0);
    world.run(20);
    world.faults = {};
    const [sent] = producesAfter(world, before);
    answer(world, sent, 'NOT_LEADER_OR_FOLLOWER', { currentLeader });
    assert.deepEqual([stateOf(world).leaderId, stateOf(world).leaderEpoch], [0, 0]);
    world.settle();
    world.verify();
  }
});

test('a partition that the answer leaves out is found out about, one that it names twice counts once', () => {
  const world = SimulatedWorld.warm({ partitions: 2 });
  const before = world.produced().length;
  world.faults = unanswered;
  const batches = [world.batch('logs', 0), world.batch('logs', 1)];
  world.step({ type: 'batchesSealed', batches });
  world.run(20);
  world.faults = {};
  const [sent] = producesAfter(world, before);
  assert.equal(sent?.entries.length, 2);
  const { request } = sent;
  const said = { ...refuse({ topic: 'logs', partition: 1 }, 'NONE').answer, baseOffset: 10n };
  world.step({
    type: 'produceAnswered',
    request,
    throttleMs: 0,
    partitions: [said, said],
    nodeEndpoints: [],
  });
  const [missing, twice] = batches;
  assert.ok(missing !== undefined && twice !== undefined);
  assert.equal(world.outcome(twice).type, 'acked');
  assert.equal(world.outcomes.has(missing), false);
  world.settle();
  assert.equal(world.outcome(missing).type, 'acked');
  world.verify();
});
