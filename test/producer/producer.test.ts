import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { Producer } from '../../src/producer.ts';
import { ConfigError } from '../../src/shared/errors.ts';
import type { KafkaError } from '../../src/producer/errors.ts';
import {
  BufferExhaustedError,
  IllegalStateError,
  InvalidTopicError,
  RecordTooLargeError,
  SerializationError,
  TimeoutError,
} from '../../src/producer/errors.ts';
import { partitionForKey } from '../../src/producer/partitioners.ts';
import type { ProducerRecord } from '../../src/producer/record.ts';
import { serializers } from '../../src/producer/serializers.ts';
import { count, embeddedCluster, records, values } from '../support/embedded-cluster.ts';
import { thrown } from '../support/thrown.ts';
import { failure, newProducer } from './scene.ts';

async function oneTopic(t: TestContext, partitions = 4): Promise<EmbeddedCluster> {
  return await embeddedCluster(t, { topics: { logs: partitions } });
}

test('a promise is kept with the place of the record', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster);
  const timestamp = 1_700_000_000_123;
  const headers = { trace: ['a', 'b'], flag: null, parent: undefined };
  const sent = { topic: 'logs', partition: 2, key: 'k', value: 'väl', headers, timestamp };
  const metadata = await producer.send(sent);
  assert.deepEqual(metadata, {
    ...{ topic: 'logs', partition: 2, offset: 0n, timestamp },
    ...{ serializedKeySize: 1, serializedValueSize: 4 },
  });
  const [stored] = records(cluster, 'logs', 2);
  assert.equal(Buffer.from(stored?.key ?? []).toString(), 'k');
  assert.equal(Buffer.from(stored?.value ?? []).toString(), 'väl');
  assert.equal(stored?.timestampMs, timestamp);
  assert.deepEqual(
    stored.headers.map(({ key, value }) => [key, value && Buffer.from(value).toString()]),
    [
      ['trace', 'a'],
      ['trace', 'b'],
      ['flag', null],
      ['parent', null],
    ],
  );
});

test('callbacks, promises and fire and forget: one partition, one order, offsets without a gap', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer(t, cluster);
  const told: bigint[] = [];
  const promises: Promise<unknown>[] = [];
  for (let index = 0; index < 3000; index += 1) {
    const record = { topic: 'logs', value: `line ${index}` };
    if (index % 3 === 0) {
      promises.push(producer.send(record).then(({ offset }) => told.push(offset)));
    } else if (index % 3 === 1) {
      producer.send(record, (_error, metadata) => told.push(metadata?.offset ?? -1n));
    } else producer.send(record, null);
  }
  await producer.flush();
  await Promise.all(promises);
  const expected = Array.from({ length: 3000 }, (_, index) => BigInt(index));
  const sorted = [...told].sort((a, b) => Number(a - b));
  assert.deepEqual(
    sorted,
    expected.filter((offset) => offset % 3n !== 2n),
  );
  assert.deepEqual(
    values(cluster, 'logs', 0),
    expected.map((offset) => `line ${offset}`),
  );
  const { recordsSent, recordsAcked, recordsFailed } = producer.metrics();
  assert.deepEqual([recordsSent, recordsAcked, recordsFailed], [3000, 3000, 0]);
});

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  test(`${codec}: records of all lengths arrive as they were sent, in every partition`, async (t) => {
    const cluster = await oneTopic(t);
    const producer = newProducer(t, cluster, { 'compression.type': codec });
    const sent = Array.from({ length: 4 }, (): string[] => []);
    for (let index = 0; index < 2000; index += 1) {
      const value = `${index} `.repeat(1 + ((index * 7919) % 600));
      sent[index % 4]?.push(value);
      producer.send({ topic: 'logs', partition: index % 4, value }, null);
    }
    await producer.flush();
    for (const [partition, expected] of sent.entries()) {
      assert.deepEqual(values(cluster, 'logs', partition), expected);
    }
  });
}

test('keys decide as in Java, records without one go anywhere', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster);
  const keyed = await producer.sendAll(
    Array.from({ length: 200 }, (_, index) => ({ topic: 'logs', key: `key ${index}`, value: '' })),
  );
  [...keyed].forEach(({ partition }, index) => {
    assert.equal(partition, partitionForKey(`key ${index}`, 4));
  });
  const { partition } = await producer.send({ topic: 'logs', value: 'no key' });
  assert.ok(partition >= 0 && partition < 4);
});

test('a serializer that fails, at once or later, fails its record alone and keeps the order of the others', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer(t, cluster, {
    'value.serializer': async (value: string) => {
      await sleep(value.length);
      if (value === 'bad') throw new Error('cannot');
      return value;
    },
  });
  const failed: KafkaError[] = [];
  producer.on('recordFailed', (error) => failed.push(error));
  const given = ['a long one, which takes its time', 'short', 'bad', 'x'];
  const ends = await Promise.allSettled(
    given.map((value) => producer.send({ topic: 'logs', value })),
  );
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
  assert.ok(failed[0] instanceof SerializationError && failed[0].fate === 'notSent');
  assert.deepEqual(
    values(cluster, 'logs', 0),
    given.filter((value) => value !== 'bad'),
  );
});

test('types of key and value follow from the serializers', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer<bigint, unknown>(t, cluster, {
    'key.serializer': serializers.int64,
    'value.serializer': serializers.json,
  });
  await producer.send({ topic: 'logs', key: 5n, value: { a: [1] } });
  const [stored] = records(cluster, 'logs', 0);
  assert.deepEqual([...(stored?.key ?? [])], [0, 0, 0, 0, 0, 0, 0, 5]);
  assert.equal(Buffer.from(stored?.value ?? []).toString(), '{"a":[1]}');
});

test('what cannot be sent is refused with the reason, and a rejection that nobody takes ends nothing', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer(t, cluster);
  const failed: KafkaError[] = [];
  producer.on('recordFailed', (error) => failed.push(error));
  void producer.send({ topic: 'no/slash', value: '' });
  void producer.send({ topic: 'logs', value: 'x'.repeat(1 << 20) });
  void producer.send({ topic: 'logs', partition: -1, value: '' });
  await producer.flush();
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(failed[0] instanceof InvalidTopicError);
  assert.ok(failed[1] instanceof RecordTooLargeError);
  assert.equal(failed.length, 3);
  assert.equal(count(cluster, 'logs'), 0);
});

test('a topic that does not exist is waited for, for max.block.ms, and does not hold up the others', async (t) => {
  const cluster = await embeddedCluster(t, {
    autoCreate: false,
    topics: { logs: 1 },
  });
  const producer = newProducer(t, cluster, { 'max.block.ms': 400 });
  const missing = producer.send({ topic: 'missing', value: 'x' });
  await producer.send({ topic: 'logs', value: 'y' });
  await assert.rejects(missing, (error) => {
    assert.ok(error instanceof TimeoutError);
    assert.equal(error.message, 'missing: the topic does not exist within max.block.ms=400');
    return error.fate === 'notSent';
  });
  await assert.rejects(producer.send({ topic: 'logs', partition: 7, value: '' }), TimeoutError);
});

test('a record that no broker heard of says why: none can be reached', async (t) => {
  const producer = newProducer(t, { bootstrap: '127.0.0.1:1' }, { 'max.block.ms': 400 });
  const error = await failure(producer.send({ topic: 'logs', value: 'x' }));
  assert.ok(error instanceof TimeoutError);
  assert.match(
    error.message,
    /^logs: no broker said anything of the topic within max\.block\.ms=400: no broker can be reached, .*127\.0\.0\.1:1.*refuse/,
  );
});

test('when memory is full records wait, in order, and a bounded number of them', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer(t, cluster, { 'buffer.memory': 14 << 20, 'max.block.records': 50 });
  const value = 'x'.repeat(500_000);
  const ends: Promise<PromiseSettledResult<unknown>[]>[] = [];
  const first = Array.from({ length: 120 }, (_, index) =>
    producer.send({ topic: 'logs', value: `${index} ${value}` }),
  );
  ends.push(Promise.allSettled(first));
  const settled = (await Promise.all(ends)).flat();
  const refused = settled.filter(({ status }) => status === 'rejected');
  assert.ok(refused.length > 0, 'some were too many');
  for (const end of refused) {
    assert.ok(end.status === 'rejected' && end.reason instanceof BufferExhaustedError);
  }
  const stored = values(cluster, 'logs', 0).map((text) => Number(text.split(' ')[0]));
  assert.equal(stored.length, 120 - refused.length);
  assert.deepEqual(
    stored,
    [...stored].sort((a, b) => a - b),
  );
});

test('a loop that awaits drain sends more than memory holds, and loses nothing', async (t) => {
  const cluster = await oneTopic(t, 2);
  const producer = newProducer(t, cluster, {
    'buffer.memory': 14 << 20,
    'compression.type': 'lz4',
  });
  const value = 'some text that shrinks '.repeat(2000);
  for (let index = 0; index < 1500; index += 1) {
    producer.send({ topic: 'logs', partition: index % 2, value: `${index} ${value}` }, null);
    await producer.drain();
  }
  await producer.flush();
  assert.equal(producer.metrics().recordsAcked, 1500);
  const { bufferBytesFree, bufferBytesTotal } = producer.metrics();
  assert.ok(bufferBytesTotal - bufferBytesFree <= 1_200_000, 'only the reserve is held');
});

test('a stream is sent as fast as there is memory', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer(t, cluster);
  async function* lines(): AsyncGenerator<{ topic: string; value: string }> {
    for (let index = 0; index < 500; index += 1) {
      await Promise.resolve();
      yield { topic: 'logs', value: `line ${index}` };
    }
  }
  assert.equal(await producer.sendFrom(lines()), 500);
  assert.equal(count(cluster, 'logs'), 500);
});

test('partitionsFor waits until the topic is known, and names the brokers of each partition', async (t) => {
  const cluster = await embeddedCluster(t, { nodes: 3, topics: { logs: 7 } });
  const producer = newProducer(t, cluster);
  const partitions = await producer.partitionsFor('logs');
  const nodes = new Map(
    cluster.nodes.map(({ id, host, port }) => [id, { id, host, port, rack: null }]),
  );
  assert.deepEqual(
    partitions.map(({ topic, partition }) => `${topic}-${partition}`),
    Array.from({ length: 7 }, (_, partition) => `logs-${partition}`),
  );
  for (const { leader, replicas, inSyncReplicas, offlineReplicas } of partitions) {
    assert.ok(leader !== null && replicas.length > 0);
    assert.deepEqual(offlineReplicas, []);
    assert.deepEqual(inSyncReplicas, replicas);
    for (const node of [leader, ...replicas]) assert.deepEqual(node, nodes.get(node.id));
  }
  assert.ok(new Set(partitions.map(({ leader }) => leader?.id)).size > 1, 'not all by one');
});

test('who asks for partitions in vain hears of no record', async (t) => {
  const cluster = await embeddedCluster(t, { topics: {}, autoCreate: false });
  const producer = newProducer(t, cluster, { 'max.block.ms': 300 });
  const told = async (topic: unknown): Promise<unknown[]> => {
    const { name, fate, message } = await failure(producer.partitionsFor(topic as string));
    return [name, fate, message.replace(/;.*/, '')];
  };
  assert.deepEqual(
    await Promise.all([undefined, '', 'nowhere'].map(told)),
    [
      ['IllegalArgumentError', 'partitionsFor: write the name of a topic, as text, not undefined'],
      ['InvalidTopicError', 'topic "": it is empty'],
      ['TimeoutError', 'nowhere: the topic does not exist within max.block.ms=300'],
    ].map(([name, message]) => [name, undefined, message]),
  );
});

test('no client instance id from brokers that take no metrics, without enable.metrics.push, or for a negative time', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer(t, cluster);
  await assert.rejects(producer.clientInstanceId(50), (error: unknown) => {
    assert.ok(error instanceof TimeoutError);
    return /within 50 ms; those that have a receiver of client metrics do/.test(error.message);
  });
  const wrong = { name: 'IllegalArgumentError', message: /0 ms or more, not for (-1|NaN)/ };
  await assert.rejects(producer.clientInstanceId(-1), wrong);
  await assert.rejects(producer.clientInstanceId(NaN), wrong);
  const silent = newProducer(t, cluster, { 'enable.metrics.push': false });
  await assert.rejects(silent.clientInstanceId(50), {
    name: 'IllegalStateError',
    message: /enable\.metrics\.push, which is false/,
  });
  const asked = failure(producer.clientInstanceId(60_000));
  await producer.close();
  for (const error of [await asked, await failure(producer.clientInstanceId(500))]) {
    assert.ok(error instanceof IllegalStateError && !error.retriable, error.message);
    assert.match(error.message, /closed before a broker gave it/);
  }
});

test('what is no record at all is refused as any bad record is, in every style', async (t) => {
  const producer = newProducer(t, await oneTopic(t, 1));
  const failed: KafkaError[] = [];
  producer.on('recordFailed', (error) => failed.push(error));
  for (const nothing of [null, undefined]) {
    const record = nothing as unknown as ProducerRecord<string, string>;
    const refused = {
      name: 'IllegalArgumentError',
      fate: 'notSent',
      message: /not (null|undefined)/,
    };
    await assert.rejects(producer.send(record), refused);
    await assert.rejects(producer.sendAll([record]), refused);
    producer.send(record, null);
    const told = await new Promise<KafkaError | null>((resolve) => {
      producer.send(record, resolve);
    });
    assert.equal(told?.name, 'IllegalArgumentError');
  }
  assert.equal(failed.length, 8);
});

test('await using closes it', async (t) => {
  const cluster = await oneTopic(t, 1);
  {
    await using producer = newProducer(t, cluster);
    producer.send({ topic: 'logs', value: 'a' }, null);
  }
  assert.equal(count(cluster, 'logs'), 1);
});

test('what callers without types configure is checked with the rest, and nothing of it is taken for a text', () => {
  const untyped = (config: unknown): string => {
    const { faults } = thrown(
      ConfigError,
      () => new Producer(config as { 'bootstrap.servers': string }),
    );
    return faults.map(({ problem }) => problem).join('\n');
  };
  assert.match(untyped(undefined), /the configuration is undefined/);
  assert.match(untyped(null), /the configuration is null/);
  const problems = untyped({
    ...{ 'bootstrap.servers': ['a:1', 5], 'transactional.id': null, 'client.id': {}, toString: 1 },
    ...{ 'key.serializer': 'nope', 'value.serializer': 42, 'partitioner.class': 'sticky' },
    'interceptor.classes': [null],
  });
  for (const problem of [
    'bootstrap.servers is no text, number or list of texts',
    'transactional.id is null',
    'client.id is no text, number or list of texts',
    'toString is not a key of millrace',
    'key.serializer is the text "nope"',
    'value.serializer is the number 42',
    'partitioner.class is the text "sticky"',
    'interceptor.classes[0] is null',
  ]) {
    assert.ok(problems.includes(problem), `${problem} among:\n${problems}`);
  }
  const wrong = { 'bootstrap.servers': 'x:1', 'interceptor.classes': [{}, { onSend: 'yes' }] };
  assert.match(untyped(wrong), /interceptor\.classes\[1\]\.onSend is the text "yes"/);
});

test('settings are checked all at once, against the table of the daemon', () => {
  assert.throws(
    () => new Producer({ 'bootstrap.servers': 'x:1', acks: 1, 'linger.ms': 'soon' }),
    (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /linger\.ms/);
      assert.match(error.message, /acks=1 contradicts enable\.idempotence=true/);
      assert.doesNotMatch(error.message, /kafka\./, 'keys as the program writes them');
      assert.match(error.message, /or enable\.idempotence: false/);
      return true;
    },
  );
  const transactional = { 'bootstrap.servers': 'x:1', acks: 1, 'transactional.id': 'shop' };
  assert.throws(() => new Producer(transactional), /fix: write acks: all$/m);
});
