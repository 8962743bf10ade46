import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** A cluster with one topic that nobody has asked for yet. */
function cold(options: ConstructorParameters<typeof SimulatedWorld>[0] = {}): SimulatedWorld {
  const world = new SimulatedWorld(options);
  world.cluster.createTopic('logs', 1);
  return world;
}

function leaderOf(world: SimulatedWorld) {
  return world.state.topics.get('logs')?.partitions[0];
}

test('a broker that is down at the start is waited for: said once with the reason, and once when it is there', () => {
  const world = cold();
  world.cluster.up.set(0, false);
  world.start();
  const batch = world.send('logs', 0, 10, { replayable: true });
  world.run(300_000);
  assert.deepEqual(
    world.said('brokersUnreachable').map(({ attempts }) => attempts),
    [
      [
        {
          host: 'bootstrap',
          port: 9092,
          reason: 'refused',
          message: 'connect ECONNREFUSED bootstrap',
        },
      ],
    ],
  );
  world.cluster.up.set(0, true);
  world.settle();
  assert.equal(world.said('brokersReachable').length, 1);
  assert.equal(world.outcome(batch).type, 'acked');
});

test('reconnecting takes longer each time, with jitter, up to reconnect.backoff.max.ms', () => {
  const world = cold({ config: { reconnectBackoffMs: 50, reconnectBackoffMaxMs: 1000 } });
  world.cluster.up.set(0, false);
  world.start();
  const atMs: number[] = [];
  world.run(20_000, () => {
    const connects = world.effects.filter(({ type }) => type === 'connect').length;
    if (connects > atMs.length) atMs.push(world.nowMs);
    return false;
  });
  const waits = atMs.slice(1).map((ms, i) => ms - (atMs[i] ?? 0));
  waits.slice(0, 4).forEach((wait, i) => {
    const exactMs = 50 * 2 ** i;
    assert.ok(
      wait >= exactMs * 0.8 && wait <= exactMs * 1.2 + 2,
      `${String(wait)} after ${String(i)}`,
    );
  });
  assert.ok(waits.slice(7).every((wait) => wait >= 800 && wait <= 1002));
});

test('one broker that is lost is said once, and once when it is back', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  world.restart(1, 20_000);
  for (let i = 0; i < 4; i++) world.send('logs', i % 2);
  world.settle();
  world.cluster.partition('logs', 1).moveTo(1);
  world.run(25_000);
  world.send('logs', 1);
  world.settle();
  assert.ok(world.said('brokerLost').length <= 1);
  assert.equal(world.said('brokerLost').length, world.said('brokerBack').length);
  assert.equal(world.said('brokersUnreachable').length, 0);
  world.verify();
});

test('a topic that is missing is reported once with the fix, and used when it is there', () => {
  for (const allowAutoCreateTopics of [true, false]) {
    const world = new SimulatedWorld({ config: { allowAutoCreateTopics } });
    world.start();
    const batch = world.send('logs', undefined, 10, { replayable: true });
    world.run(120_000);
    const [problem, ...more] = world.said('topicProblem');
    assert.equal(problem?.problem, 'missing');
    assert.match(problem.message, allowAutoCreateTopics ? /auto.create.topics/ : /is off here/);
    assert.deepEqual(more, []);
    const asked = world.requests('sendMetadata');
    assert.ok(asked.length > 60 && asked.length < 200, 'asked about once a second');
    assert.ok(
      asked.every(
        (one) =>
          one.type === 'sendMetadata' && one.allowAutoTopicCreation === allowAutoCreateTopics,
      ),
    );
    world.cluster.createTopic('logs', 3);
    world.settle();
    assert.equal(world.outcome(batch).type, 'acked');
    assert.deepEqual(
      world.said('topicUsable').map(({ partitions }) => partitions),
      [3],
    );
  }
});

test('a topic without Describe is reported at once, an illegal name is rejected', () => {
  const world = cold();
  const hidden = world.cluster.createTopic('hidden', 1);
  hidden.error = 'TOPIC_AUTHORIZATION_FAILED';
  world.cluster.createTopic('no/such', 1).error = 'INVALID_TOPIC_EXCEPTION';
  world.start();
  const waits = world.send('hidden', 0, 10, { replayable: true });
  const illegal = world.send('no/such', undefined);
  const fine = world.send('logs', 0);
  world.run(20_000);
  assert.deepEqual(
    world.said('topicProblem').map(({ topic, problem }) => [topic, problem]),
    [
      ['hidden', 'notAuthorized'],
      ['no/such', 'invalidName'],
    ],
  );
  assert.equal(world.outcome(illegal).type, 'rejected');
  assert.equal(world.outcome(fine).type, 'acked');
  hidden.error = undefined;
  world.settle();
  assert.equal(world.outcome(waits).type, 'acked');
});

test('a partition that the topic does not have is said, and used when it is added', () => {
  const world = cold();
  world.start();
  const batch = world.send('logs', 2, 10, { replayable: true });
  world.run(10_000);
  assert.deepEqual(
    world.said('topicProblem').map(({ problem }) => problem),
    ['noSuchPartition'],
  );
  const { partitions } = world.cluster.createTopic('more', 3);
  world.cluster.topics.get('logs')?.partitions.push(...partitions.slice(1));
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
});

test('metadata is asked for again when metadata.max.age.ms has passed, idle topics left out', () => {
  const world = SimulatedWorld.warm({
    config: { metadataMaxAgeMs: 10_000, metadataMaxIdleMs: 25_000, connectionsMaxIdleMs: 9000 },
  });
  const before = world.requests('sendMetadata').length;
  world.run(60_000);
  const asked = world
    .requests('sendMetadata')
    .slice(before)
    .map((one) => (one.type === 'sendMetadata' ? one.topics.length : -1));
  assert.ok(asked.length >= 5 && asked.length <= 7);
  assert.deepEqual([asked[0], asked.at(-1)], [1, 0]);
});

test('many partitions that lose their leader at once ask for metadata once', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 20, config: { maxRequestSize: 1e6 } });
  for (let i = 0; i < 20; i++) world.cluster.partition('logs', i).moveTo((i + 1) % 2);
  const before = world.requests('sendMetadata').length;
  for (let i = 0; i < 20; i++) world.send('logs', i);
  world.settle();
  assert.ok(world.requests('sendMetadata').length - before <= 3);
  world.verify();
});

test('a leader named in the answer is used without asking for metadata first', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  world.cluster.leaderHints = true;
  world.cluster.partition('logs', 0).moveTo(1);
  // Metadata lags behind for as long as we look.
  world.faults.request = ({ type }) => (type === 'sendMetadata' ? { delayMs: 5000 } : undefined);
  world.send('logs', 0);
  world.run(60);
  assert.equal(leaderOf(world)?.leaderId, 1);
  assert.equal(world.outcomes.size, 3);
  world.verify();
});

test('an older leader epoch is not believed, whoever tells it', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  const partition = world.cluster.partition('logs', 0);
  partition.moveTo(1);
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(200);
  assert.deepEqual([leaderOf(world)?.leaderId, leaderOf(world)?.leaderEpoch], [1, 1]);
  partition.leader = 0;
  partition.leaderEpoch = 0;
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(200);
  assert.deepEqual([leaderOf(world)?.leaderId, leaderOf(world)?.leaderEpoch], [1, 1]);
});

test('REBOOTSTRAP_REQUIRED sends us back to the bootstrap servers', () => {
  const world = SimulatedWorld.warm();
  let once = true;
  world.faults.request = ({ type }) => {
    if (type !== 'sendMetadata' || !once) return undefined;
    once = false;
    return { error: 'REBOOTSTRAP_REQUIRED' };
  };
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(2000);
  const connects = world.effects.filter(
    (one) => one.type === 'connect' && one.host === 'bootstrap',
  );
  assert.equal(connects.length, 2);
  world.send('logs', 0);
  world.settle();
});

test('another cluster under the old name: stop, its sequences are not ours', () => {
  const world = SimulatedWorld.warm();
  world.cluster.clusterId = 'another';
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(200);
  assert.equal(world.said('fatal')[0]?.error, 'INCONSISTENT_CLUSTER_ID');
});

test('one stuck partition or missing topic does not stop the others', () => {
  const world = SimulatedWorld.warm({ partitions: 3 });
  world.send('nowhere', undefined, 10, { replayable: true });
  world.faults.refusal = ({ partition }) => (partition === 1 ? 'NOT_ENOUGH_REPLICAS' : undefined);
  world.send('logs', 1, 10, { replayable: true });
  const others = Array.from({ length: 20 }, (_, i) => world.send('logs', (i % 2) * 2));
  world.run(2000);
  for (const batch of others) assert.equal(world.outcome(batch).type, 'acked');
});

test('a topic that was waited for once is not given up for one stale answer later', () => {
  const world = new SimulatedWorld({ config: { topicWaitMaxMs: 30_000 } });
  world.start();
  world.send('logs', undefined, 10, { replayable: true });
  world.run(10_000);
  assert.equal(world.said('topicProblem').length, 1);
  const topic = world.cluster.createTopic('logs', 1);
  world.settle();
  world.run(3_600_000);
  world.send('logs', undefined, 10, { replayable: true });
  world.settle();
  topic.error = 'UNKNOWN_TOPIC_OR_PARTITION';
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(300);
  topic.error = undefined;
  world.run(1000);
  assert.deepEqual(world.said('fatal'), []);
});

test('a topic without partitions is asked for about once a second', () => {
  const world = cold();
  world.cluster.createTopic('logs', 0);
  world.start();
  world.send('logs', undefined, 10, { replayable: true });
  world.run(60_000);
  assert.ok(world.requests('sendMetadata').length < 100);
});
