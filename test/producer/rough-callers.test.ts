/** Callers without types, and with lists, streams and records that throw: each is told, and nobody else is held up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerPartition, always } from '../../src/broker/faults.ts';
import type { KafkaError, ProducerRecord } from '../../src/index.ts';
import { embeddedCluster, records, values } from '../support/embedded-cluster.ts';
import { failure, newProducer } from './scene.ts';

const one = { topics: { logs: 1 } };

/** Yields one record, then throws. */
function* breaking(): Generator<ProducerRecord<string, string>> {
  yield { topic: 'logs', value: 'first' };
  throw new Error('the source broke');
}

test('a list or stream that throws is a rejection, and the event callFailed for whom nobody waits', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const producer = newProducer(t, cluster);
  const calls: string[] = [];
  producer.on('callFailed', ({ message }) => calls.push(message));
  producer.on('recordFailed', ({ message }) => assert.fail(message));
  await assert.rejects(producer.sendAll(breaking()), { message: 'the source broke' });
  await assert.rejects(producer.sendFrom(breaking()), { message: 'the source broke' });
  void producer.sendFrom(breaking());
  await sleep(50);
  assert.deepEqual(calls, Array(3).fill('Error: the source broke'));
  await producer.flush();
  assert.deepEqual(values(cluster, 'logs', 0), Array(3).fill('first'));
});

test('what is no list or stream is refused, with the call that would take it', async (t) => {
  const producer = newProducer(t, await embeddedCluster(t, one));
  const record = { topic: 'logs', value: '' };
  async function* stream(): AsyncGenerator<typeof record> {
    await Promise.resolve();
    yield record;
  }
  for (const given of [undefined, null, 7, record, stream()]) {
    const { name, message } = await failure(producer.sendAll(given as unknown as []));
    assert.equal(name, 'IllegalArgumentError');
    assert.match(
      message,
      /^sendAll: the records are a list, not .+: one record goes to send, a st/,
    );
  }
  for (const given of [undefined, null, 'text', record]) {
    const { name, message } = await failure(producer.sendFrom(given as unknown as []));
    assert.equal(name, 'IllegalArgumentError');
    assert.match(message, /^sendFrom: the records are a stream or a generator, not .+: one record/);
  }
  assert.equal(await producer.sendFrom([record, record]), 2, 'a list is a stream, too');
});

test('what is no record, or throws when it is read, is refused alone, with interceptors and without', async (t) => {
  const throwing = {
    get topic(): string {
      throw new Error('read me not');
    },
  };
  const timeless = {
    ...{ topic: 'logs', value: '' },
    get timestamp(): number {
      throw new Error('no time');
    },
  };
  const bad = [undefined, null, 'text', 7, throwing, timeless] as unknown as ProducerRecord[];
  for (const interceptors of [[], [{ onSend: (record: ProducerRecord) => record }]]) {
    const cluster = await embeddedCluster(t, one);
    const producer = newProducer(t, cluster, { 'interceptor.classes': interceptors });
    await producer.send({ topic: 'logs', value: 'before' });
    for (const record of bad) {
      const told: (KafkaError | null)[] = [];
      producer.send(record, null);
      producer.send(record, (error) => told.push(error));
      assert.equal(told.length, 1, 'told at once');
      assert.equal(told[0]?.fate, 'notSent');
    }
    const good = { topic: 'logs', value: 'beside' };
    await failure(producer.sendAll(bad.flatMap((record) => [record, good])));
    assert.deepEqual(values(cluster, 'logs', 0), ['before', ...bad.map(() => 'beside')]);
    const { recordsSent, recordsAcked, recordsFailed } = producer.metrics();
    assert.deepEqual(
      [recordsSent, recordsAcked, recordsFailed],
      [1 + bad.length * 4, 1 + bad.length, bad.length * 3],
    );
  }
});

test('a stream is left as soon as a record has failed, although it has nothing to yield', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const producer = newProducer(t, cluster);
  cluster.control('Produce', always(answerPartition('logs', 0, 'INVALID_RECORD')));
  let isLeft = false;
  const quiet: AsyncIterable<ProducerRecord<string, string>> = {
    [Symbol.asyncIterator]: () => {
      let yielded = 0;
      return {
        next: () =>
          yielded++ === 0
            ? Promise.resolve({ done: false, value: { topic: 'logs', value: 'x' } })
            : new Promise<never>(() => undefined),
        return: () => {
          isLeft = true;
          return Promise.reject(new Error('nobody cares'));
        },
      };
    },
  };
  const { name } = await failure(producer.sendFrom(quiet));
  assert.equal(name, 'InvalidRecordError');
  assert.ok(isLeft, 'the stream is told');
});

test('all records of a call have its time, whichever way they take', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const producer = newProducer(t, cluster, { 'max.block.records': 3 });
  function* slow(): Generator<ProducerRecord<string, string>> {
    for (let at = 0; at < 12; at += 1) {
      const until = performance.now() + 3;
      while (performance.now() < until);
      yield { topic: 'logs', value: `${at}`, ...(at % 2 === 0 ? {} : { headers: [['h', 'x']] }) };
    }
  }
  await producer.sendAll(slow());
  const times = new Set(records(cluster, 'logs', 0).map(({ timestampMs }) => timestampMs));
  assert.equal(times.size, 1);
});

test('bytes are the caller’s again, also behind and beside a serializer that takes its time', async (t) => {
  const cluster = await embeddedCluster(t, one);
  const later = async (value: string | Uint8Array): Promise<string | Uint8Array> => {
    await sleep(10);
    return value;
  };
  const slowKeys = newProducer(t, cluster, { 'key.serializer': later });
  const slowValues = newProducer(t, cluster, { 'value.serializer': later });
  const sent: Promise<unknown>[] = [];
  const send = (
    producer: typeof slowKeys,
    key: string | null | Buffer,
    value: string | Buffer,
  ): void => {
    const header = Buffer.from('header');
    sent.push(producer.send({ topic: 'logs', key, value, headers: [['h', header]] }));
    for (const bytes of [key, value, header]) if (Buffer.isBuffer(bytes)) bytes.fill('#');
  };
  send(slowKeys, 'key', Buffer.from('value'));
  // Its serializer is not asked.
  send(slowKeys, null, Buffer.from('value'));
  send(slowValues, Buffer.from('key'), 'value');
  await Promise.all(sent);
  const seen = records(cluster, 'logs', 0).map(({ key, value, headers }) => [
    key === null ? null : Buffer.from(key).toString(),
    Buffer.from(value ?? []).toString(),
    headers.map(({ value: bytes }) => Buffer.from(bytes ?? []).toString()),
  ]);
  assert.equal(seen.length, 3);
  for (const [key, value, headers] of seen) {
    assert.deepEqual([key ?? 'key', value, headers], ['key', 'value', ['header']]);
  }
});

test('a key that fails late is of no interest where the value has failed at once', async (t) => {
  const producer = newProducer<string, string>(t, await embeddedCluster(t, one), {
    'key.serializer': () => Promise.reject(new Error('the key is bad')),
    'value.serializer': () => {
      throw new Error('the value is bad');
    },
  });
  const unhandled: unknown[] = [];
  const hear = (reason: unknown): unknown => unhandled.push(reason);
  process.on('unhandledRejection', hear);
  t.after(() => process.off('unhandledRejection', hear));
  const { message } = await failure(producer.send({ topic: 'logs', key: 'k', value: 'v' }));
  assert.match(message, /the value is bad/);
  await sleep(20);
  assert.deepEqual(unhandled, []);
});
