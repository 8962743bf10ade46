import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { codecs, createCompressor } from '../../src/kafka/compression.ts';
import { errors } from '../../src/kafka/errors.ts';
import { fetch } from '../../src/kafka/messages/01-fetch.ts';
import { listOffsets, offsetSpecs } from '../../src/kafka/messages/02-list-offsets.ts';
import { encodeRecords } from '../../src/kafka/record.ts';
import { readBatchHeader, recordBatches } from '../../src/kafka/record-batch.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { rawClient } from './raw-client.ts';
import type { RawClient } from './raw-client.ts';
import { batchOf } from './test-batches.ts';

const NOW = 1_700_000_000_000;
const one = { topics: { logs: 1 }, now: () => NOW };

interface FetchOptions {
  readonly offset?: bigint;
  readonly version?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly leaderEpoch?: number;
  readonly replicaId?: number;
}

async function read(client: RawClient, options: FetchOptions = {}) {
  const { offset = 0n, version = 11, maxBytes = 1_000_000, leaderEpoch = -1 } = options;
  const response = await client.ask(fetch, version, {
    replicaId: options.replicaId ?? -1,
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes,
    topics: [
      {
        topic: 'logs',
        partitions: [
          {
            partition: 0,
            fetchOffset: offset,
            partitionMaxBytes: maxBytes,
            currentLeaderEpoch: leaderEpoch,
          },
        ],
      },
    ],
  });
  assert.equal(response.sessionId, 0);
  const partition = response.responses[0]?.partitions[0];
  const headers = [...recordBatches(partition?.records ?? new Uint8Array())].map(readBatchHeader);
  const offsets = headers.map(({ baseOffset }) => Number(baseOffset));
  return { errorCode: partition?.errorCode, highWatermark: partition?.highWatermark, offsets };
}

async function offsetOf(client: RawClient, timestamp: bigint, options: FetchOptions = {}) {
  const partitions = [
    { partitionIndex: 0, timestamp, currentLeaderEpoch: options.leaderEpoch ?? -1 },
  ];
  const response = await client.ask(listOffsets, 8, {
    replicaId: options.replicaId ?? -1,
    isolationLevel: 0,
    topics: [{ name: 'logs', partitions }],
  });
  const partition = response.topics[0]?.partitions[0];
  return partition?.errorCode === 0 ? Number(partition.offset) : partition?.errorCode;
}

/** Three batches of ten records with the offsets 0, 10 and 20. */
async function threeBatches(t: Parameters<typeof rawClient>[0], cluster: EmbeddedCluster) {
  const client = await rawClient(t, cluster);
  for (let batch = 0; batch < 3; batch++) {
    await client.produce('logs', 0, batchOf({ count: 10, timestampMs: NOW + batch * 1000 }));
  }
  return client;
}

test('Fetch returns whole batches from the one with the offset on, the first whatever its size', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await threeBatches(t, cluster);
  assert.deepEqual((await read(client)).offsets, [0, 10, 20]);
  assert.deepEqual((await read(client, { offset: 19n })).offsets, [10, 20]);
  assert.deepEqual((await read(client, { offset: 10n, maxBytes: 1 })).offsets, [10]);
  assert.deepEqual(await read(client, { offset: 30n }), {
    errorCode: 0,
    highWatermark: 30n,
    offsets: [],
  });
});

test('Fetch outside the log is told so', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await threeBatches(t, cluster);
  const { code } = errors.OFFSET_OUT_OF_RANGE;
  assert.equal((await read(client, { offset: 31n })).errorCode, code);
  cluster.partition('logs', 0).deleteRecordsBefore(10);
  assert.equal((await read(client, { offset: 9n })).errorCode, code);
  assert.deepEqual((await read(client, { offset: 10n })).offsets, [10, 20]);
});

test('Fetch waits for bytes and is woken by an append', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const reader = await rawClient(t, cluster);
  const writer = await rawClient(t, cluster);
  const answer = read(reader, { maxWaitMs: 60_000 });
  await writer.produce('logs', 0, batchOf());
  assert.deepEqual((await answer).offsets, [0]);

  const started = performance.now();
  const more = read(reader, { maxWaitMs: 200, minBytes: 100_000 });
  assert.deepEqual((await more).offsets, [0]);
  assert.ok(performance.now() - started >= 199);
});

test('consumers read up to the high watermark, a debugging replica up to the end', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await threeBatches(t, cluster);
  cluster.partition('logs', 0).holdWatermark();
  await client.produce('logs', 0, batchOf(), { acks: 1 });
  assert.deepEqual((await read(client)).offsets, [0, 10, 20]);
  assert.deepEqual((await read(client, { replicaId: -2 })).offsets, [0, 10, 20, 30]);
  assert.equal(await offsetOf(client, offsetSpecs.latest), 30);
  assert.equal(await offsetOf(client, offsetSpecs.latest, { replicaId: -2 }), 31);
});

test('followers serve Fetch from v11 on, never ListOffsets; leader epochs are compared', async (t) => {
  const cluster = await embeddedCluster(t, { nodes: 2, ...one });
  await threeBatches(t, cluster);
  const follower = await rawClient(t, cluster, 2);
  const notLeader = errors.NOT_LEADER_OR_FOLLOWER.code;
  assert.deepEqual((await read(follower)).offsets, [0, 10, 20]);
  assert.equal((await read(follower, { version: 10 })).errorCode, notLeader);
  assert.equal(await offsetOf(follower, offsetSpecs.latest), notLeader);

  cluster.partition('logs', 0).moveLeader(2);
  const fenced = errors.FENCED_LEADER_EPOCH.code;
  const unknown = errors.UNKNOWN_LEADER_EPOCH.code;
  assert.equal((await read(follower, { leaderEpoch: 0 })).errorCode, fenced);
  assert.equal((await read(follower, { leaderEpoch: 1 })).errorCode, 0);
  assert.equal((await read(follower, { leaderEpoch: 2 })).errorCode, unknown);
  assert.equal(await offsetOf(follower, offsetSpecs.latest, { leaderEpoch: 0 }), fenced);
  assert.equal(await offsetOf(follower, offsetSpecs.latest, { leaderEpoch: 1 }), 30);
});

test('ListOffsets finds earliest, latest, the newest record and the first from a time on', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await threeBatches(t, cluster);
  cluster.partition('logs', 0).deleteRecordsBefore(10);
  assert.equal(await offsetOf(client, offsetSpecs.earliest), 10);
  assert.equal(await offsetOf(client, offsetSpecs.latest), 30);
  assert.equal(await offsetOf(client, offsetSpecs.maxTimestamp), 20);
  assert.equal(await offsetOf(client, BigInt(NOW + 1001)), 20);
  assert.equal(await offsetOf(client, BigInt(NOW + 2001)), -1);
});

test('the first record from a time on is found inside a compressed batch', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const client = await rawClient(t, cluster);
  const gzip = createCompressor('gzip');
  const record = (timestampDelta: number) => ({ key: null, value: null, timestampDelta });
  const payload = gzip.compress(encodeRecords([0, 5, 10].map(record)));
  const attributes = codecs.gzip;
  const batch = batchOf({
    count: 3,
    payload,
    attributes,
    timestampMs: NOW,
    maxTimestampMs: NOW + 10,
  });
  await client.produce('logs', 0, batch);
  assert.equal(await offsetOf(client, BigInt(NOW + 4)), 1);
  assert.equal(await offsetOf(client, BigInt(NOW + 10)), 2);
  assert.equal(await offsetOf(client, offsetSpecs.maxTimestamp), 2);
});
