import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookAtBrokers } from '../../../src/send/broker-preflight.ts';
import { startKafka } from '../../support/kafka-cluster.ts';
import type { KafkaCluster } from '../../support/kafka-cluster.ts';
import { kcatRead } from '../../support/kcat.ts';
import { numbered, sending, serversOf } from './sending.ts';

let kafka: KafkaCluster;

before(async () => {
  kafka = await startKafka({ brokers: 3 });
});
after(() => kafka.stop());

async function linesIn(topic: string, partitions: number): Promise<string[][]> {
  const lines = Array.from({ length: partitions }, (): string[] => []);
  await kcatRead(kafka.bootstrap, topic, (partition, line) => lines[partition]?.push(line));
  return lines;
}

test('a look at a real cluster finds it healthy', async () => {
  await kafka.createTopic('looked-at', { partitions: 3 });
  const findings = await lookAtBrokers({
    bootstrapServers: serversOf(kafka),
    topics: ['looked-at'],
    enableIdempotence: true,
    allowAutoCreateTopics: false,
    software: { clientId: 'test', version: '0.1.0' },
    setupTimeoutMs: 10_000,
    setupTimeoutMaxMs: 30_000,
  });
  assert.deepEqual(
    findings.filter(({ kind }) => kind === 'fault'),
    [],
  );
});

test('what was sent is what kcat reads, in order, for each codec', async (t) => {
  await kafka.createTopic('codecs', { partitions: 5 });
  const { sender, append, outcomes } = sending(t, serversOf(kafka));
  const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
  const expected = codecs.map((codec) => numbered(0, 2000, codec));
  for (let from = 0; from < 2000; from += 100) {
    for (const [partition, codec] of codecs.entries()) {
      const lines = expected[partition]?.slice(from, from + 100) ?? [];
      append('codecs', lines, { partition, codec });
    }
  }
  await sender.flush();
  assert.ok(outcomes.every(({ outcome }) => outcome.type === 'acked'));
  assert.deepEqual(await linesIn('codecs', 5), expected);
});

test('a batch over max.message.bytes is cut, and its lines arrive once and in order', async (t) => {
  const config = { 'max.message.bytes': '4000' };
  await kafka.createTopic('small', { partitions: 1, config });
  const { sender, append } = sending(t, serversOf(kafka), { batchSize: 2000 });
  const expected = numbered(0, 2000);
  append('small', expected.slice(0, 1000), { partition: 0 });
  await sender.flush();
  append('small', expected.slice(1000), { partition: 0 });
  await sender.flush();
  assert.deepEqual(await linesIn('small', 1), [expected]);
});

test('a broker killed with -9 while sending loses and doubles nothing', async (t) => {
  await kafka.createTopic('killed', { partitions: 6, config: { 'min.insync.replicas': '2' } });
  const { sender, append, outcomes, shop } = sending(t, serversOf(kafka));
  const free = shop.arena.freeBytes;
  const expected = Array.from({ length: 6 }, (_, partition) => numbered(0, 6000, `p${partition}`));
  for (let from = 0; from < 6000; from += 50) {
    for (const [partition, lines] of expected.entries()) {
      append('killed', lines.slice(from, from + 50), { partition });
    }
    if (from === 2000) await kafka.signal(2, 'SIGKILL');
    await sleep(2);
  }
  await sender.flush();
  assert.ok(outcomes.every(({ outcome }) => outcome.type === 'acked'));
  assert.equal(shop.arena.freeBytes, free);
  assert.deepEqual(await linesIn('killed', 6), expected);
  await kafka.startNode(2);
  await kafka.ready();
});
