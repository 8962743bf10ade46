/** Keys whose effect shows on the wire alone, through the whole producer. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readProducerConfig, type SettingValue } from '../../config/producer-config.ts';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { createEngineParts, senderParts } from '../../src/engine-parts.ts';
import type { Producer } from '../../src/producer.ts';
import type { ProducerConfig } from '../../src/producer/producer-config.ts';
import { RecordTooLargeError } from '../../src/producer/errors.ts';
import { sizeUpperBound } from '../../src/producer/record-size.ts';
import { senderConfig } from '../../src/stage-settings.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { failure, newProducer } from './scene.ts';

async function scene(
  t: TestContext,
  config: Partial<ProducerConfig<string, string>>,
): Promise<{ cluster: EmbeddedCluster; producer: Producer<string, string> }> {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  return { cluster, producer: newProducer(t, cluster, { 'linger.ms': 0, ...config }) };
}

function batchSizes(cluster: EmbeddedCluster): number[] {
  return cluster.partition('logs', 0).log.batches.map(({ sizeBytes }) => sizeBytes);
}

test('client.id stands in every request', async (t) => {
  const { cluster, producer } = await scene(t, { 'client.id': 'orders-eu' });
  await producer.send({ topic: 'logs', value: 'x' });
  const ids = new Set(cluster.requests().map(({ clientId }) => clientId));
  assert.deepEqual(ids, new Set(['orders-eu']));
});

test('linger.ms: a batch waits so long for more, and no longer', async (t) => {
  const { cluster, producer } = await scene(t, { 'linger.ms': 300 });
  await producer.partitionsFor('logs');
  const beganMs = performance.now();
  const first = producer.send({ topic: 'logs', value: 'one' });
  await sleep(50);
  await Promise.all([first, producer.send({ topic: 'logs', value: 'two' })]);
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs > 290 && tookMs < 1500, String(tookMs));
  assert.equal(cluster.requests('Produce').length, 1);
});

test('with linger.ms=0 a batch waits for nothing', async (t) => {
  const { cluster, producer } = await scene(t, { 'linger.ms': 0 });
  await producer.send({ topic: 'logs', value: 'one' });
  await producer.send({ topic: 'logs', value: 'two' });
  assert.equal(cluster.requests('Produce').length, 2);
});

test('batch.size: a batch is full at so many bytes', async (t) => {
  const value = 'x'.repeat(1000);
  const records = Array.from({ length: 200 }, () => ({ topic: 'logs', value }));
  const small = await scene(t, { 'linger.ms': 50, 'batch.size': 16_384 });
  await small.producer.sendAll(records);
  const sizes = batchSizes(small.cluster);
  assert.ok(Math.max(...sizes) <= 16_384 && Math.max(...sizes) > 15_000, sizes.join());
  const large = await scene(t, { 'linger.ms': 50, 'batch.size': 200_000 });
  await large.producer.sendAll(records);
  assert.ok(Math.max(...batchSizes(large.cluster)) > 100_000);
});

test('max.request.size: a longer record is refused before it is sent', async (t) => {
  const { cluster, producer } = await scene(t, {
    'max.request.size': 65_536,
    'batch.size': 16_384,
  });
  const value = 'x'.repeat(65_536);
  await assert.rejects(producer.send({ topic: 'logs', value }), RecordTooLargeError);
  await producer.send({ topic: 'logs', value: value.slice(0, 60_000) });
  assert.equal(batchSizes(cluster).length, 1);
});

test('compression.type and its level decide what goes over the network', async (t) => {
  const lines = Array.from({ length: 2000 }, (_, n) => `{"line":${n},"user":${(n * 7919) % 977}}`);
  const records = lines.map((value) => ({ topic: 'logs', value }));
  const sent = async (config: Partial<ProducerConfig<string, string>>): Promise<number> => {
    const { cluster, producer } = await scene(t, { 'linger.ms': 100, ...config });
    await producer.sendAll(records);
    return batchSizes(cluster).reduce((sum, size) => sum + size, 0);
  };
  const plain = await sent({});
  for (const codec of ['gzip', 'zstd']) {
    const key = codec === 'gzip' ? 'compression.gzip.level' : 'compression.zstd.level';
    const fast = await sent({ 'compression.type': codec, [key]: 1 });
    const best = await sent({ 'compression.type': codec, [key]: codec === 'gzip' ? 9 : 19 });
    assert.ok(fast < plain / 2 && best < fast, `${codec}: ${plain}, ${fast}, ${best}`);
  }
});

test('security.protocol other than PLAINTEXT, and socket buffers other than those of the system, are refused with the reason', () => {
  const refused = (settings: Readonly<Record<string, SettingValue>>): string => {
    try {
      readProducerConfig({ 'bootstrap.servers': 'k', ...settings });
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
    return '';
  };
  assert.match(refused({ 'security.protocol': 'SSL' }), /SSL is not supported: TLS comes/);
  for (const bytes of [0, 65_536, 131_072]) {
    assert.match(refused({ 'send.buffer.bytes': bytes }), /Node\.js cannot set SO_SNDBUF/);
    assert.match(refused({ 'receive.buffer.bytes': bytes }), /Node\.js cannot set SO_RCVBUF/);
  }
  assert.equal(refused({ 'send.buffer.bytes': -1, 'receive.buffer.bytes': '-1' }), '');
});

test('partitioner.rack.aware without client.rack is refused', () => {
  const settings = { 'bootstrap.servers': 'k', 'partitioner.rack.aware': true };
  assert.throws(() => readProducerConfig(settings), /rack\.aware=true without client\.rack/);
  assert.throws(() => readProducerConfig({ ...settings, 'client.rack': ' ' }), /without client/);
  assert.equal(readProducerConfig({ ...settings, 'client.rack': 'a' }).kafka.clientRack, 'a');
});

test('keys of the library alone are checked as the others are', () => {
  const settings = {
    ...{ 'bootstrap.servers': 'k', 'max.block.ms': -5, 'max.block.records': 0 },
    'partitioner.ignore.keys': 'perhaps',
  };
  assert.throws(
    () => readProducerConfig(settings),
    ({ message }: Error) =>
      ['max.block.ms', 'max.block.records', 'partitioner.ignore.keys'].every((name) =>
        message.includes(name),
      ),
  );
  const { maxBlockMs, maxBlockRecords, partitionerIgnoreKeys } = readProducerConfig({
    'bootstrap.servers': 'k',
  }).kafka;
  assert.deepEqual([maxBlockMs, maxBlockRecords, partitionerIgnoreKeys], [60_000, 10_000, false]);
});

test('every key that the sender goes by reaches it', () => {
  const settings: Record<string, SettingValue> = {
    ...{ 'bootstrap.servers': 'k1:1,k2:2', acks: 1, 'enable.idempotence': false },
    ...{ 'max.in.flight.requests.per.connection': 101, retries: 102, 'retry.backoff.ms': 103 },
    ...{
      'retry.backoff.max.ms': 104,
      'reconnect.backoff.ms': 105,
      'reconnect.backoff.max.ms': 106,
    },
    ...{ 'request.timeout.ms': 107, 'delivery.timeout.ms': 108_000 },
    ...{ 'connections.max.idle.ms': 10_900, 'metadata.max.age.ms': 110 },
    ...{ 'metadata.max.idle.ms': 11_100, 'metadata.recovery.strategy': 'none' },
    ...{ 'metadata.recovery.rebootstrap.trigger.ms': 112, 'max.request.size': 113_000 },
    ...{ 'batch.size': 20_000, 'partitioner.adaptive.partitioning.enable': false },
    ...{ 'partitioner.availability.timeout.ms': 114, 'partitioner.rack.aware': true },
    ...{ 'client.rack': 'zone', 'allow.auto.create.topics': false },
  };
  const told: Readonly<Record<string, unknown>> = {
    ...senderConfig(readProducerConfig(settings), Infinity, 'caller'),
  };
  for (const [name, value] of Object.entries(settings)) {
    if (name === 'bootstrap.servers') continue;
    const field = name.replace(/\.(.)/g, (_, letter: string) => letter.toUpperCase());
    assert.equal(told[field], value, name);
  }
  assert.deepEqual(
    Object.keys(told).length,
    Object.keys(settings).length + 2,
    'each field but topicWaitMaxMs and outcomesFor comes from a key',
  );
  const never = { 'bootstrap.servers': 'k', 'connections.max.idle.ms': -1 };
  assert.equal(
    senderConfig(readProducerConfig(never), Infinity, 'caller').connectionsMaxIdleMs,
    Infinity,
  );
});

test('pushed metrics say whose they are: client.rack and transactional.id', async () => {
  const config = readProducerConfig({
    ...{ 'bootstrap.servers': 'k', 'client.rack': 'zone', 'transactional.id': 'billing-1' },
  });
  const { metricsLabels } = senderParts(config, await createEngineParts(config, 0), 0, 'caller');
  assert.deepEqual(metricsLabels, { client_rack: 'zone', transactional_id: 'billing-1' });
});

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  test(`${codec}: max.request.size is the longest record, whether it shrinks or not, and one byte more is refused`, async (t) => {
    const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
    const producer = newProducer(t, cluster, { 'compression.type': codec });
    const aroundBytes = sizeUpperBound(null, Buffer.alloc(1_000_000), []) - 1_000_000;
    const longest = 1024 * 1024 - aroundBytes;
    // Between them lies what a request has besides its batch.
    for (const bytes of [longest - 1100, longest - 1000, longest - 1, longest]) {
      for (const value of [randomBytes(bytes), Buffer.alloc(bytes, 'line ')]) {
        assert.ok((await producer.send({ topic: 'logs', value })).offset >= 0n);
      }
    }
    const over = producer.send({ topic: 'logs', value: Buffer.alloc(longest + 1) });
    assert.ok((await failure(over)) instanceof RecordTooLargeError);
  });
}
