/** What applications do to a producer: functions that throw, bytes and records that change, serializers that take their time. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { serializers, type KafkaError, type ProducerRecord } from '../../src/index.ts';
import { present } from '../../src/shared/assert.ts';
import { embeddedCluster, values } from '../support/embedded-cluster.ts';
import { failure, newProducer } from './scene.ts';

async function oneTopic(t: TestContext, partitions = 3): Promise<EmbeddedCluster> {
  return await embeddedCluster(t, { topics: { logs: partitions } });
}

/** Values of all partitions, one after the other; '' for a tombstone. */
function stored(cluster: EmbeddedCluster, topic: 'logs' | 'audit'): string[] {
  const { partitions } = present(
    cluster.topics.find(({ name }) => name === topic),
    'the topic is there',
  );
  return partitions.flatMap((_, partition) => values(cluster, topic, partition));
}

/** What is thrown and caught by nobody, from now to the end of the test: the test runner would take it for a fault of the test. */
function uncaught(t: TestContext): unknown[] {
  const thrown: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
  });
  return thrown;
}

test('a callback or listener that throws is an uncaught exception, and stops neither the producer nor other callbacks', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster, { 'max.block.ms': 200 });
  const thrown = uncaught(t);
  const fault = new Error('boom');
  const told: (KafkaError | null)[] = [];
  const throwing = (error: KafkaError | null): void => {
    told.push(error);
    throw fault;
  };
  producer.on('recordFailed', () => {
    throw fault;
  });
  await producer.send({ topic: 'logs', value: 'first', partition: 0 });
  for (let n = 0; n < 3; n += 1)
    producer.send({ topic: 'logs', value: `ok ${n}`, partition: 0 }, throwing);
  for (let n = 0; n < 3; n += 1)
    producer.send({ topic: 'logs', partition: 77, value: '' }, throwing);
  producer.send({ topic: 'no/name', value: '' }, throwing);
  await producer.send({ topic: 'logs', value: 'last', partition: 0 });
  await producer.flush();
  assert.equal(told.length, 7);
  assert.equal(told.filter((error) => error === null).length, 3);
  await producer.close();
  assert.deepEqual(new Set(thrown), new Set([fault]));
  assert.equal(thrown.length, 7 + 4);
  assert.deepEqual(stored(cluster, 'logs'), ['first', 'ok 0', 'ok 1', 'ok 2', 'last']);
});

test('a callback that is no function is refused at once', async (t) => {
  const producer = newProducer(t, await oneTopic(t));
  assert.throws(() => producer.send({ topic: 'logs', value: '' }, 'later' as unknown as null), {
    name: 'IllegalArgumentError',
    message: /the callback is a function or null, not the text "later"/,
  });
});

test('a rejection that nobody handles is an event, whatever the call, and ends nothing', async (t) => {
  const producer = newProducer(t, await oneTopic(t));
  const failed: string[] = [];
  const calls: string[] = [];
  producer.on('callFailed', ({ message }) => calls.push(message));
  producer.on('recordFailed', ({ name }) => failed.push(name));
  const unhandled: unknown[] = [];
  const hear = (reason: unknown): unknown => unhandled.push(reason);
  process.on('unhandledRejection', hear);
  t.after(() => process.off('unhandledRejection', hear));
  const bad = { topic: 'no/name', value: '' };
  void producer.sendAll([bad]);
  void producer.sendFrom(Readable.from([bad]));
  void producer.commitTransaction();
  void producer.partitionsFor('no/name');
  void producer.clientInstanceId(-1);
  void producer.close(-1);
  await sleep(50);
  assert.deepEqual(unhandled, []);
  assert.deepEqual(failed, ['InvalidTopicError', 'InvalidTopicError']);
  assert.equal(calls.length, 4);
  assert.match(calls.join(), /commitTransaction needs transactional\.id/);
});

test('a record for a partition that is not there holds up no other, and fails with how many there are', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster, { 'max.block.ms': 300 });
  await producer.send({ topic: 'logs', value: 'x', partition: 0 });
  const absent = failure(producer.send({ topic: 'logs', value: 'y', partition: 77 }));
  const began = performance.now();
  await producer.send({ topic: 'logs', value: 'x', partition: 0 });
  await producer.send({ topic: 'logs', value: 'x', key: 'k' });
  await producer.send({ topic: 'logs', value: 'x' });
  assert.ok(performance.now() - began < 250, 'nothing waited for the partition');
  const { name, message, partition } = await absent;
  assert.deepEqual([name, partition], ['TimeoutError', 77]);
  assert.match(
    message,
    /it has partitions 0 to 2, and partition 77 did not come within max\.block\.ms=300/,
  );
  const wrong = await failure(producer.send({ topic: 'logs', value: '', partition: 2 ** 31 }));
  assert.match(wrong.message, /write an integer from 0 to 2147483647/);
});

test('flush waits for what was sent before it, whatever is sent meanwhile', async (t) => {
  const producer = newProducer(t, await oneTopic(t), { 'max.block.ms': 300 });
  await producer.send({ topic: 'logs', value: 'x' });
  const timer = setInterval(() => {
    producer.send({ topic: 'logs', partition: 77, value: 'x' }, null);
  }, 50);
  t.after(() => {
    clearInterval(timer);
  });
  await sleep(120);
  const began = performance.now();
  await producer.flush();
  assert.ok(performance.now() - began < 1500);
});

test('what is sent is what it was at send, although nothing is known of the topic yet', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster);
  const bytes = Buffer.from('first');
  const shared: { -readonly [Name in keyof ProducerRecord]: ProducerRecord[Name] } = {
    topic: 'logs',
    value: 'a',
    partition: 0,
  };
  const sent = [producer.send({ topic: 'logs', value: bytes, partition: 2 })];
  bytes.write('SECND');
  for (const partition of [0, 1]) {
    shared.partition = partition;
    sent.push(producer.send(shared));
  }
  shared.value = 'b';
  const places = await Promise.all(sent);
  assert.deepEqual(
    places.map(({ partition }) => partition),
    [2, 0, 1],
  );
  assert.deepEqual(stored(cluster, 'logs').sort(), ['a', 'a', 'first']);
});

test('bytes that are taken away from their sender while the record waits are sent all the same', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster);
  const bytes = new Uint8Array([104, 105]);
  const sent = producer.send({ topic: 'logs', value: bytes });
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  await sent;
  assert.deepEqual(stored(cluster, 'logs'), ['hi']);
});

test('serializers that take their time hold up a loop that drains, and lose nothing', async (t) => {
  const cluster = await oneTopic(t, 1);
  let isRegistered = sleep(200);
  const producer = newProducer<string, string>(t, cluster, {
    'max.block.records': 100,
    'value.serializer': async (value: string) => {
      await isRegistered;
      isRegistered = Promise.resolve();
      return value;
    },
  });
  let waitingMax = 0;
  for (let n = 0; n < 1000; n += 1) {
    producer.send({ topic: 'logs', value: String(n) }, null);
    waitingMax = Math.max(waitingMax, producer.metrics().recordsWaiting);
    await producer.drain();
  }
  await producer.flush();
  assert.equal(producer.metrics().recordsFailed, 0);
  assert.ok(waitingMax > 10 && waitingMax <= 100, String(waitingMax));
  assert.deepEqual(
    stored(cluster, 'logs'),
    Array.from({ length: 1000 }, (_, n) => String(n)),
  );
});

test('a serializer that never answers fails its record at max.block.ms, and those behind it go on; too many are refused at once', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer<string, string>(t, cluster, {
    'max.block.ms': 200,
    'max.block.records': 3,
    'value.serializer': (value: string) =>
      value === 'never' ? new Promise(() => undefined) : value,
  });
  await producer.send({ topic: 'logs', value: 'a' });
  const sent = ['never', 'b', 'c', 'd'].map((value) => producer.send({ topic: 'logs', value }));
  const [never, , , refused] = await Promise.allSettled(sent);
  assert.ok(never?.status === 'rejected' && refused?.status === 'rejected');
  assert.match(
    String(never.reason),
    /TimeoutError: logs: the serializer did not answer within max\.block\.ms=200/,
  );
  assert.match(String(refused.reason), /BufferExhaustedError: logs: 3 records wait already/);
  await producer.close();
  assert.deepEqual(stored(cluster, 'logs'), ['a', 'b', 'c']);
});

test('text and bytes written to a stream are values; records of a class are whole; anything else is refused', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer(t, cluster);
  class Line {
    get value(): string {
      return 'of a class';
    }
  }
  await pipeline(
    Readable.from(['text', Buffer.from('bytes'), new Line()]),
    producer.writable({ topic: 'logs' }),
  );
  assert.deepEqual(stored(cluster, 'logs'), ['text', 'bytes', 'of a class']);
  const numbers = pipeline(Readable.from([5]), producer.writable({ topic: 'logs' }));
  await assert.rejects(numbers, { name: 'IllegalArgumentError', message: /not the number 5/ });
  const many = { topic: 'logs', messages: [{ value: 'x' }] };
  assert.match((await failure(producer.send(many))).message, /sendAll\(messages\.map/);
  await producer.send({ topic: 'logs', value: null });
  assert.equal(stored(cluster, 'logs').length, 4, 'a tombstone that is meant is sent');
});

test('what a serializer sends on its way keeps its own topic', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1, audit: 1 } });
  const producer = newProducer<string, unknown>(t, cluster, {
    'value.serializer': serializers.json,
  });
  await producer.sendAll(['logs', 'audit'].map((topic) => ({ topic, value: 'warm' })));
  let inner: Promise<unknown> | undefined;
  const value = {
    toJSON: () => {
      inner = producer.send({ topic: 'audit', value: 'inner' });
      return 'outer';
    },
  };
  await producer.send({ topic: 'logs', value });
  await inner;
  assert.deepEqual(stored(cluster, 'logs'), ['"warm"', '"outer"']);
  assert.deepEqual(stored(cluster, 'audit'), ['"warm"', '"inner"']);
});

test('a record without a topic is refused even before any topic is known', async (t) => {
  const producer = newProducer(t, await oneTopic(t));
  const nameless = { value: 'x' } as unknown as ProducerRecord;
  await sleep(100);
  const { name, message } = await failure(producer.send(nameless));
  assert.deepEqual(
    [name, /needs the name of its topic/.test(message)],
    ['IllegalArgumentError', true],
  );
});

test('null for partition, headers and timestamp is as if they were left out, with every partitioner', async (t) => {
  const cluster = await oneTopic(t, 1);
  const beganMs = Date.now();
  const nothing = { partition: null, headers: null, timestamp: null };
  for (const partitioner of [undefined, 'roundRobin', () => 0] as const) {
    const producer = newProducer(t, cluster, { 'partitioner.class': partitioner });
    for (const key of [null, 'key']) {
      const { partition, timestamp } = await producer.send({
        topic: 'logs',
        key,
        value: 'v',
        ...nothing,
      });
      assert.equal(partition, 0);
      assert.ok(timestamp >= beganMs && timestamp <= Date.now());
    }
    await producer.sendAll([{ topic: 'logs', value: 'v', ...nothing }]);
  }
  assert.equal(stored(cluster, 'logs').length, 9);
});

test('bytes that were transferred away are refused, and empty ones are sent', async (t) => {
  const cluster = await oneTopic(t, 1);
  const producer = newProducer(t, cluster);
  const gone = new Uint8Array(5);
  structuredClone(gone, { transfer: [gone.buffer] });
  await producer.send({ topic: 'logs', key: new Uint8Array(0), value: new Uint8Array(0) });
  for (const record of [
    { value: gone },
    { key: gone, value: 'v' },
    { value: 'v', headers: { gone } },
  ]) {
    const told: unknown[] = [];
    producer.send({ topic: 'logs', ...record }, (error) => told.push(error?.name));
    const { message } = await failure(producer.send({ topic: 'logs', ...record }));
    assert.match(message, /bytes that were transferred away/);
    assert.equal(told.length, 1);
  }
  assert.deepEqual(stored(cluster, 'logs'), ['']);
});
