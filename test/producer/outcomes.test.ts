import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import {
  always,
  answer,
  answerPartition,
  editAnswer,
  hang,
  loseAnswer,
  once,
  throttle,
} from '../../src/broker/faults.ts';
import { produce } from '../../src/kafka/messages/00-produce.ts';
import { metadata } from '../../src/kafka/messages/03-metadata.ts';
import { errors } from '../../src/kafka/errors.ts';
import type { Producer } from '../../src/producer.ts';
import type { ProducerConfig } from '../../src/producer/producer-config.ts';
import {
  ClusterAuthorizationError,
  InvalidRecordError,
  InvalidTimestampError,
  KafkaError,
  ProducerFencedError,
  RecordTooLargeError,
  TimeoutError,
  TopicAuthorizationError,
} from '../../src/producer/errors.ts';
import { errorOf } from '../../src/producer/outcome-error.ts';
import { embeddedCluster, values } from '../support/embedded-cluster.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { failure, newProducer } from './scene.ts';

/** Short times, so that the ends of them can be seen. */
const DELIVERY_MS = 900;
const times = {
  'linger.ms': 5,
  'request.timeout.ms': 300,
  'delivery.timeout.ms': DELIVERY_MS,
  'max.block.ms': 2000,
  'retry.backoff.ms': 20,
  'retry.backoff.max.ms': 100,
  'reconnect.backoff.max.ms': 100,
};
/** Of a promise on a machine that does other things, too. */
const BOUND_MS = 400;

function producerFor(
  t: TestContext,
  cluster: EmbeddedCluster,
  config: Partial<ProducerConfig<string, string>> = {},
): Producer<string, string> {
  return newProducer(t, cluster, { ...times, ...config });
}

async function oneTopic(t: TestContext): Promise<EmbeddedCluster> {
  return await embeddedCluster(t, { topics: { logs: 2 } });
}

/** The error that it is rejected with, and how long that took. */
async function failureOf(sent: Promise<unknown>): Promise<{ error: KafkaError; afterMs: number }> {
  const startedMs = performance.now();
  const error = await failure(sent);
  return { error, afterMs: performance.now() - startedMs };
}

function assertInTime(afterMs: number): void {
  assert.ok(afterMs >= DELIVERY_MS - 20, `too early: ${afterMs} ms`);
  assert.ok(afterMs <= DELIVERY_MS + BOUND_MS, `too late: ${afterMs} ms`);
}

test('a broker that answers nothing: the promise ends at delivery.timeout.ms as perhaps written; what follows is in order, once', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster);
  await producer.send({ topic: 'logs', partition: 0, value: 'before' });
  const heal = cluster.control('Produce', always(hang));
  const { error, afterMs } = await failureOf(
    producer.send({ topic: 'logs', partition: 0, value: 'unsure' }),
  );
  assertInTime(afterMs);
  assert.ok(error instanceof TimeoutError);
  assert.equal(error.fate, 'possiblyWritten');
  assert.match(error.message, /^logs-0: delivery\.timeout\.ms passed/);
  heal();
  await producer.send({ topic: 'logs', partition: 0, value: 'after' });
  assert.deepEqual(values(cluster, 'logs', 0), ['before', 'unsure', 'after']);
});

test('a connection that swallows everything, both ways: outcomes come in time', async (t) => {
  const cluster = await oneTopic(t);
  const [, port] = cluster.bootstrap.split(':');
  const proxy = await TcpProxy.start({ targetPort: Number(port) });
  t.after(() => proxy.close());
  cluster.control(
    'Metadata',
    always(
      editAnswer(metadata, ({ brokers }) => {
        for (const broker of brokers) Object.assign(broker, { port: proxy.port });
      }),
    ),
  );
  const producer = producerFor(t, cluster, { 'bootstrap.servers': `127.0.0.1:${proxy.port}` });
  await producer.send({ topic: 'logs', partition: 0, value: 'before' });
  for (const direction of ['up', 'down'] as const) {
    proxy.drop(direction);
    const ends = await Promise.all(
      [0, 1].map((partition) =>
        failureOf(producer.send({ topic: 'logs', partition, value: direction })),
      ),
    );
    for (const { error, afterMs } of ends) {
      assertInTime(afterMs);
      assert.ok(error instanceof TimeoutError);
    }
    proxy.heal();
    await producer.send({ topic: 'logs', partition: 0, value: `behind ${direction}` });
  }
  assert.deepEqual(
    values(cluster, 'logs', 0).filter((value) => value.startsWith('be')),
    ['before', 'behind up', 'behind down'],
  );
});

test('a broker that is gone: what never left ends in time and is surely not written', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster);
  await producer.send({ topic: 'logs', partition: 0, value: 'before' });
  await cluster.close();
  await sleep(100);
  const { error, afterMs } = await failureOf(
    producer.send({ topic: 'logs', partition: 0, value: 'never' }),
  );
  assertInTime(afterMs);
  assert.ok(error instanceof TimeoutError);
  assert.equal(error.fate, 'notSent');
});

test('flush and close wait for the promises, not for brokers that never answer', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster);
  await producer.send({ topic: 'logs', partition: 0, value: 'before' });
  cluster.control('Produce', always(hang));
  const startedMs = performance.now();
  const failed = failureOf(producer.send({ topic: 'logs', partition: 0, value: 'unsure' }));
  await producer.flush();
  assertInTime(performance.now() - startedMs);
  await failed;
  const closingMs = performance.now();
  await producer.close();
  assert.ok(performance.now() - closingMs < BOUND_MS);
});

test('a topic without permission: its records fail at once, others go on, and it is taken up when granted', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster);
  const grant = cluster.control(
    'Produce',
    always(answerPartition('logs', 0, 'TOPIC_AUTHORIZATION_FAILED')),
  );
  const [denied, other] = await Promise.all([
    failureOf(producer.send({ topic: 'logs', partition: 0, value: 'denied' })),
    producer.send({ topic: 'logs', partition: 1, value: 'other' }),
  ]);
  assert.ok(denied.error instanceof TopicAuthorizationError);
  assert.ok(denied.afterMs < DELIVERY_MS);
  assert.equal(denied.error.fate, 'notSent');
  assert.equal(other.offset, 0n);
  grant();
  await producer.send({ topic: 'logs', partition: 0, value: 'granted' });
  assert.deepEqual(values(cluster, 'logs', 0), ['granted']);
});

test('a topic that may not even be described fails at once, and the first send after the grant succeeds', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster);
  const grant = cluster.control(
    'Metadata',
    always(
      editAnswer(metadata, ({ topics }) => {
        for (const topic of topics) {
          Object.assign(topic, {
            errorCode: errors.TOPIC_AUTHORIZATION_FAILED.code,
            partitions: [],
          });
        }
      }),
    ),
  );
  for (let times = 0; times < 2; times += 1) {
    const { error } = await failureOf(producer.send({ topic: 'logs', value: 'denied' }));
    assert.ok(error instanceof TopicAuthorizationError, error.message);
  }
  grant();
  await producer.send({ topic: 'logs', partition: 0, value: 'granted' });
  assert.deepEqual(values(cluster, 'logs', 0), ['granted']);
});

test('no permission for a producer id: sends fail saying what to grant, the producer lives, and goes on when it is granted', async (t) => {
  const cluster = await oneTopic(t);
  const grant = cluster.control('InitProducerId', always(answer('CLUSTER_AUTHORIZATION_FAILED')));
  const producer = producerFor(t, cluster);
  let fatal = 0;
  producer.on('fatal', () => (fatal += 1));
  const { error } = await failureOf(
    producer.send({ topic: 'logs', partition: 0, value: 'denied' }),
  );
  assert.ok(error instanceof ClusterAuthorizationError);
  assert.equal(error.fate, 'notSent');
  assert.match(error.message, /grant Write on any topic/);
  grant();
  await producer.send({ topic: 'logs', partition: 0, value: 'granted' });
  assert.deepEqual(values(cluster, 'logs', 0), ['granted']);
  assert.equal(fatal, 0);
});

test('after a lost connection promises are kept with the offsets that the records have', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster);
  await producer.send({ topic: 'logs', partition: 0, value: 'before' });
  cluster.control('Produce', once(loseAnswer));
  const sent = await producer.sendAll(
    ['a', 'b', 'c'].map((value) => ({ topic: 'logs', partition: 0, value })),
  );
  assert.deepEqual(
    sent.map(({ offset }) => offset),
    [1n, 2n, 3n],
  );
  assert.deepEqual(values(cluster, 'logs', 0), ['before', 'a', 'b', 'c']);
});

/** Produce is answered with an error that names records of the batch. */
function refuseRecords(
  cluster: EmbeddedCluster,
  error: 'INVALID_RECORD' | 'INVALID_TIMESTAMP',
  recordErrors: readonly { batchIndex: number; batchIndexErrorMessage: string | null }[],
): void {
  let left = 1;
  const refusal = { errorCode: errors[error].code, baseOffset: -1n, recordErrors };
  cluster.control('Produce', () => {
    if (left-- <= 0) return undefined;
    return editAnswer(produce, ({ responses }) => {
      for (const { partitionResponses } of responses) {
        for (const answered of partitionResponses) Object.assign(answered, refusal);
      }
    });
  });
}

test('records that the broker names are rejected with its words, the others with a plain KafkaError (KIP-467)', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster, { 'linger.ms': 50 });
  refuseRecords(cluster, 'INVALID_RECORD', [
    { batchIndex: 0, batchIndexErrorMessage: 'no key' },
    { batchIndex: 2, batchIndexErrorMessage: null },
  ]);
  const ends = await Promise.all(
    ['0', '1', '2'].map((value) =>
      failureOf(producer.send({ topic: 'logs', partition: 0, value })),
    ),
  );
  const [first, second, third] = ends.map(({ error }) => error);
  assert.ok(first instanceof InvalidRecordError && third instanceof InvalidRecordError);
  assert.match(first.message, /the broker refuses this record: no key/);
  assert.match(third.message, /the broker refuses this record: the broker refuses a record/);
  assert.equal(second?.constructor, KafkaError);
  assert.match(second.message, /in one batch with 2 other records that the broker refuses/);
  for (const { error } of ends) assert.equal(error.fate, 'notSent');
});

test('one record that the broker names has the error of its batch', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster, { 'linger.ms': 50 });
  refuseRecords(cluster, 'INVALID_TIMESTAMP', [
    { batchIndex: 1, batchIndexErrorMessage: 'too old' },
  ]);
  const ends = await Promise.all(
    ['0', '1'].map((value) => failureOf(producer.send({ topic: 'logs', partition: 0, value }))),
  );
  assert.equal(ends[0]?.error.constructor, KafkaError);
  assert.ok(ends[1]?.error instanceof InvalidTimestampError);
});

test('a record that is too large for the topic is told of in keys that the library has', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster);
  cluster.control('Produce', always(answer('MESSAGE_TOO_LARGE')));
  const { error } = await failureOf(producer.send({ topic: 'logs', value: 'x' }));
  assert.ok(error instanceof RecordTooLargeError);
  assert.match(error.message, /max\.message\.bytes of the topic .*message\.max\.bytes/);
  assert.match(error.message, /max\.request\.size=1048576/);
  assert.doesNotMatch(error.message, /max\.line\.bytes/);
});

test('what is given up at a close, or with a producer that is fenced, is told of by the class that Kafka has for it', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster);
  await producer.send({ topic: 'logs', partition: 0, value: 'before' });
  cluster.control('Produce', always(hang));
  const failed = failureOf(producer.send({ topic: 'logs', partition: 0, value: 'unsure' }));
  await sleep(100);
  await producer.close(0);
  const { error } = await failed;
  assert.equal(error.constructor, KafkaError);
  assert.deepEqual([error.fate, error.retriable], ['possiblyWritten', false]);
  const place = { topic: 'logs', partition: 0 };
  const abandoned = { ...place, type: 'abandoned', written: 'no', message: 'why' } as const;
  const fenced = errorOf({ ...abandoned, error: 'IDENTITY_SHARED' }, 'logs', 0);
  assert.ok(fenced instanceof ProducerFencedError && fenced.fate === 'notSent');
  const shutOut = errorOf({ ...abandoned, error: 'CLUSTER_AUTHORIZATION_FAILED' }, 'logs', 0);
  assert.ok(shutOut instanceof ClusterAuthorizationError);
  const says = [0, 1].map((partition) => {
    const message = 'logs-0: no permission for the cluster';
    return errorOf({ ...abandoned, error: undefined, message, partition }, 'logs', partition)
      .message;
  });
  assert.deepEqual(says, [
    'logs-0: no permission for the cluster',
    'logs-1: logs-0: no permission for the cluster',
  ]);
});

test('how long brokers throttled is a figure: the average over the answers to Produce, and the longest', async (t) => {
  const cluster = await oneTopic(t);
  const producer = producerFor(t, cluster);
  const waits = [20, 0, 40, 0];
  cluster.control('Produce', () => throttle(waits.shift() ?? 0));
  for (let i = 0; i < 4; i += 1) await producer.send({ topic: 'logs', partition: 0, value: '' });
  const { produceThrottleTimeAvgMs, produceThrottleTimeMaxMs } = producer.metrics();
  assert.deepEqual([produceThrottleTimeAvgMs, produceThrottleTimeMaxMs], [15, 40]);
});
