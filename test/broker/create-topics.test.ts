import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors } from '../../src/kafka/errors.ts';
import { createTopics } from '../../src/kafka/messages/19-create-topics.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { rawClient } from './raw-client.ts';

const VERSION = 7;

/** A request for one topic; what is not said is the broker's default. */
function topicOf(name: string, counts: { partitions?: number; replicas?: number } = {}) {
  return {
    name,
    numPartitions: counts.partitions ?? -1,
    replicationFactor: counts.replicas ?? -1,
    assignments: [],
    configs: [],
  };
}

test('validateOnly says what would become of a topic, and creates none', async (t) => {
  const cluster = await embeddedCluster(t);
  const client = await rawClient(t, cluster);
  const topics = [topicOf('logs', { partitions: 3 }), topicOf('none', { partitions: 0 })];
  const tried = await client.ask(createTopics, VERSION, { topics, validateOnly: true });
  const expected = [0, errors.INVALID_PARTITIONS.code];
  assert.deepEqual(
    tried.topics.map(({ errorCode }) => errorCode),
    expected,
  );
  assert.equal(cluster.topics.length, 0);

  const made = await client.ask(createTopics, VERSION, { topics });
  assert.deepEqual(
    made.topics.map(({ errorCode }) => errorCode),
    expected,
  );
  assert.deepEqual(
    cluster.topics.map(({ name, partitions }) => [name, partitions.length]),
    [['logs', 3]],
  );
});

test('a topic has at least one replica, and at most as many as there are nodes', async (t) => {
  const cluster = await embeddedCluster(t, { nodes: 2 });
  const client = await rawClient(t, cluster);
  const factors = [-2, 0, 1, 2, 3];
  const topics = factors.map((replicas, index) => topicOf(`t${index}`, { replicas }));
  const answer = await client.ask(createTopics, VERSION, { topics });
  const refused = errors.INVALID_REPLICATION_FACTOR.code;
  assert.deepEqual(
    answer.topics.map(({ errorCode }) => errorCode),
    [refused, refused, 0, 0, refused],
  );
  assert.match(answer.topics[4]?.errorMessage ?? '', /^3 replicas: 2 nodes$/);
  assert.deepEqual(
    cluster.topics.map(({ name }) => name),
    ['t2', 't3'],
  );

  await cluster.stopNode(2);
  const late = await client.ask(createTopics, VERSION, {
    topics: [topicOf('t5', { replicas: 2 })],
  });
  assert.equal(late.topics[0]?.errorCode, refused, 'a node that is down counts for nothing');
});
