import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  always,
  answer,
  answerAfterwards,
  answerPartition,
  closeConnection,
  cutAnswer,
  delay,
  delayAnswer,
  editAnswer,
  hang,
  inTurn,
  loseAnswer,
  onNode,
  once,
  throttle,
  times,
  whilst,
} from '../../src/broker/faults.ts';
import { brokerApis } from '../../src/broker/broker-apis.ts';
import type { ApiName } from '../../src/broker/broker-apis.ts';
import { errors } from '../../src/kafka/errors.ts';
import { messageSpecs } from '../../src/kafka/messages/registry.ts';
import { produce } from '../../src/kafka/messages/00-produce.ts';
import { metadata } from '../../src/kafka/messages/03-metadata.ts';
import { initProducerId } from '../../src/kafka/messages/22-init-producer-id.ts';
import { embeddedCluster, values } from '../support/embedded-cluster.ts';
import { rawClient } from './raw-client.ts';
import { beginTransaction, sampleRequests } from './sample-requests.ts';
import { batchOf } from './test-batches.ts';

const one = { topics: { logs: 2 } };
const allTopics = { topics: null, includeTopicAuthorizedOperations: false };
const noTransaction = { transactionalId: null, transactionTimeoutMs: 1000 };

/** Every error code anywhere in an answer. */
function errorCodesIn(part: unknown): number[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([name, value]) =>
    /errorCode$/i.test(name) && typeof value === 'number' ? [value] : errorCodesIn(value),
  );
}

for (const spec of messageSpecs.filter(({ name }) => name in brokerApis)) {
  test(`${spec.name} answers any error it is told to, in every version, and then plainly again`, async (t) => {
    const cluster = await embeddedCluster(t, one);
    const client = await rawClient(t, cluster);
    const producer = await beginTransaction(client);
    const api = spec.name as ApiName;
    for (let version = spec.versions.min; version <= spec.versions.max; version++) {
      const request = sampleRequests(cluster, version, producer)[api];
      cluster.control(api, once(answer('UNKNOWN_SERVER_ERROR')));
      const refused = errorCodesIn(await client.ask(spec, version, request));
      assert.ok(
        refused.includes(errors.UNKNOWN_SERVER_ERROR.code),
        `v${version}: ${refused.join()}`,
      );

      cluster.control(api, once(answerAfterwards('UNKNOWN_SERVER_ERROR')));
      const late = errorCodesIn(await client.ask(spec, version, request));
      assert.ok(late.includes(errors.UNKNOWN_SERVER_ERROR.code), `v${version}: ${late.join()}`);

      const plain = errorCodesIn(await client.ask(spec, version, request));
      if (api !== 'CreateTopics') assert.deepEqual([...new Set(plain)], [0], `v${version}`);
    }
    assert.deepEqual(cluster.complaints, []);
  });
}

test('a refused Produce appends nothing, one answered with an error afterwards is in', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await rawClient(t, cluster);
  cluster.control(
    'Produce',
    inTurn(answer('NOT_ENOUGH_REPLICAS'), answerAfterwards('REQUEST_TIMED_OUT')),
  );

  const first = await client.produce('logs', 0, batchOf({ values: ['a'] }));
  assert.equal(first.errorCode, errors.NOT_ENOUGH_REPLICAS.code);
  assert.deepEqual(values(cluster, 'logs', 0), []);
  const second = await client.produce('logs', 0, batchOf({ values: ['b'] }));
  assert.deepEqual([second.errorCode, second.baseOffset], [errors.REQUEST_TIMED_OUT.code, -1n]);
  assert.deepEqual(values(cluster, 'logs', 0), ['b']);
});

test('one partition of a Produce fails and the others are written', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await rawClient(t, cluster);
  cluster.control('Produce', once(answerPartition('logs', 1, 'KAFKA_STORAGE_ERROR')));
  const partitionData = [0, 1].map((index) => ({ index, records: batchOf({ values: ['x'] }) }));
  const response = await client.ask(produce, 9, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 'logs', partitionData }],
  });
  assert.deepEqual(errorCodesIn(response), [0, errors.KAFKA_STORAGE_ERROR.code]);
  assert.deepEqual([values(cluster, 'logs', 0), values(cluster, 'logs', 1)], [['x'], []]);
});

test('a lost answer leaves the records in the log and the connection closed, and the resend is a duplicate', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.control('Produce', once(loseAnswer));
  const batch = batchOf({ values: ['a', 'b'], producerId: 9n });
  const before = await rawClient(t, cluster);
  before.sendBatch('logs', 0, batch);
  assert.equal(await before.receive(produce, 9), undefined);
  assert.deepEqual(values(cluster, 'logs', 0), ['a', 'b']);

  const after = await rawClient(t, cluster);
  const again = await after.produce('logs', 0, batch);
  assert.deepEqual([again.errorCode, again.baseOffset], [0, 0n]);
  assert.notEqual(again.logAppendTimeMs, -1n);
  assert.deepEqual(values(cluster, 'logs', 0), ['a', 'b']);
});

test('an answer is cut in the middle of its frame', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.control('Produce', once(cutAnswer(11)));
  const client = await rawClient(t, cluster);
  client.sendBatch('logs', 0, batchOf({ values: ['a'] }));
  assert.equal(await client.receive(produce, 9), undefined);
  assert.equal(client.leftover, 11);
  assert.deepEqual(values(cluster, 'logs', 0), ['a']);
});

test('a request is cut in the middle: nothing is appended', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.cutRequests('Produce', 50);
  const client = await rawClient(t, cluster);
  client.sendBatch('logs', 0, batchOf({ values: ['a'.repeat(100_000)] }));
  assert.equal(await client.receive(produce, 9), undefined);
  assert.deepEqual(values(cluster, 'logs', 0), []);
  const next = await rawClient(t, cluster);
  assert.equal((await next.produce('logs', 0, batchOf({ values: ['b'] }))).errorCode, 0);
});

test('a connection is closed before anything is done', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.control('Produce', once(closeConnection));
  const client = await rawClient(t, cluster);
  client.sendBatch('logs', 0, batchOf());
  assert.equal(await client.receive(produce, 9), undefined);
  assert.deepEqual(values(cluster, 'logs', 0), []);
});

test('a hanging request blocks its connection and no other', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.control('Produce', once(hang));
  const stuck = await rawClient(t, cluster);
  stuck.sendBatch('logs', 0, batchOf());
  stuck.send(metadata, 9, allTopics);
  const other = await rawClient(t, cluster);
  await other.ask(metadata, 9, allTopics);
  await sleep(50);
  assert.equal(stuck.leftover, 0);
  assert.equal(stuck.isClosed, false);
});

test('a delayed request is carried out late, also when its client has gone: a zombie', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.control('Produce', once(delay(100)));
  const client = await rawClient(t, cluster);
  client.sendBatch('logs', 0, batchOf({ values: ['late'] }));
  while (cluster.requests('Produce').length === 0) await new Promise((r) => setTimeout(r, 5));
  client.socket.destroy();
  await sleep(30);
  assert.deepEqual(values(cluster, 'logs', 0), []);
  while (values(cluster, 'logs', 0).length === 0) await new Promise((r) => setTimeout(r, 5));
  assert.deepEqual(values(cluster, 'logs', 0), ['late']);
});

test('a delayed answer finds the records in the log already', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.control('Produce', once(delayAnswer(100)));
  const client = await rawClient(t, cluster);
  const started = performance.now();
  client.sendBatch('logs', 0, batchOf({ values: ['a'] }));
  while (values(cluster, 'logs', 0).length === 0) await new Promise((r) => setTimeout(r, 5));
  assert.equal(client.leftover, 0);
  await client.receive(produce, 9);
  assert.ok(performance.now() - started >= 99);
});

test('throttling answers at once, then mutes the connection', async (t) => {
  const cluster = await embeddedCluster(t, one);
  cluster.control('InitProducerId', once(throttle(150)));
  const client = await rawClient(t, cluster);
  const started = performance.now();
  const answered = await client.ask(initProducerId, 3, noTransaction);
  assert.equal(answered.throttleTimeMs, 150);
  assert.ok(performance.now() - started < 140);
  await client.ask(initProducerId, 3, noTransaction);
  assert.ok(performance.now() - started >= 149);
});

test('an answer can be edited: metadata that names a leader of yesterday', async (t) => {
  const cluster = await embeddedCluster(t, { nodes: 2, topics: { logs: 1 } });
  const stale = editAnswer(metadata, ({ topics }) => {
    for (const partition of topics.flatMap(({ partitions }) => partitions)) {
      partition.leaderId = 2;
    }
  });
  cluster.control('Metadata', once(stale));
  const client = await rawClient(t, cluster);
  const leaders = async (): Promise<number[]> =>
    (await client.ask(metadata, 9, allTopics)).topics.flatMap(({ partitions }) =>
      partitions.map(({ leaderId }) => leaderId),
    );
  assert.deepEqual([await leaders(), await leaders()], [[2], [1]]);
});

test('rules hold for a number of times, a node, a condition, or until they are taken away', async (t) => {
  const cluster = await embeddedCluster(t, { nodes: 2, topics: { logs: 1 } });
  const [first, second] = [await rawClient(t, cluster, 1), await rawClient(t, cluster, 2)];
  const codeOf = async (client: typeof first): Promise<number> =>
    (await client.ask(initProducerId, 3, noTransaction)).errorCode;
  const { code } = errors.COORDINATOR_LOAD_IN_PROGRESS;
  const loading = answer('COORDINATOR_LOAD_IN_PROGRESS');

  cluster.control('InitProducerId', times(2, loading));
  assert.deepEqual(
    [await codeOf(first), await codeOf(first), await codeOf(first)],
    [code, code, 0],
  );

  const remove = cluster.control('InitProducerId', onNode(2, always(loading)));
  assert.deepEqual(
    [await codeOf(first), await codeOf(second), await codeOf(second)],
    [0, code, code],
  );
  remove();
  assert.equal(await codeOf(second), 0);

  let isLoading = true;
  cluster.control(
    'InitProducerId',
    whilst(() => isLoading, loading),
  );
  assert.equal(await codeOf(first), code);
  isLoading = false;
  assert.equal(await codeOf(first), 0);
  isLoading = true;
  cluster.clearControls();
  assert.equal(await codeOf(first), 0);
});
