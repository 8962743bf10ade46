import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Producer } from '../../src/index.ts';
import { aboutRecord } from '../../src/producer/about-record.ts';
import {
  IllegalStateError,
  KafkaError,
  ProducerFencedError,
  SerializationError,
  TimeoutError,
} from '../../src/producer/errors.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';

test('what is told of the producer becomes an error of each record, of the same class and with the same words', () => {
  const cause = new Error('behind it');
  const whole = new ProducerFencedError('another one has its place', { next: 'close', cause });
  const [one, two] = [aboutRecord(whole, 'orders', 3), aboutRecord(whole, 'orders')];
  assert.ok(one instanceof ProducerFencedError && one !== whole && one !== two);
  const { message, code, retriable, next } = whole;
  assert.deepEqual(
    [one.message, one.code, one.retriable, one.next, one.cause],
    [message, code, retriable, next, cause],
  );
  assert.deepEqual([one.topic, one.partition, one.fate], ['orders', 3, 'notSent']);
  assert.deepEqual([two.topic, two.partition], ['orders', -1]);
});

test('an error that knows its record stays as it is, and a fate that is known is kept', () => {
  const known = new TimeoutError('late', {
    ...{ topic: 'orders', partition: 1, fate: 'possiblyWritten' },
  });
  assert.equal(aboutRecord(known, 'orders', 2), known);
  const half = new KafkaError(
    'late',
    { topic: 'orders', fate: 'possiblyWritten' },
    'UNKNOWN_SERVER_ERROR',
  );
  const told = aboutRecord(half, 'orders', 2);
  assert.deepEqual([told.code, told.partition, told.fate], [-1, 2, 'possiblyWritten']);
});

test('a record that is not taken fails with its topic and partition, whatever was wrong with it', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { orders: 3 } });
  const producer = new Producer({
    'bootstrap.servers': cluster.bootstrap,
    'value.serializer': () => {
      throw new Error('no bytes');
    },
  });
  const record = { topic: 'orders', partition: 2, value: 'x' };
  const place = { topic: 'orders', partition: 2, fate: 'notSent' };
  await assert.rejects(producer.send(record), (error) => {
    assert.ok(error instanceof SerializationError);
    return match(error, place);
  });
  await producer.close();
  await assert.rejects(producer.send(record), (error) => {
    assert.ok(error instanceof IllegalStateError);
    return match(error, place);
  });
});

function match({ topic, partition, fate }: KafkaError, place: object): true {
  assert.deepEqual({ topic, partition, fate }, place);
  return true;
}
