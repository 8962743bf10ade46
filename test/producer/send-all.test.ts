import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { answerPartition, once } from '../../src/broker/faults.ts';
import { TimeoutError } from '../../src/index.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { failure, newProducer } from './scene.ts';

const START_MS = 1_700_000_000_000;

async function oneTopic(t: TestContext): Promise<EmbeddedCluster> {
  return await embeddedCluster(t, { topics: { logs: 1 } });
}

test('records in and out of the ordinary keep their order in a call, and each is told its own place, time and sizes', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster);
  const records = Array.from({ length: 60 }, (_, number) => ({
    topic: 'logs',
    value: number % 7 === 3 ? null : 'v'.repeat(number),
    ...(number % 5 === 1 ? { key: `key ${number}` } : {}),
    ...(number % 5 === 2 ? { headers: { number: String(number) } } : {}),
    ...(number % 4 === 3 ? { timestamp: START_MS + number } : {}),
    partition: 0,
  }));
  const before = Date.now();
  // The first call waits for its topic, the second does not.
  for (const from of [0, 60]) {
    const ends = await producer.sendAll(records);
    assert.equal(ends.length, records.length);
    [...ends].forEach((end, number) => {
      const { key, value, timestamp } = {
        key: undefined,
        timestamp: undefined,
        ...records[number],
      };
      assert.equal(end.offset, BigInt(from + number));
      assert.equal(end.serializedKeySize, key?.length ?? -1);
      assert.equal(end.serializedValueSize, value?.length ?? -1);
      if (timestamp === undefined)
        assert.ok(end.timestamp >= before && end.timestamp <= Date.now());
      else assert.equal(end.timestamp, timestamp);
    });
  }
  assert.equal(producer.metrics().recordsAcked, 120);
});

test('one bad record of a call is told of, and all others are written, in their order', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster);
  await producer.send({ topic: 'logs', value: 'first' });
  const bad = [
    { topic: 'logs', value: 5 as unknown as string },
    { topic: 'logs', value: 'x', partition: -1 },
    { topic: 'no/topic', value: 'x' },
    { topic: 'logs', value: 'x'.repeat(2 ** 21) },
  ];
  for (const one of bad) {
    const records = [{ topic: 'logs', value: 'a' }, one, { topic: 'logs', value: 'b' }];
    const error = await failure(producer.sendAll(records));
    assert.equal(error.fate, 'notSent');
  }
  const { recordsAcked, recordsFailed, recordsSent } = producer.metrics();
  assert.deepEqual([recordsSent, recordsAcked, recordsFailed], [13, 9, 4]);
});

test('a call that is larger than memory waits for it, and keeps its order', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster, { 'buffer.memory': 14 * 2 ** 20 });
  const value = Buffer.alloc(10_000, 'x');
  const ends = await producer.sendAll(
    Array.from({ length: 3000 }, () => ({ topic: 'logs', value, partition: 0 })),
  );
  assert.deepEqual(
    ends.map(({ offset }) => offset),
    ends.map((_, number) => BigInt(number)),
  );
});

test('what is refused by the brokers is told of once, with the records around it', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster);
  await producer.send({ topic: 'logs', value: 'first' });
  const failed: unknown[] = [];
  producer.on('recordFailed', (error) => failed.push(error));
  cluster.control('Produce', once(answerPartition('logs', 0, 'INVALID_RECORD')));
  const error = await failure(
    producer.sendAll(Array.from({ length: 5 }, (_, n) => ({ topic: 'logs', value: `${n}` }))),
  );
  assert.equal(error.name, 'InvalidRecordError');
  assert.equal(failed.length, 5);
  assert.equal(producer.metrics().recordsFailed, 5);
});

test('a call with more records than may wait takes the others when those have gone on, and flush and close wait for them', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster, { 'max.block.records': 10 });
  const values = Array.from({ length: 95 }, (_, number) => String(number));
  // Nothing is known of the topic yet: all but ten would be refused.
  const sent = producer.sendAll(values.map((value) => ({ topic: 'logs', value, partition: 0 })));
  await producer.flush();
  assert.equal(producer.metrics().recordsAcked, 95);
  assert.deepEqual(
    (await sent).map(({ offset }) => offset),
    values.map((value) => BigInt(value)),
  );
  const late = newProducer(t, cluster, { 'max.block.records': 10 });
  const last = late.sendAll(values.map((value) => ({ topic: 'logs', value, partition: 0 })));
  await late.close();
  assert.equal((await last).at(-1)?.offset, 189n);
});

test('a call for a topic that never comes fails after max.block.ms, not after that for each ten records', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 }, autoCreate: false });
  const producer = newProducer(t, cluster, { 'max.block.records': 10, 'max.block.ms': 300 });
  const startedMs = performance.now();
  const error = await failure(
    producer.sendAll(Array.from({ length: 1000 }, () => ({ topic: 'nowhere', value: 'x' }))),
  );
  assert.ok(error instanceof TimeoutError && error.fate === 'notSent', error.message);
  assert.match(error.message, /nowhere/);
  assert.equal(producer.metrics().recordsFailed, 1000);
  assert.ok(performance.now() - startedMs < 3000);
  assert.equal((await producer.send({ topic: 'logs', value: 'goes on' })).offset, 0n);
});

test('a call whose records throw is rejected with what they throw; those before are written', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster);
  const fault = new Error('no more records');
  const records = function* (): Generator<{ topic: string; value: string }> {
    yield { topic: 'logs', value: 'first' };
    throw fault;
  };
  await assert.rejects(producer.sendAll(records()), fault);
  await producer.flush();
  assert.equal(producer.metrics().recordsAcked, 1);
});
