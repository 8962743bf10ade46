/** What real brokers tell a producer besides offsets: new leaders (KIP-951), quotas (KIP-219), racks (KIP-1123). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { errors } from '../../../src/kafka/errors.ts';
import { produce } from '../../../src/kafka/messages/00-produce.ts';
import { metadata } from '../../../src/kafka/messages/03-metadata.ts';
import { Producer, type ProducerNotice } from '../../../src/index.ts';
import { batchOf } from '../../broker/test-batches.ts';
import { startKafka, type KafkaCluster } from '../../support/kafka-cluster.ts';
import { opened, opening } from './channels.ts';

let kafka: KafkaCluster;

before(async () => {
  kafka = await startKafka({ brokers: 3, racks: ['a', 'b', 'c'] });
});
after(() => kafka.stop());

test('a broker that leads a partition no more names the new leader, with its epoch and address', async () => {
  await kafka.createTopic('moved', { partitions: 1 });
  const [leader = 0] = await kafka.leaders('moved');
  const other = kafka.nodeIds.find((id) => id !== leader) ?? 0;
  const channel = await opened(opening({ host: '127.0.0.1', port: kafka.portOf(other) }));
  const { topics } = await channel.call(metadata, { topics: [{ name: 'moved' }] });
  const answer = await channel.call(produce, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [
      {
        name: 'moved',
        topicId: topics[0]?.topicId ?? '',
        partitionData: [{ index: 0, records: batchOf() }],
      },
    ],
  });
  channel.close('asked');
  const [said] = answer.responses[0]?.partitionResponses ?? [];
  assert.equal(said?.errorCode, errors.NOT_LEADER_OR_FOLLOWER.code);
  assert.equal(said.currentLeader.leaderId, leader);
  assert.equal(said.currentLeader.leaderEpoch, topics[0]?.partitions[0]?.leaderEpoch);
  assert.deepEqual(answer.nodeEndpoints, [
    {
      ...{ nodeId: leader, host: '127.0.0.1', port: kafka.portOf(leader) },
      rack: ['a', 'b', 'c'][leader - 1],
    },
  ]);
});

test('a quota slows a producer down, and that is all: nothing fails, nothing times out, nothing is sent twice', async () => {
  await kafka.createTopic('slow', { partitions: 1 });
  await kafka.tool('kafka.admin.ConfigCommand', [
    ...['--bootstrap-server', kafka.bootstrap, '--alter', '--entity-type', 'clients'],
    ...['--entity-name', 'slow', '--add-config', 'producer_byte_rate=20000'],
  ]);
  const producer = new Producer({
    ...{ 'bootstrap.servers': kafka.bootstrap, 'client.id': 'slow', 'linger.ms': 0 },
    ...{ 'request.timeout.ms': 2000, 'delivery.timeout.ms': 100_000 },
  });
  const notices: ProducerNotice[] = [];
  producer.on('notice', (notice) => notices.push(notice));
  const beganMs = performance.now();
  const value = 'x'.repeat(20_000);
  const offsets: bigint[] = [];
  for (let n = 0; n < 16; n++) offsets.push((await producer.send({ topic: 'slow', value })).offset);
  const tookMs = performance.now() - beganMs;
  await producer.close();
  assert.deepEqual(
    offsets,
    Array.from({ length: 16 }, (_, n) => BigInt(n)),
  );
  const codes = new Set(notices.map(({ code }) => code));
  assert.ok(codes.has('throttled'), [...codes].join());
  assert.ok(!codes.has('requestTimedOut'));
  // 320 KB at 20 KB/s, less what the first window of about ten seconds lets through.
  assert.ok(tookMs > 3000, String(tookMs));
});

test('partitioner.rack.aware: what has no key stays with the broker of our rack', async () => {
  await kafka.createTopic('zones', { partitions: 6 });
  const leaders = await kafka.leaders('zones');
  for (const [index, rack] of ['a', 'b', 'c'].entries()) {
    await using producer = new Producer({
      ...{ 'bootstrap.servers': kafka.bootstrap, 'linger.ms': 0, 'batch.size': 16_384 },
      ...{ 'partitioner.rack.aware': true, 'client.rack': rack },
    });
    const value = 'x'.repeat(5000);
    const places = [];
    for (let n = 0; n < 40; n++) places.push(await producer.send({ topic: 'zones', value }));
    const used = new Set(places.map(({ partition }) => leaders[partition]));
    assert.deepEqual(used, new Set([index + 1]));
  }
});
