import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { always, answer, hang } from '../../src/broker/faults.ts';
import type { Producer } from '../../src/producer.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { failure, newProducer } from './scene.ts';

/** Calls give up long before requests do. */
const patience = {
  ...{ 'max.block.ms': 300, 'retry.backoff.ms': 5, 'retry.backoff.max.ms': 20 },
  ...{ 'request.timeout.ms': 60_000, 'delivery.timeout.ms': 61_000 },
};

test('a call that takes too long says what it waits for', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 2 } });
  const producerWith = (config: object): Producer =>
    newProducer(t, cluster, { 'transactional.id': 'shop', ...patience, ...config });
  const late = async (call: Promise<void>): Promise<string> => {
    const { message } = await failure(call);
    return message.replace(/^.* to wait for its end; /, '');
  };

  const nowhere = producerWith({ 'bootstrap.servers': 'localhost:1' });
  assert.match(await late(nowhere.initTransactions()), /Check bootstrap\.servers: localhost:1$/);

  const producer = producerWith({});
  const initialize = cluster.control('InitProducerId', always(answer('CONCURRENT_TRANSACTIONS')));
  assert.equal(
    await late(producer.initTransactions()),
    'InitProducerId was last answered CONCURRENT_TRANSACTIONS: the previous transaction is still ending',
  );
  initialize();
  await producer.initTransactions();

  producer.beginTransaction();
  const offsets = [{ topic: 'logs', partition: 1, offset: 1n }];
  const commit = cluster.control('TxnOffsetCommit', always(answer('UNKNOWN_TOPIC_OR_PARTITION')));
  assert.equal(
    await late(producer.sendOffsetsToTransaction(offsets, 'readers')),
    'TxnOffsetCommit was last answered UNKNOWN_TOPIC_OR_PARTITION for logs-1: the broker knows no such partition',
  );
  commit();
  await producer.sendOffsetsToTransaction(offsets, 'readers');
  // What was refused is not told of any more when it has succeeded.
  cluster.control('Produce', always(hang));
  producer.send({ topic: 'logs', partition: 0, value: 'x' }, null);
  assert.equal(
    await late(producer.commitTransaction()),
    'batches of logs-0 have no outcome yet: in flight',
  );

  const other = producerWith({ 'transactional.id': 'other' });
  cluster.control('InitProducerId', always(hang));
  assert.equal(await late(other.initTransactions()), 'its coordinator has not answered yet');
});

test('a transaction that fails while its producer is being closed is not to be aborted by hand', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const producer = newProducer(t, cluster, {
    'transactional.id': 'shop',
    'value.serializer': async (value) => {
      await sleep(50);
      throw new Error(`cannot write ${String(value)}`);
    },
  });
  await producer.initTransactions();
  producer.beginTransaction();
  producer.send({ topic: 'logs', value: 'x' }, null);
  const commit = failure(producer.commitTransaction());
  await producer.close();
  const { message, next } = await commit;
  assert.match(
    message,
    /has failed and the producer is closed: make another one: .*cannot write x/,
  );
  assert.equal(next, 'close');
});
