import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedBroker } from '../../src/broker/embedded-broker.ts';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { errors } from '../../src/kafka/errors.ts';
import { frameRequest } from '../../src/kafka/header.ts';
import { produce } from '../../src/kafka/messages/00-produce.ts';
import { metadata } from '../../src/kafka/messages/03-metadata.ts';
import { apiVersions } from '../../src/kafka/messages/18-api-versions.ts';
import { describeProducers } from '../../src/kafka/messages/61-describe-producers.ts';
import { SetupError } from '../../src/shared/errors.ts';
import { count, embeddedCluster, values } from '../support/embedded-cluster.ts';
import { rawClient } from './raw-client.ts';
import type { RawClient } from './raw-client.ts';
import { batchOf } from './test-batches.ts';

const one = { topics: { logs: 1 } };
const allTopics = { topics: null, includeTopicAuthorizedOperations: false };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

async function lastSequenceAt(client: RawClient): Promise<number | undefined> {
  const request = { topics: [{ name: 'logs', partitionIndexes: [0] }] };
  const { topics } = await client.ask(describeProducers, 0, request);
  return topics[0]?.partitions[0]?.activeProducers[0]?.lastSequence;
}

test('a version of ApiVersions from the future gets the answer that any client can read', async (t) => {
  const cluster = await embeddedCluster(t);
  const client = await rawClient(t, cluster);
  const frame = Buffer.concat(frameRequest(apiVersions, 0, 7, 'future', {}));
  frame.writeInt16BE(99, 6);
  client.socket.write(frame);
  const response = await client.receive(apiVersions, 0);
  assert.equal(response?.errorCode, errors.UNSUPPORTED_VERSION.code);
  assert.ok(response.apiKeys.some(({ apiKey }) => apiKey === apiVersions.apiKey));
  assert.equal((await client.ask(apiVersions, 3, {})).errorCode, 0);
});

test('only what is implemented is advertised', async (t) => {
  const cluster = await embeddedCluster(t);
  const client = await rawClient(t, cluster);
  const { apiKeys } = await client.ask(apiVersions, 4, {});
  assert.deepEqual(
    apiKeys.map(({ apiKey }) => apiKey).sort((a, b) => a - b),
    [0, 1, 2, 3, 10, 18, 19, 22, 24, 25, 26, 28, 61],
  );
});

const nonsense: readonly [string, Buffer][] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')],
  ['a negative length', Buffer.from('ffffffff00120000', 'hex')],
  ['an API nobody has', Buffer.from('0000000a0fff000000000001ffff', 'hex')],
  ['a version that was not offered', Buffer.from('0000000a0000000200000001ffff', 'hex')],
  ['a body that ends early', Buffer.from('0000000a0003000100000001ffff', 'hex')],
];

for (const [what, bytes] of nonsense) {
  test(`${what} closes the connection, is complained of, and hurts nobody else`, async (t) => {
    const cluster = await embeddedCluster(t, one);
    const client = await rawClient(t, cluster);
    client.socket.write(bytes);
    await client.closed();
    assert.equal(cluster.complaints.length, 1);
    const other = await rawClient(t, cluster);
    assert.equal((await other.produce('logs', 0, batchOf())).errorCode, 0);
  });
}

test('requests are put together from any pieces they arrive in', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await rawClient(t, cluster);
  const request = {
    acks: 1,
    timeoutMs: 1000,
    topicData: [{ name: 'logs', partitionData: [{ index: 0, records: batchOf() }] }],
  };
  const frame = Buffer.concat(frameRequest(produce, 9, 1, 'pieces', request));
  const stream = Buffer.concat([frame, frame, frame]);
  for (const size of [1, 3, 7, frame.length - 1, frame.length + 1, stream.length]) {
    for (let from = 0; from < stream.length; from += size) {
      client.socket.write(stream.subarray(from, from + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let answer = 0; answer < 3; answer++) {
      const response = await client.receive(produce, 9);
      assert.equal(response?.responses[0]?.partitionResponses[0]?.errorCode, 0);
    }
  }
  assert.equal(count(cluster, 'logs'), 18);
  assert.deepEqual(cluster.complaints, []);
});

test('acks=0 is not answered', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await rawClient(t, cluster);
  client.sendBatch('logs', 0, batchOf({ values: ['a'] }), { acks: 0 });
  await client.ask(metadata, 9, allTopics);
  assert.deepEqual(values(cluster, 'logs', 0), ['a']);
});

test('acks=all waits for the high watermark, for an append and for a duplicate; acks=1 does not', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const partition = cluster.partition('logs', 0);
  partition.holdWatermark();
  const batch = batchOf({ producerId: 3n });
  const [first, second] = [await rawClient(t, cluster), await rawClient(t, cluster)];
  const answers = [first.produce('logs', 0, batch)];
  await until(() => partition.log.endOffset === 1);
  answers.push(second.produce('logs', 0, batch));
  const impatient = await rawClient(t, cluster);
  assert.equal((await impatient.produce('logs', 0, batch, { acks: 1 })).errorCode, 0);
  await sleep(20);
  assert.deepEqual([first.leftover, second.leftover], [0, 0]);

  partition.releaseWatermark();
  const [append, duplicate] = await Promise.all(answers);
  assert.deepEqual([append?.errorCode, append?.baseOffset], [0, 0n]);
  assert.deepEqual([duplicate?.errorCode, duplicate?.baseOffset], [0, 0n]);
  assert.equal(append?.logAppendTimeMs, -1n);
  assert.notEqual(duplicate?.logAppendTimeMs, -1n);
});

test('acks=all times out with the records in the log', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.partition('logs', 0).holdWatermark();
  const client = await rawClient(t, cluster);
  const { errorCode } = await client.produce('logs', 0, batchOf(), { timeoutMs: 30 });
  assert.equal(errorCode, errors.REQUEST_TIMED_OUT.code);
  assert.equal(cluster.partition('logs', 0).log.endOffset, 1);
});

test('a connection serves one request at a time: behind one that waits, the others are not even read', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const partition = cluster.partition('logs', 0);
  partition.holdWatermark();
  const client = await rawClient(t, cluster);
  for (const value of ['a', 'b', 'c']) client.sendBatch('logs', 0, batchOf({ values: [value] }));
  await sleep(50);
  assert.deepEqual(values(cluster, 'logs', 0), ['a']);
  partition.releaseWatermark();
  await until(() => partition.log.endOffset === 3);
});

test('a request of a client that died is appended long after, when the one before it has timed out', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.partition('logs', 0).holdWatermark();
  const client = await rawClient(t, cluster);
  for (const value of ['a', 'b', 'c', 'd']) {
    client.sendBatch('logs', 0, batchOf({ values: [value] }), { timeoutMs: 200 });
  }
  await until(() => cluster.partition('logs', 0).log.endOffset === 1);
  client.socket.destroy();
  await sleep(100);
  assert.deepEqual(values(cluster, 'logs', 0), ['a']);
  await until(() => cluster.partition('logs', 0).log.endOffset === 2);
  await sleep(300);
  assert.deepEqual(values(cluster, 'logs', 0), ['a', 'b']);
});

test('a moved leader is found by the hint in the answer, and waiting requests learn of the move', async (t) => {
  const cluster = await embeddedCluster(t, { nodes: 2, topics: { logs: 1 } });
  const partition = cluster.partition('logs', 0);
  partition.holdWatermark();
  const waiting = await rawClient(t, cluster, 1);
  const answer = waiting.produce('logs', 0, batchOf());
  await until(() => partition.log.endOffset === 1);
  partition.moveLeader(2);
  assert.equal((await answer).errorCode, errors.NOT_LEADER_OR_FOLLOWER.code);
  partition.releaseWatermark();

  const response = await waiting.ask(produce, 10, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 'logs', partitionData: [{ index: 0, records: batchOf() }] }],
  });
  const refused = response.responses[0]?.partitionResponses[0];
  assert.equal(refused?.errorCode, errors.NOT_LEADER_OR_FOLLOWER.code);
  assert.deepEqual(refused.currentLeader, { leaderId: 2, leaderEpoch: 1 });
  assert.deepEqual(
    response.nodeEndpoints.map(({ nodeId, port }) => [nodeId, port]),
    [[2, cluster.nodes[1]?.port]],
  );
  const next = await rawClient(t, cluster, 2);
  assert.equal((await next.produce('logs', 0, batchOf())).errorCode, 0);
});

test('a node that stops hands over what it leads and comes back on its port', async (t) => {
  const cluster = await embeddedCluster(t, { nodes: 3, topics: { logs: 3 } });
  const describe = async (nodeId: number) => {
    const client = await rawClient(t, cluster, nodeId);
    const { brokers, topics } = await client.ask(metadata, 9, allTopics);
    const leaders = topics[0]?.partitions.map(({ leaderId }) => leaderId);
    return { brokers: brokers.map(({ nodeId: id }) => id), leaders };
  };
  const orphan = await rawClient(t, cluster, 2);
  await cluster.stopNode(2);
  await orphan.closed();
  assert.deepEqual(await describe(1), { brokers: [1, 3], leaders: [1, 3, 3] });
  await assert.rejects(rawClient(t, cluster, 2));
  await cluster.startNode(2);
  assert.deepEqual(await describe(2), { brokers: [1, 2, 3], leaders: [1, 3, 3] });
});

test('without any replica left a partition has no leader, until one is back', async (t) => {
  const cluster = await embeddedCluster(t, {
    nodes: 2,
    topics: { logs: { replicationFactor: 1 } },
  });
  await cluster.stopNode(1);
  const client = await rawClient(t, cluster, 2);
  const leaderOf = async () => {
    const { topics } = await client.ask(metadata, 9, allTopics);
    const partition = topics[0]?.partitions[0];
    return [partition?.errorCode, partition?.leaderId, partition?.offlineReplicas];
  };
  assert.deepEqual(await leaderOf(), [errors.LEADER_NOT_AVAILABLE.code, -1, [1]]);
  await cluster.startNode(1);
  assert.deepEqual(await leaderOf(), [0, 1, []]);
});

test('five in flight, answers lost, broker restarted: only the last is known', async (t) => {
  const cluster = await embeddedCluster(t, { ...one, now: () => 1_700_000_000_000 });
  const before = await rawClient(t, cluster);
  const batches = [0, 10, 20, 30, 40].map((baseSequence) =>
    batchOf({ producerId: 7n, baseSequence, count: 10 }),
  );
  for (const batch of batches) await before.produce('logs', 0, batch);
  await cluster.restartNode(1);
  const after = await rawClient(t, cluster);
  assert.equal(await lastSequenceAt(after), 49);
  const codes: number[] = [];
  for (const batch of batches) codes.push((await after.produce('logs', 0, batch)).errorCode);
  const { code } = errors.OUT_OF_ORDER_SEQUENCE_NUMBER;
  assert.deepEqual(codes, [code, code, code, code, 0]);
  assert.equal(count(cluster, 'logs'), 50);
});

test('a topic that was deleted and created again has another id and knows no producer', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await rawClient(t, cluster);
  const oldId = cluster.topics[0]?.topicId ?? '';
  const records = batchOf({ producerId: 7n, baseSequence: 0 });
  await client.produce('logs', 0, records);
  cluster.deleteTopic('logs');
  cluster.createTopic('logs');

  const response = await client.ask(produce, 13, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ topicId: oldId, partitionData: [{ index: 0, records }] }],
  });
  const byId = response.responses[0]?.partitionResponses[0]?.errorCode;
  assert.equal(byId, errors.UNKNOWN_TOPIC_ID.code);
  const byName = await client.produce('logs', 0, records, { version: 7 });
  assert.deepEqual([byName.errorCode, byName.baseOffset, byName.logAppendTimeMs], [0, 0n, -1n]);
});

test('a paused node keeps its connections and answers when it goes on', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await rawClient(t, cluster);
  cluster.pauseNode(1);
  const late = await rawClient(t, cluster);
  const answers = [client.ask(metadata, 9, allTopics), late.ask(metadata, 9, allTopics)];
  await sleep(50);
  assert.equal(client.leftover + late.leftover, 0);
  cluster.resumeNode(1);
  await Promise.all(answers);
});

test('requests are recorded with the headers of their batches', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await rawClient(t, cluster);
  const batch = batchOf({ values: ['secret'.repeat(100)], producerId: 7n });
  await client.produce('logs', 0, batch);
  const [request] = cluster.requests('Produce');
  assert.deepEqual([request?.api, request?.apiVersion, request?.nodeId], ['Produce', 9, 1]);
  assert.equal(request?.clientId, 'raw');
  const text = JSON.stringify(request.body, (_, value: unknown) =>
    value instanceof Uint8Array
      ? value.byteLength
      : typeof value === 'bigint'
        ? Number(value)
        : value,
  );
  assert.match(text, /"records":61/);
});

test('a null sink counts and keeps nothing', async (t) => {
  const cluster = await embeddedCluster(t, { ...one, discard: true });
  const client = await rawClient(t, cluster);
  const batch = batchOf({ count: 500, producerId: 7n });
  const broken = Uint8Array.from(batch);
  broken[100] = (broken[100] ?? 0) ^ 1;
  assert.equal((await client.produce('logs', 0, broken)).errorCode, 0);
  const { log } = cluster.partition('logs', 0);
  assert.deepEqual([log.recordCount, log.byteCount], [500, batch.byteLength]);
  assert.deepEqual(values(cluster, 'logs', 0), []);
  assert.equal((await client.produce('logs', 0, broken)).baseOffset, 0n);
  assert.deepEqual(cluster.requests(), []);
});

test('a port that is taken is said with its number', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await assert.rejects(startEmbeddedBroker({ ports: [port] }), (error) => {
    assert.ok(error instanceof SetupError);
    assert.match(error.message, new RegExp(`cannot listen on 127.0.0.1:${port}: .*EADDRINUSE`));
    return true;
  });
});

test('close ends everything, also while requests wait', async (t) => {
  const cluster: EmbeddedCluster = await startEmbeddedBroker({ nodes: 2, ...one });
  cluster.partition('logs', 0).holdWatermark();
  const client = await rawClient(t, cluster);
  client.sendBatch('logs', 0, batchOf());
  await until(() => count(cluster, 'logs') === 1);
  await cluster.close();
  await client.closed();
});
