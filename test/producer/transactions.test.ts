import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedBrokerOptions, EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { always, answer, answerPartition, hang, once } from '../../src/broker/faults.ts';
import type { ProducerConfig } from '../../src/producer/producer-config.ts';
import { Producer } from '../../src/producer.ts';
import type { KafkaError } from '../../src/producer/errors.ts';
import {
  CommitFailedError,
  IllegalArgumentError,
  IllegalStateError,
  InvalidRecordError,
  InvalidTxnTimeoutError,
  ProducerFencedError,
  SerializationError,
  TimeoutError,
  TransactionAbortedError,
  TransactionalIdAuthorizationError,
} from '../../src/producer/errors.ts';
import { ConfigError } from '../../src/shared/errors.ts';
import { committed } from '../support/committed.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { failure, newProducer } from './scene.ts';

const record = (value: string, partition = 0) => ({ topic: 'logs', partition, value });

function producerFor(
  t: TestContext,
  cluster: EmbeddedCluster,
  config: Partial<ProducerConfig<string | Uint8Array, string | Uint8Array>> = {},
): Producer {
  return newProducer(t, cluster, { 'transactional.id': 'shop', 'retry.backoff.ms': 5, ...config });
}

async function ready(
  t: TestContext,
  options: EmbeddedBrokerOptions & {
    readonly producer?: Partial<ProducerConfig<string | Uint8Array, string | Uint8Array>>;
  } = {},
): Promise<{ readonly cluster: EmbeddedCluster; readonly producer: Producer }> {
  const { producer: config, ...rest } = options;
  const cluster = await embeddedCluster(t, { topics: { logs: 2, input: 2 }, ...rest });
  const producer = producerFor(t, cluster, config);
  await producer.initTransactions();
  return { cluster, producer };
}

/** A call that is out of turn: nothing has changed by it. */
async function assertIllegal(call: () => unknown, message: RegExp): Promise<void> {
  await assert.rejects(
    async () => await call(),
    (error) => {
      assert.ok(error instanceof IllegalStateError, String(error));
      assert.match(error.message, message);
      assert.equal(error.next, 'correctCall');
      return true;
    },
  );
}

for (const transactionVersion of [0, 2]) {
  const v = `transaction.version ${transactionVersion}: `;

  test(`${v}what is committed can be read, what is aborted cannot, and offsets go with it`, async (t) => {
    const { cluster, producer } = await ready(t, { transactionVersion });
    const expected: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      const isAborted = n % 3 === 1;
      producer.beginTransaction();
      const values = Array.from({ length: 50 }, (_, index) => `${n}.${index}`);
      for (const value of values) producer.send(record(value), null);
      await producer.sendOffsetsToTransaction(
        [{ topic: 'input', partition: 1, offset: BigInt(n) }],
        'readers',
      );
      // Without a flush: the commit does that.
      if (isAborted) await producer.abortTransaction();
      else await producer.commitTransaction();
      if (!isAborted) expected.push(...values);
    }
    assert.deepEqual(committed(cluster, 'logs', 0), expected);
    assert.equal(cluster.committedOffsets('readers')[0]?.offset, 5n);
    assert.deepEqual(cluster.complaints, []);
  });

  test(`${v}a record that the broker refuses fails the commit, and abort is the way on`, async (t) => {
    const { cluster, producer } = await ready(t, { transactionVersion });
    producer.beginTransaction();
    await producer.send(record('before', 1));
    cluster.control('Produce', once(answerPartition('logs', 0, 'INVALID_RECORD')));
    const refused = await failure(producer.send(record('refused')));
    assert.ok(refused instanceof InvalidRecordError && refused.fate === 'notSent');
    const later = await failure(producer.send(record('later')));
    assert.ok(later instanceof InvalidRecordError && later.next === 'abort', later.message);
    const fault = await failure(producer.commitTransaction());
    assert.ok(fault instanceof InvalidRecordError, fault.message);
    assert.deepEqual([fault.next, fault.topic, fault.partition], ['abort', 'logs', 0]);
    await assertIllegal(() => producer.beginTransaction(), /open transaction/);
    await producer.abortTransaction();
    producer.beginTransaction();
    producer.send(record('again'), null);
    await producer.commitTransaction();
    assert.deepEqual(committed(cluster, 'logs', 0), ['again']);
    assert.deepEqual(committed(cluster, 'logs', 1), []);
  });

  test(`${v}a second producer with the id shuts the first one out for good`, async (t) => {
    const { cluster, producer: old } = await ready(t, { transactionVersion });
    const fatal: KafkaError[] = [];
    old.on('fatal', (error) => fatal.push(error));
    old.beginTransaction();
    await old.send(record('old'));
    const young = producerFor(t, cluster);
    await young.initTransactions();
    const fenced = await failure(old.commitTransaction());
    assert.ok(fenced instanceof ProducerFencedError && fenced.next === 'close', fenced.message);
    assert.ok((await failure(old.abortTransaction())) instanceof ProducerFencedError);
    assert.throws(() => old.beginTransaction(), ProducerFencedError);
    assert.equal(fatal.length, 1);
    const after = await failure(old.send(record('after')));
    assert.ok(after instanceof ProducerFencedError && after.next === 'close', after.message);
    young.beginTransaction();
    young.send(record('young'), null);
    await young.commitTransaction();
    assert.deepEqual(committed(cluster, 'logs', 0), ['young']);
  });
}

test('calls out of turn are refused and change nothing', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const producer = producerFor(t, cluster);
  const offsets = [{ topic: 'logs', partition: 0, offset: 1n }];
  await assertIllegal(() => producer.beginTransaction(), /before initTransactions/);
  await assertIllegal(() => producer.send(record('early')), /before initTransactions/);
  await producer.initTransactions();
  await assertIllegal(() => producer.initTransactions(), /twice/);
  await assertIllegal(() => producer.commitTransaction(), /outside a transaction/);
  await assertIllegal(() => producer.abortTransaction(), /outside a transaction/);
  await assertIllegal(() => producer.sendOffsetsToTransaction(offsets, 'g'), /outside/);
  await assertIllegal(() => producer.send(record('outside')), /outside a transaction/);
  producer.beginTransaction();
  await assertIllegal(() => producer.beginTransaction(), /commit or abort it first/);
  producer.send(record('inside'), null);
  const commit = producer.commitTransaction();
  await assertIllegal(() => producer.send(record('late')), /while the transaction is being/);
  await assertIllegal(() => producer.abortTransaction(), /before commitTransaction has ended/);
  await assertIllegal(() => producer.beginTransaction(), /before commitTransaction has ended/);
  await commit;
  assert.deepEqual(committed(cluster, 'logs', 0), ['inside']);
  await producer.close();
  await assert.rejects(() => producer.commitTransaction(), /closed/);
});

test('without transactional.id there are no transactions, and the settings that contradict it are refused', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const plain = new Producer({ 'bootstrap.servers': cluster.bootstrap, workers: 1 });
  t.after(() => plain.close());
  await assertIllegal(() => plain.initTransactions(), /transactional\.id/);
  await assertIllegal(() => plain.beginTransaction(), /transactional\.id/);
  await plain.send(record('plain'));
  const settings = { 'bootstrap.servers': cluster.bootstrap, 'transactional.id': 'shop' };
  for (const wrong of [
    { 'enable.idempotence': false },
    { acks: '1' },
    { 'transaction.timeout.ms': 0 },
    { 'transaction.two.phase.commit.enable': true },
    { 'transactional.id': '' },
  ]) {
    assert.throws(
      () => new Producer({ ...settings, ...wrong }),
      ConfigError,
      JSON.stringify(wrong),
    );
  }
});

test('a transaction of nothing asks no broker, and the next one works', async (t) => {
  const { cluster, producer } = await ready(t);
  for (const end of ['commitTransaction', 'abortTransaction'] as const) {
    producer.beginTransaction();
    await producer.sendOffsetsToTransaction([], 'readers');
    await producer[end]();
  }
  assert.equal(cluster.requests('EndTxn').length, 0);
  producer.beginTransaction();
  producer.send(record('one'), null);
  await producer.commitTransaction();
  assert.deepEqual(committed(cluster, 'logs', 0), ['one']);
});

test('a record that fails before it is sent fails its transaction too, though nobody awaits it', async (t) => {
  const { cluster, producer } = await ready(t, {
    producer: {
      'value.serializer': (value) => {
        if (value === 'bad') throw new Error('cannot');
        return value;
      },
    },
  });
  producer.beginTransaction();
  producer.send(record('good'), null);
  producer.send(record('bad'), null);
  const fault = await failure(producer.commitTransaction());
  assert.ok(fault instanceof SerializationError && fault.next === 'abort', fault.message);
  await producer.abortTransaction();
  assert.deepEqual(committed(cluster, 'logs', 0), []);
});

test('what waits for linger.ms is dropped by an abort, and not sent', async (t) => {
  const { cluster, producer } = await ready(t, { producer: { 'linger.ms': 10_000 } });
  producer.beginTransaction();
  const lost = [0, 1].map((partition) => failure(producer.send(record('dropped', partition))));
  await sleep(20);
  await producer.abortTransaction();
  for (const error of await Promise.all(lost)) {
    assert.ok(error instanceof TransactionAbortedError && error.fate === 'notSent', error.message);
  }
  assert.equal(producer.metrics().batchesSent, 0);
  producer.beginTransaction();
  let joined: Promise<void> | undefined;
  producer.send(record('dropped'), () => {
    joined = producer.abortTransaction();
  });
  await producer.abortTransaction();
  await joined;
  producer.beginTransaction();
  producer.send(record('kept'), null);
  await producer.commitTransaction();
  assert.deepEqual(committed(cluster, 'logs', 0), ['kept']);
  assert.deepEqual(committed(cluster, 'logs', 1), []);
});

test('what waits is failed by an abort, and gets into no later transaction', async (t) => {
  const { cluster, producer } = await ready(t, {
    autoCreate: false,
    producer: {
      'value.serializer': async (value) => {
        await sleep(value === 'slow' ? 50 : 0);
        return value;
      },
    },
  });
  producer.beginTransaction();
  const slow = failure(producer.send(record('slow')));
  const missing = failure(producer.send({ topic: 'nowhere', value: 'x' }));
  await sleep(20);
  await producer.abortTransaction();
  for (const error of [await slow, await missing]) {
    assert.ok(error instanceof TransactionAbortedError && error.fate === 'notSent', error.message);
  }
  producer.beginTransaction();
  producer.send(record('next'), null);
  await producer.commitTransaction();
  assert.deepEqual(committed(cluster, 'logs', 0), ['next']);
});

test('a call that takes longer than max.block.ms goes on, and the same call waits for its end', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const producer = producerFor(t, cluster, {
    ...{ 'max.block.ms': 150, 'request.timeout.ms': 400, 'delivery.timeout.ms': 1000 },
  });
  const isLate = async (call: Promise<void>): Promise<void> => {
    const error = await failure(call);
    assert.ok(error instanceof TimeoutError && error.next === 'retry', error.message);
  };
  cluster.control('InitProducerId', once(hang));
  await isLate(producer.initTransactions());
  await assertIllegal(() => producer.beginTransaction(), /before initTransactions has ended/);
  await until(() => producer.initTransactions());
  producer.beginTransaction();
  producer.send(record('one'), null);
  cluster.control('EndTxn', once(hang));
  await isLate(producer.commitTransaction());
  await assertIllegal(() => producer.abortTransaction(), /before commitTransaction has ended/);
  await until(() => producer.commitTransaction());
  assert.deepEqual(committed(cluster, 'logs', 0), ['one']);
  producer.beginTransaction();
  await producer.send(record('two'));
  cluster.control('EndTxn', once(hang));
  await isLate(producer.abortTransaction());
  await assertIllegal(() => producer.commitTransaction(), /before abortTransaction has ended/);
  await until(() => producer.abortTransaction());
  assert.deepEqual(committed(cluster, 'logs', 0), ['one']);
});

test('a commit does not wait for linger.ms', async (t) => {
  const { cluster, producer } = await ready(t, {
    producer: { 'linger.ms': 60_000, 'delivery.timeout.ms': 120_000 },
  });
  producer.beginTransaction();
  const sent = producer.send(record('one'));
  const beganMs = performance.now();
  await producer.commitTransaction();
  await sent;
  assert.ok(performance.now() - beganMs < 10_000);
  assert.deepEqual(committed(cluster, 'logs', 0), ['one']);
});

/** The same call again, for as long as it times out. */
async function until(call: () => Promise<void>): Promise<void> {
  for (let tries = 0; tries < 20; tries += 1) {
    try {
      await call();
      return;
    } catch (error) {
      assert.ok(error instanceof TimeoutError, String(error));
    }
  }
  assert.fail('it times out for ever');
}

test('the coordinator is told transaction.timeout.ms, and more than it allows is the end', async (t) => {
  const { cluster } = await ready(t, { producer: { 'transaction.timeout.ms': 1234 } });
  const [asked] = cluster.requests('InitProducerId');
  assert.equal((asked?.body as { transactionTimeoutMs?: number }).transactionTimeoutMs, 1234);
  const patient = producerFor(t, cluster, {
    ...{ 'transactional.id': 'patient', 'transaction.timeout.ms': 2_000_000_000 },
  });
  const error = await failure(patient.initTransactions());
  assert.ok(error instanceof InvalidTxnTimeoutError && error.next === 'close', error.message);
});

test('a missing permission is named, and initTransactions can be called again when it is there', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const producer = producerFor(t, cluster);
  const allow = cluster.control(
    'InitProducerId',
    always(answer('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')),
  );
  const error = await failure(producer.initTransactions());
  assert.ok(error instanceof TransactionalIdAuthorizationError, error.message);
  assert.match(error.message, /allow its user Write and Describe on TransactionalId shop/);
  assert.equal(error.next, 'initialize');
  allow();
  await producer.initTransactions();
});

test('offsets of a member that was put out of its group fail the transaction, which can be aborted', async (t) => {
  const { cluster, producer } = await ready(t);
  producer.beginTransaction();
  producer.send(record('one'), null);
  cluster.control('TxnOffsetCommit', once(answer('ILLEGAL_GENERATION')));
  const group = { groupId: 'readers', generationId: 3, memberId: 'm-1' };
  const offsets = [{ topic: 'input', partition: 0, offset: 7 }];
  const error = await failure(producer.sendOffsetsToTransaction(offsets, group));
  assert.ok(error instanceof CommitFailedError && error.next === 'abort', error.message);
  assert.ok((await failure(producer.commitTransaction())) instanceof CommitFailedError);
  await producer.abortTransaction();
  assert.deepEqual(cluster.committedOffsets('readers'), []);
  producer.beginTransaction();
  await producer.sendOffsetsToTransaction(offsets, 'readers');
  await producer.commitTransaction();
  assert.equal(cluster.committedOffsets('readers')[0]?.offset, 7n);
});

test('offsets and groups that mean nothing are refused before anything is asked', async (t) => {
  const { producer } = await ready(t);
  producer.beginTransaction();
  const good = { topic: 'input', partition: 0, offset: 1n };
  for (const [offsets, group] of [
    [[{ ...good, offset: -1n }], 'readers'],
    [[{ ...good, offset: 0.5 }], 'readers'],
    [[{ ...good, partition: -1 }], 'readers'],
    [[good], ''],
    [[good], { groupId: 'readers', generationId: 3 }],
  ] as const) {
    const error = await failure(producer.sendOffsetsToTransaction(offsets, group));
    assert.ok(error instanceof IllegalArgumentError, String(error));
  }
  await producer.commitTransaction();
});

test('close aborts an open transaction, and waits for one that is being committed', async (t) => {
  const { cluster, producer } = await ready(t);
  producer.beginTransaction();
  await producer.send(record('open'));
  await producer.close();
  const next = producerFor(t, cluster);
  await next.initTransactions();
  next.beginTransaction();
  next.send(record('committed', 1), null);
  const commit = next.commitTransaction();
  await next.close();
  await commit;
  assert.deepEqual(committed(cluster, 'logs', 0), []);
  assert.deepEqual(committed(cluster, 'logs', 1), ['committed']);
  assert.equal(cluster.partition('logs', 0).openSince(1000n), -1);
});

test('closed before the answer, a commit says that its end is not known', async (t) => {
  const { cluster, producer } = await ready(t);
  producer.beginTransaction();
  await producer.send(record('one'));
  cluster.control('EndTxn', always(hang));
  const commit = failure(producer.commitTransaction());
  await sleep(50);
  await producer.close(50);
  assert.match((await commit).message, /whether the transaction was committed is not known/);
});
