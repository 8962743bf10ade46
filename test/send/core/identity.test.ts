import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../support/simulated-world.ts';

function fatal(world: SimulatedWorld): string {
  return world.said('fatal')[0]?.error ?? 'none';
}

test('acknowledged records that are gone are reported, and what was open goes on under a new epoch', () => {
  const world = SimulatedWorld.warm({ nodes: 2 });
  for (let i = 0; i < 4; i++) world.send('logs', 0);
  world.settle();
  // An unclean election: the new leader has 20 of 50 records.
  const partition = world.cluster.partition('logs', 0);
  partition.truncate(20);
  partition.moveTo(1);
  const open = world.send('logs', 0);
  world.settle();
  assert.equal(world.outcome(open).type, 'acked');
  assert.deepEqual(
    world.said('dataLossSuspected').map(({ recordsMax }) => recordsMax),
    [30],
  );
  const last = partition.log.at(-1);
  assert.deepEqual([last?.producerEpoch, last?.baseSequence], [1, 0]);
  world.send('logs', 0);
  world.settle();
  assert.equal(world.said('dataLossSuspected').length, 1);
});

test('a broker that knows more of our producer id than we sent: somebody else uses it, and we stop', () => {
  // Into the middle of our batch, just behind it, and far behind it.
  for (const count of [7, 11, 300]) {
    const world = SimulatedWorld.warm();
    const partition = world.cluster.partition('logs', 0);
    const records = { from: 9000, count };
    const identity = { producerId: 1000n, producerEpoch: 0, baseSequence: 10, records };
    partition.append({ baseOffset: 10, ...identity, appendedMs: 0 });
    partition.replicate(10 + count);
    const batch = world.send('logs', 0);
    world.settle();
    assert.equal(fatal(world), 'IDENTITY_SHARED');
    assert.deepEqual(
      [world.outcome(batch).type, world.outcome(batch).written],
      ['abandoned', 'no'],
    );
  }
});

test('a first attempt that is answered as a duplicate: somebody else has used the sequence, and we stop', () => {
  const world = SimulatedWorld.warm();
  const partition = world.cluster.partition('logs', 0);
  const records = { from: 9000, count: 10 };
  const identity = { producerId: 1000n, producerEpoch: 0, baseSequence: 10, records };
  partition.append({ baseOffset: 10, ...identity, appendedMs: 77 });
  partition.replicate(20);
  const floor = world.state.topics.get('logs')?.partitions[0];
  assert.ok(floor !== undefined);
  // We have since acknowledged beyond it, as far as offsets go.
  floor.lastAckedOffset = 25n;
  const batch = world.send('logs', 0);
  world.settle();
  assert.equal(fatal(world), 'IDENTITY_SHARED');
  assert.equal(world.outcome(batch).written, 'perhaps');
});

test('fenced by a newer epoch of our own producer id: stop, do not bump in turn', () => {
  const world = SimulatedWorld.warm();
  world.faults.refusal = () => 'INVALID_PRODUCER_EPOCH';
  const batches = [world.send('logs', 0), world.send('logs', 0)];
  world.settle();
  assert.equal(fatal(world), 'INVALID_PRODUCER_EPOCH');
  assert.deepEqual(
    batches.map((batch) => world.outcome(batch).type),
    ['abandoned', 'abandoned'],
  );
  const late = world.send('logs', 0);
  assert.equal(world.outcome(late).type, 'abandoned');
  world.step({ type: 'closeRequested' });
  assert.ok(world.run(5000, () => world.closed));
});

test('a topic that was deleted and created again starts from sequence 0 in a new epoch', () => {
  const world = SimulatedWorld.warm();
  world.cluster.createTopic('logs', 1);
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(200);
  const batch = world.send('logs', 0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  assert.equal(world.said('topicRecreated').length, 1);
  const log = world.cluster.partition('logs', 0).log;
  assert.deepEqual(
    log.map(({ producerEpoch, baseSequence }) => [producerEpoch, baseSequence]),
    [[1, 0]],
  );
});

test('a batch on its way when the topic is created again is in the new one once', () => {
  const world = SimulatedWorld.warm();
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutAfter' : undefined);
  const batch = world.send('logs', 0);
  world.run(10);
  world.faults = {};
  world.cluster.createTopic('logs', 1);
  world.send('logs', 0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  assert.equal(world.cluster.partition('logs', 0).logEnd, 20);
});

test('an id of before that a broker told of, which lags behind, is left when all others name the newer one (seed 97625)', () => {
  const world = SimulatedWorld.warm();
  const between = world.cluster.createTopic('logs', 1);
  const newest = world.cluster.createTopic('logs', 1);
  refresh(world);
  // Of the one between nobody has heard before.
  world.cluster.topics.set('logs', between);
  refresh(world);
  world.cluster.topics.set('logs', newest);
  const batch = world.send('logs', 0);
  world.settle(30_000);
  assert.equal(world.outcome(batch).type, 'acked');
  assert.equal(newest.partitions[0]?.log.length, 1);
});

test('a topic that vanishes from metadata keeps its sequences', () => {
  const world = SimulatedWorld.warm();
  const topic = world.cluster.topics.get('logs');
  assert.ok(topic !== undefined);
  topic.error = 'UNKNOWN_TOPIC_OR_PARTITION';
  world.faults.refusal = () => 'UNKNOWN_TOPIC_OR_PARTITION';
  world.send('logs', 0);
  world.run(5000);
  topic.error = undefined;
  world.faults = {};
  world.settle();
  const log = world.cluster.partition('logs', 0).log;
  assert.equal(log.length, 2);
  assert.equal(log[1]?.producerId, 1000n);
  world.verify();
});

test('without permission to read, resends alone settle a partition', () => {
  for (const lost of ['cutAfter', 'cutBefore'] as const) {
    const world = SimulatedWorld.warm();
    const noRead = ({ type }: { type: string }) =>
      type === 'sendDescribeProducers' || type === 'readHeaders'
        ? { error: 'TOPIC_AUTHORIZATION_FAILED' as const }
        : undefined;
    let cuts = 0;
    world.faults.request = (effect) =>
      effect.type === 'sendProduce' && cuts++ === 2 ? lost : noRead(effect);
    for (let i = 0; i < 5; i++) world.send('logs', 0);
    world.settle();
    assert.equal(world.cluster.partition('logs', 0).log.length, 6);
    world.verify();
  }
});

test('without permission to read, and all but the last forgotten by a restart: found from the end', () => {
  const world = SimulatedWorld.warm();
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'silent' : undefined);
  for (let i = 0; i < 4; i++) world.send('logs', 0);
  world.run(30);
  assert.equal(world.cluster.partition('logs', 0).log.length, 5);
  world.faults.request = ({ type }) =>
    type === 'sendDescribeProducers' ? { error: 'TOPIC_AUTHORIZATION_FAILED' } : undefined;
  world.restart(0, 100);
  world.settle();
  assert.equal(world.cluster.partition('logs', 0).log.length, 5);
  world.verify();
});

test('a broker without DescribeProducers is settled by the headers of its log', () => {
  const world = SimulatedWorld.warm();
  for (const node of world.state.nodes.values()) node.describeProducers = false;
  world.cluster.describeProducers = false;
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutAfter' : undefined);
  world.send('logs', 0);
  world.send('logs', 0);
  world.run(5);
  world.faults = {};
  world.settle();
  assert.equal(world.requests('sendDescribeProducers').length, 0);
  assert.equal(world.cluster.partition('logs', 0).log.length, 3);
  world.verify();
});

/** Asks for metadata now, and takes the answer. */
function refresh(world: SimulatedWorld): void {
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(300);
}

test('keyless batches go on when the topic was created again while nothing was on its way', () => {
  const world = SimulatedWorld.warm({ partitions: 3 });
  world.cluster.createTopic('logs', 3);
  refresh(world);
  const batch = world.send('logs', undefined, 10, { replayable: true });
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
});

test('a topic that is created again with fewer partitions gets the keyless batches of all of them', () => {
  const world = SimulatedWorld.warm({ partitions: 8, config: { batchSize: 1000 } });
  world.faults.refusal = ({ partition }) => (partition >= 2 ? 'NOT_ENOUGH_REPLICAS' : undefined);
  world.faults.request = ({ type }) =>
    type === 'sendProduce' && world.random() < 0.1 ? 'cutAfter' : undefined;
  const old = new Set([...world.sent]);
  for (let i = 0; i < 30; i++) world.send('logs', undefined, 10, { replayable: true });
  world.run(300);
  for (const batch of world.outcomes.keys()) old.add(batch as (typeof world.sent)[number]);
  world.cluster.createTopic('logs', 2);
  world.faults = {};
  refresh(world);
  for (let i = 0; i < 30; i++) world.send('logs', undefined, 10, { replayable: true });
  world.settle();
  const seen = [0, 1].flatMap((index) => world.cluster.partition('logs', index).log);
  const wanted = world.sent.filter((batch) => !old.has(batch)).map(({ payload }) => payload.from);
  assert.ok(wanted.length > 35);
  assert.deepEqual(
    seen.map(({ records }) => records.from).sort((a, b) => a - b),
    wanted,
  );
});

test('a broker that still tells of the topic that was deleted is not believed', () => {
  const world = SimulatedWorld.warm({ partitions: 2 });
  const old = world.cluster.topics.get('logs');
  const made = world.cluster.createTopic('logs', 4);
  refresh(world);
  for (let i = 0; i < 4; i++) world.send('logs', i);
  world.settle();
  assert.ok(old !== undefined);
  world.cluster.topics.set('logs', old);
  refresh(world);
  world.cluster.topics.set('logs', made);
  assert.equal(world.said('topicRecreated').length, 1);
  world.send('logs', 3);
  world.settle();
  assert.deepEqual(
    world.cluster.partition('logs', 3).log.map(({ producerEpoch }) => producerEpoch),
    [0, 0],
  );
});
