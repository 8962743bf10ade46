import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { endTxn } from '../../src/kafka/messages/26-end-txn.ts';
import { readBatchHeader } from '../../src/kafka/record-batch.ts';
import { embeddedCluster, records, values } from '../support/embedded-cluster.ts';
import { runProgram } from '../support/foreign-programs.ts';
import { kafkaJars } from '../support/kafka-jars.ts';
import { rawClient } from './raw-client.ts';
import { beginTransaction } from './sample-requests.ts';
import { batchOf } from './test-batches.ts';

const lines = Array.from(
  { length: 2000 },
  (_, index) => `${String(index)} GET /index.html 200 ${'abcdefgh'.repeat(index % 20)}`,
);
const text = lines.join('\n') + '\n';

/** Runs one of Kafka's command line tools. */
async function java(tool: string, args: readonly string[], input = ''): Promise<string> {
  const { classpath } = await kafkaJars();
  const flags = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', classpath];
  const { code, stdout, stderr } = await runProgram('java', [...flags, tool, ...args], input);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return stdout;
}

function produce(cluster: EmbeddedCluster, args: readonly string[]): Promise<string> {
  const common = ['--bootstrap-server', cluster.bootstrap, '--topic', 'logs'];
  return java('org.apache.kafka.tools.ConsoleProducer', [...common, ...args], text);
}

function consume(cluster: EmbeddedCluster, args: readonly string[]): Promise<string> {
  const common = ['--bootstrap-server', cluster.bootstrap, '--topic', 'logs', '--partition', '0'];
  return java('org.apache.kafka.tools.consumer.ConsoleConsumer', [...common, ...args]);
}

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  test(`the Java console producer writes ${codec}, idempotently, and the Java console consumer reads it`, async (t) => {
    const cluster = await embeddedCluster(t, { nodes: 2, topics: { logs: 1 } });
    await produce(cluster, ['--compression-codec', codec]);
    assert.deepEqual(values(cluster, 'logs', 0), lines);
    const headers = cluster
      .partition('logs', 0)
      .log.batches.flatMap(({ bytes }) => (bytes ? [readBatchHeader(bytes)] : []));
    assert.ok(headers.every(({ producerId }) => producerId === 1000n));

    const read = await consume(cluster, ['--offset', 'earliest', '--max-messages', '2000']);
    assert.equal(read, text);
    assert.deepEqual(cluster.complaints, []);
  });
}

for (const transactionVersion of [0, 2]) {
  test(`the Java producer writes transactions of version ${String(transactionVersion)}, and the Java consumer reads those that were committed`, async (t) => {
    const topics = { logs: 1 };
    const cluster = await embeddedCluster(t, { nodes: 2, topics, transactionVersion });
    await java('org.apache.kafka.tools.ProducerPerformance', [
      ...['--producer-props', `bootstrap.servers=${cluster.bootstrap}`, '--topic', 'logs'],
      ...['--num-records', '500', '--record-size', '20', '--throughput', '1000'],
      ...['--transactional-id', 'java', '--transaction-duration-ms', '100'],
    ]);
    const { batches } = cluster.partition('logs', 0).log;
    const markers = batches.filter(({ marker }) => marker !== undefined);
    assert.ok(markers.length >= 3 && markers.every(({ marker }) => marker === 'commit'));
    assert.equal(values(cluster, 'logs', 0).length, 500);
    const adds = cluster.requests('AddPartitionsToTxn').length;
    assert.equal(adds > 0, transactionVersion === 0);
    assert.equal(cluster.partition('logs', 0).lastStableOffset, 500 + markers.length);

    // One that is aborted behind them, and a record behind that.
    const client = await rawClient(t, cluster);
    const producer = await beginTransaction(client);
    const { producerId, transactionalId, producerEpoch: epoch } = producer;
    const batch = batchOf({ values: ['undone'], producerId, epoch, attributes: 0x10 });
    await client.produce('logs', 0, batch, { version: 11, transactionalId });
    await client.ask(endTxn, 4, { ...producer, committed: false });
    await client.produce('logs', 0, batchOf({ values: ['after'] }));
    const committed = ['--isolation-level', 'read_committed'];
    const fromOffset = 480 + markers.length;
    const count =
      records(cluster, 'logs', 0).filter(({ offset }) => offset >= fromOffset).length - 1;
    const from = ['--offset', String(fromOffset), '--max-messages', String(count)];
    const read = await consume(cluster, [...committed, ...from]);
    const lines = read.trimEnd().split('\n');
    assert.equal(lines.at(-1), 'after');
    assert.ok(!lines.includes('undone') && lines.length === count);
    assert.deepEqual(cluster.complaints, []);
  });
}

test('the Java console consumer reads from an offset', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  await produce(cluster, []);
  const read = await consume(cluster, ['--offset', '1990', '--max-messages', '10']);
  assert.equal(read, lines.slice(1990).join('\n') + '\n');
  assert.deepEqual(cluster.complaints, []);
});

test('kafka-topics creates a topic with settings', async (t) => {
  const cluster = await embeddedCluster(t, { nodes: 3, autoCreate: false });
  const settings = [
    '--partitions',
    '5',
    '--replication-factor',
    '3',
    '--config',
    'min.insync.replicas=2',
  ];
  const common = ['--bootstrap-server', cluster.bootstrap, '--create', '--topic', 'logs'];
  await java('org.apache.kafka.tools.TopicCommand', [...common, ...settings]);
  assert.equal(cluster.topics[0]?.partitions.length, 5);
  assert.equal(cluster.partition('logs', 4).config['min.insync.replicas'], 2);
  assert.deepEqual(cluster.complaints, []);
});
