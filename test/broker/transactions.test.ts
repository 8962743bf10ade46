import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EmbeddedBrokerOptions, EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import type { TransactionCheck } from '../../src/broker/partition.ts';
import { errorOf } from '../../src/kafka/errors.ts';
import { fetch, isolationLevels } from '../../src/kafka/messages/01-fetch.ts';
import { listOffsets, offsetSpecs } from '../../src/kafka/messages/02-list-offsets.ts';
import { findCoordinator } from '../../src/kafka/messages/10-find-coordinator.ts';
import { apiVersions } from '../../src/kafka/messages/18-api-versions.ts';
import { initProducerId } from '../../src/kafka/messages/22-init-producer-id.ts';
import { addPartitionsToTxn } from '../../src/kafka/messages/24-add-partitions-to-txn.ts';
import { addOffsetsToTxn } from '../../src/kafka/messages/25-add-offsets-to-txn.ts';
import { endTxn } from '../../src/kafka/messages/26-end-txn.ts';
import { txnOffsetCommit } from '../../src/kafka/messages/28-txn-offset-commit.ts';
import { describeProducers } from '../../src/kafka/messages/61-describe-producers.ts';
import { batchAttributes, readBatchHeader, recordBatches } from '../../src/kafka/record-batch.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { rawClient } from './raw-client.ts';
import type { RawClient } from './raw-client.ts';
import { batchOf } from './test-batches.ts';

const NOW = 1_700_000_000_000;
const TRANSACTIONAL_ID = 'shop';
/** Versions of Produce: the last of the first version of transactions, the first of the second. */
const V1 = 11;
const V2 = 12;

interface Context {
  after(fn: () => void | Promise<void>): void;
}

/** A transactional producer that says what the test tells it to. */
class RawProducer {
  readonly client: RawClient;
  producerId = -1n;
  producerEpoch = -1;
  sequence = 0;

  constructor(client: RawClient) {
    this.client = client;
  }

  get identity() {
    const { producerId, producerEpoch } = this;
    return { transactionalId: TRANSACTIONAL_ID, producerId, producerEpoch };
  }

  /** @returns the name of the error */
  async init(from?: { readonly producerId: bigint; readonly producerEpoch: number }) {
    const who = from ?? { producerId: -1n, producerEpoch: -1 };
    const asked = { transactionalId: TRANSACTIONAL_ID, transactionTimeoutMs: 60_000, ...who };
    const answer = await this.client.ask(initProducerId, 5, asked);
    if (answer.errorCode === 0) this.take(answer);
    return errorOf(answer.errorCode).name;
  }

  take({ producerId, producerEpoch }: { producerId: bigint; producerEpoch: number }): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.sequence = 0;
  }

  async add(...partitions: number[]) {
    const answer = await this.client.ask(addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: TRANSACTIONAL_ID,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: [{ name: 'logs', partitions }],
    });
    const [topic] = answer.resultsByTopicV3AndBelow;
    return topic?.resultsByPartition.map((one) => errorOf(one.partitionErrorCode).name).join();
  }

  async write(version: number, count = 5, partition = 0) {
    const records = batchOf({
      count,
      ...{ producerId: this.producerId, epoch: this.producerEpoch, baseSequence: this.sequence },
      ...{ attributes: batchAttributes.transactional, timestampMs: NOW },
    });
    const options = { version, transactionalId: TRANSACTIONAL_ID };
    const answer = await this.client.produce('logs', partition, records, options);
    if (answer.errorCode === 0) this.sequence += count;
    return errorOf(answer.errorCode).name;
  }

  /** @param version of EndTxn: from 5 on the second version of transactions */
  async end(committed: boolean, version: number) {
    const answer = await this.client.ask(endTxn, version, { ...this.identity, committed });
    if (answer.errorCode === 0 && version >= 5) this.take(answer);
    return errorOf(answer.errorCode).name;
  }

  async commitOffsets(version: number, offset: bigint, memberId = '') {
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'here' }];
    const answer = await this.client.ask(txnOffsetCommit, version, {
      ...{ ...this.identity, groupId: 'readers', memberId },
      topics: [{ name: 'logs', partitions }],
    });
    return errorOf(answer.topics[0]?.partitions[0]?.errorCode ?? -1).name;
  }
}

async function scene(t: Context, options: EmbeddedBrokerOptions = {}) {
  const cluster = await embeddedCluster(t, { topics: { logs: 2 }, now: () => NOW, ...options });
  const client = await rawClient(t, cluster);
  const producer = new RawProducer(client);
  assert.equal(await producer.init(), 'NONE');
  return { cluster, client, producer };
}

async function read(
  client: RawClient,
  isolationLevel: number = isolationLevels.readCommitted,
  offset = 0n,
) {
  const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1_000_000 }];
  const response = await client.ask(fetch, 12, {
    ...{ replicaId: -1, maxWaitMs: 0, minBytes: 1, isolationLevel },
    topics: [{ topic: 'logs', partitions }],
  });
  const answer = response.responses[0]?.partitions[0];
  const headers = [...recordBatches(answer?.records ?? new Uint8Array())].map(readBatchHeader);
  return {
    offsets: headers.map(({ baseOffset }) => Number(baseOffset)),
    control: headers.map(({ attributes }) => (attributes & batchAttributes.control) !== 0),
    stable: answer?.lastStableOffset,
    aborted: answer?.abortedTransactions,
    headers,
  };
}

test('the features of the cluster say which version of transactions is spoken', async (t) => {
  for (const transactionVersion of [0, 2]) {
    const cluster = await embeddedCluster(t, { transactionVersion });
    const client = await rawClient(t, cluster);
    const { finalizedFeatures } = await client.ask(apiVersions, 4, {});
    assert.deepEqual(
      finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
      [['transaction.version', transactionVersion]],
    );
  }
});

test('readers of committed transactions see nothing of an open one, then all of it', async (t) => {
  const { client, producer } = await scene(t);
  assert.equal(await producer.write(V2), 'NONE');
  const open = await read(client);
  assert.deepEqual([open.offsets, open.stable], [[], 0n]);
  assert.deepEqual((await read(client, 0)).offsets, [0]);
  assert.equal(await producer.end(true, 5), 'NONE');
  const ended = await read(client);
  assert.deepEqual([ended.offsets, ended.stable, ended.aborted], [[0, 5], 6n, []]);
  assert.deepEqual(ended.control, [false, true]);
});

test('an aborted transaction is named to readers of committed ones from its first offset on', async (t) => {
  const { client, producer } = await scene(t);
  const { producerId } = producer;
  await producer.write(V2);
  await producer.end(true, 5);
  await producer.write(V2);
  await producer.write(V2);
  assert.equal(await producer.end(false, 5), 'NONE');
  await producer.write(V2);
  await producer.end(true, 5);
  const all = await read(client);
  assert.deepEqual(all.aborted, [{ producerId, firstOffset: 6n }]);
  // From within it, and from behind it.
  assert.deepEqual((await read(client, 1, 12n)).aborted?.length, 1);
  assert.deepEqual((await read(client, 1, 17n)).aborted, []);
  assert.equal((await read(client, 0)).aborted, null);
});

test('a marker is a control batch of one record that says how the transaction ended', async (t) => {
  const { cluster, client, producer } = await scene(t);
  await producer.write(V2);
  await producer.end(false, 5);
  const { headers } = await read(client);
  const marker = headers[1];
  assert.deepEqual(
    [marker?.producerEpoch, marker?.baseSequence, marker?.recordCount, marker?.attributes],
    [1, -1, 1, batchAttributes.transactional | batchAttributes.control],
  );
  const { bytes } = cluster.partition('logs', 0).log.batches[1] ?? {};
  // Length, attributes, two deltas, then key and value with their lengths.
  assert.equal(
    Buffer.from(bytes?.subarray(61) ?? []).toString('hex'),
    '2000000008000000000c00000000000000',
  );
});

test('version 1: a partition has to be added before it is written to, and the epoch stays', async (t) => {
  const { producer, client } = await scene(t, { transactionVersion: 1 });
  assert.equal(await producer.write(V1), 'INVALID_TXN_STATE');
  assert.equal(await producer.add(1), 'NONE');
  assert.equal(await producer.write(V1), 'INVALID_TXN_STATE');
  assert.equal(await producer.add(0), 'NONE');
  assert.equal(await producer.write(V1), 'NONE');
  assert.equal(await producer.end(true, 4), 'NONE');
  assert.equal(await producer.end(true, 4), 'NONE', 'said again');
  assert.equal(await producer.end(false, 4), 'INVALID_TXN_STATE');
  assert.equal(await producer.add(0), 'NONE');
  assert.equal(await producer.write(V1), 'NONE');
  assert.deepEqual((await read(client)).offsets, [0, 5]);
  assert.equal(producer.producerEpoch, 0);
});

test('version 1: all partitions are added or none', async (t) => {
  const { producer } = await scene(t);
  assert.equal(await producer.add(0, 7), 'OPERATION_NOT_ATTEMPTED,UNKNOWN_TOPIC_OR_PARTITION');
  assert.equal(await producer.write(V1), 'INVALID_TXN_STATE');
});

test('version 2: each end brings another epoch; the old one is refused, and a repeated end is known', async (t) => {
  const { producer, client } = await scene(t);
  await producer.write(V2);
  const before = { ...producer.identity, committed: true };
  assert.equal(await producer.end(true, 5), 'NONE');
  assert.equal(producer.producerEpoch, 1);
  const again = await client.ask(endTxn, 5, before);
  assert.deepEqual([again.errorCode, again.producerEpoch], [0, 1]);
  const other = await client.ask(endTxn, 5, { ...before, committed: false });
  assert.equal(errorOf(other.errorCode).name, 'PRODUCER_FENCED');
  const late = batchOf({ ...before, epoch: 0, baseSequence: 5, attributes: 0x10 });
  const options = { version: V2, transactionalId: TRANSACTIONAL_ID };
  const { errorCode } = await client.produce('logs', 0, late, options);
  assert.equal(errorOf(errorCode).name, 'INVALID_PRODUCER_EPOCH');
  producer.sequence = 3;
  assert.equal(await producer.write(V2), 'OUT_OF_ORDER_SEQUENCE_NUMBER');
});

test('version 2: an abort of nothing is granted, a commit of nothing is not', async (t) => {
  const { producer } = await scene(t);
  assert.equal(await producer.end(true, 5), 'INVALID_TXN_STATE');
  assert.equal(await producer.end(false, 5), 'NONE');
  assert.equal(producer.producerEpoch, 1);
});

test('a newer producer with the id ends what was open, and fences the older one', async (t) => {
  const { cluster, producer, client } = await scene(t);
  await producer.write(V2);
  const newer = new RawProducer(await rawClient(t, cluster));
  assert.equal(await newer.init(), 'CONCURRENT_TRANSACTIONS');
  assert.equal(await newer.init(), 'NONE');
  assert.equal(newer.producerEpoch, 2);
  assert.equal((await read(client)).aborted?.length, 1);
  assert.equal(await producer.write(V2), 'INVALID_PRODUCER_EPOCH');
  assert.equal(await producer.add(0), 'PRODUCER_FENCED');
  assert.equal(await producer.end(true, 5), 'PRODUCER_FENCED');
  assert.equal(await producer.init(producer), 'PRODUCER_FENCED');
});

test('an epoch is raised by whoever has it, once for the same request', async (t) => {
  const { producer } = await scene(t);
  const before = { producerId: producer.producerId, producerEpoch: 0 };
  assert.equal(await producer.init(before), 'NONE');
  assert.equal(producer.producerEpoch, 1);
  assert.equal(await producer.init(before), 'NONE');
  assert.equal(producer.producerEpoch, 1);
  assert.equal(await producer.init({ ...before, producerId: 1n }), 'PRODUCER_FENCED');
});

test('a transaction that is open for too long is aborted, and its producer fenced', async (t) => {
  const { cluster, producer } = await scene(t);
  await producer.write(V2);
  cluster.expireTransactions(NOW + 59_000);
  assert.equal(await producer.write(V2), 'NONE');
  cluster.expireTransactions(NOW + 60_000);
  assert.equal(await producer.end(true, 5), 'PRODUCER_FENCED');
});

test('offsets count when the transaction commits; in version 1 the group has to be added before', async (t) => {
  const { cluster, producer, client } = await scene(t);
  assert.equal(await producer.commitOffsets(4, 7n), 'INVALID_TXN_STATE');
  const { errorCode } = await client.ask(addOffsetsToTxn, 3, {
    ...producer.identity,
    groupId: 'readers',
  });
  assert.equal(errorCode, 0);
  assert.equal(await producer.commitOffsets(4, 7n), 'NONE');
  assert.deepEqual(cluster.committedOffsets('readers'), []);
  await producer.end(false, 5);
  assert.deepEqual(cluster.committedOffsets('readers'), []);
  assert.equal(await producer.commitOffsets(5, 8n), 'NONE');
  await producer.end(true, 5);
  const kept = cluster
    .committedOffsets('readers')
    .map(({ offset, metadata }) => [offset, metadata]);
  assert.deepEqual(kept, [[8n, 'here']]);
  assert.equal(await producer.commitOffsets(5, 9n, 'somebody'), 'UNKNOWN_MEMBER_ID');
});

test('only the coordinator answers; the others say who that is', async (t) => {
  const { cluster } = await scene(t, { nodes: 2 });
  const second = await rawClient(t, cluster, 2);
  const found = await second.ask(findCoordinator, 4, {
    keyType: 1,
    coordinatorKeys: [TRANSACTIONAL_ID],
  });
  assert.equal(found.coordinators[0]?.nodeId, 1);
  assert.equal(await new RawProducer(second).init(), 'NOT_COORDINATOR');
  assert.equal(await new RawProducer(second).add(0), 'NOT_COORDINATOR');
  assert.equal(await new RawProducer(second).end(true, 5), 'NOT_COORDINATOR');
});

test('a partition without a leader gets its marker later; until then nothing new begins', async (t) => {
  const topics = { logs: { partitions: 2, replicationFactor: 1 } };
  const { cluster, producer, client } = await scene(t, { nodes: 2, topics });
  const second = new RawProducer(await rawClient(t, cluster, 2));
  second.take(producer);
  assert.equal(await second.write(V2, 5, 1), 'NONE');
  await cluster.stopNode(2);
  const before = producer.identity;
  assert.equal(await producer.end(true, 5), 'NONE');
  assert.equal(await producer.add(0), 'CONCURRENT_TRANSACTIONS');
  assert.equal(await producer.end(true, 5), 'CONCURRENT_TRANSACTIONS');
  assert.equal(await producer.end(false, 5), 'INVALID_TXN_STATE', 'it is committed');
  producer.take(before);
  assert.equal(await producer.end(true, 5), 'CONCURRENT_TRANSACTIONS', 'the same request again');
  await cluster.startNode(2);
  assert.equal(await producer.end(true, 5), 'NONE');
  assert.equal(await producer.add(0), 'NONE');
  assert.equal(cluster.partition('logs', 1).log.endOffset, 6);
  assert.deepEqual((await read(client)).offsets, []);
});

test('a batch without a transaction is refused where its producer has one open', async (t) => {
  const { client, producer } = await scene(t);
  await producer.write(V2);
  const { producerId } = producer;
  const plain = batchOf({ producerId, epoch: 0, baseSequence: 5, timestampMs: NOW });
  const { errorCode } = await client.produce('logs', 0, plain);
  assert.equal(errorOf(errorCode).name, 'INVALID_TXN_STATE');
  const anonymous = batchOf({ producerId, epoch: 0, baseSequence: 5, attributes: 0x10 });
  const refused = await client.produce('logs', 0, anonymous);
  assert.equal(errorOf(refused.errorCode).name, 'INVALID_TXN_STATE');
});

test('ListOffsets and DescribeProducers know the open transaction', async (t) => {
  const { client, producer } = await scene(t);
  await producer.write(V2);
  await producer.end(true, 5);
  await producer.write(V2);
  const { readUncommitted, readCommitted } = isolationLevels;
  const latest = async (isolationLevel: number) => {
    const partitions = [{ partitionIndex: 0, timestamp: offsetSpecs.latest }];
    const topics = [{ name: 'logs', partitions }];
    const answer = await client.ask(listOffsets, 8, { replicaId: -1, isolationLevel, topics });
    return answer.topics[0]?.partitions[0]?.offset;
  };
  assert.deepEqual([await latest(readUncommitted), await latest(readCommitted)], [11n, 6n]);
  const asked = { topics: [{ name: 'logs', partitionIndexes: [0] }] };
  const { topics } = await client.ask(describeProducers, 0, asked);
  assert.equal(topics[0]?.partitions[0]?.activeProducers[0]?.currentTxnStartOffset, 6n);
});

test('a transaction is stable when its marker is replicated', async (t) => {
  const { cluster, producer } = await scene(t, { nodes: 2 });
  await producer.write(V2);
  const partition = cluster.partition('logs', 0);
  partition.holdWatermark();
  await producer.end(true, 5);
  assert.equal(partition.lastStableOffset, 0);
  partition.releaseWatermark();
  assert.equal(partition.lastStableOffset, 6);
});

test('a log that was cut has the open transactions of what is left', async (t) => {
  const { cluster, producer } = await scene(t, { nodes: 2 });
  await producer.write(V2);
  await producer.end(true, 5);
  const partition = cluster.partition('logs', 0);
  partition.holdWatermark();
  const { producerId, producerEpoch } = producer;
  const stamp = { producerId, epoch: producerEpoch, baseSequence: 0, attributes: 0x10 };
  const check: TransactionCheck = { admit: () => 'NONE', fromZero: true };
  assert.equal(partition.append(1, batchOf(stamp), 1, NOW, check).kind, 'appended');
  assert.equal(partition.openSince(producerId), 6);
  partition.moveLeader(2);
  assert.equal(partition.openSince(producerId), -1);
  partition.releaseWatermark();
  assert.equal(partition.lastStableOffset, 6);
});

test('a timeout that no broker allows is refused', async (t) => {
  const cluster: EmbeddedCluster = await embeddedCluster(t);
  const client = await rawClient(t, cluster);
  const asked = { transactionalId: 'x', transactionTimeoutMs: 900_001 };
  const { errorCode } = await client.ask(initProducerId, 5, asked);
  assert.equal(errorOf(errorCode).name, 'INVALID_TRANSACTION_TIMEOUT');
});
