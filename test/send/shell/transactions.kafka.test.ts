import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SenderConfig } from '../../../src/send/sender-config.ts';
import type { TransactionFault } from '../../../src/send/transaction-events.ts';
import { startKafka } from '../../support/kafka-cluster.ts';
import type { KafkaCluster } from '../../support/kafka-cluster.ts';
import { kcatRead } from '../../support/kcat.ts';
import { groupOf, offsetsOf } from '../../support/transaction-driver.ts';
import { numbered, sending, serversOf, type Sending } from './sending.ts';

const PARTITIONS = 3;

let kafka: KafkaCluster;

before(async () => {
  // The records of these tests are some years old: Kafka would delete them half a minute after it was started.
  kafka = await startKafka({ brokers: 3, properties: { 'log.retention.ms': '-1' } });
  await kafka.createTopic('input', { partitions: 1 });
});
after(() => kafka.stop());

/** Makes the brokers agree on a version of transactions. */
async function agreeOn(level: 1 | 2): Promise<void> {
  const command = level === 1 ? 'downgrade' : 'upgrade';
  const feature = ['--feature', `transaction.version=${String(level)}`];
  const server = ['--bootstrap-server', kafka.bootstrap];
  await kafka.tool('org.apache.kafka.tools.FeatureCommand', [...server, command, ...feature]);
}

/** What a reader of committed transactions gets: kcat is one unless it is told otherwise. */
async function committed(topic: string): Promise<string[][]> {
  const lines = Array.from({ length: PARTITIONS }, (): string[] => []);
  await kcatRead(kafka.bootstrap, topic, (partition, line) => lines[partition]?.push(line));
  return lines;
}

async function producer(
  t: TestContext,
  transactionalId: string,
  config: Partial<SenderConfig> = {},
) {
  const transactions = { transactionalId, transactionTimeoutMs: 30_000 };
  const sent = sending(t, serversOf(kafka), { ...config, transactions });
  assert.equal(await sent.sender.transact({ call: 'initTransactions' }), undefined);
  return sent;
}

/** One transaction with ten lines in each partition and an offset. */
async function transaction(
  { sender, append }: Sending,
  topic: string,
  n: number,
  end: 'commitTransaction' | 'abortTransaction',
): Promise<{ readonly lines: string[]; readonly fault: TransactionFault | undefined }> {
  assert.equal(await sender.transact({ call: 'beginTransaction' }), undefined);
  const lines = numbered(n * 10, 10, topic);
  for (let partition = 0; partition < PARTITIONS; partition++) append(topic, lines, { partition });
  const group = groupOf(`${topic}-readers`);
  const offsets = offsetsOf('input', BigInt(n));
  const added = await sender.transact({ call: 'sendOffsetsToTransaction', group, offsets });
  const ended = await sender.transact({ call: end });
  return { lines, fault: added ?? ended };
}

async function committedOffset(topic: string): Promise<number | undefined> {
  const [offset] = await kafka.committedOffsets(`${topic}-readers`, 'input');
  return offset;
}

for (const level of [1, 2] as const) {
  test(`transaction.version ${String(level)}: kcat reads what was committed, in order, and nothing that was aborted`, async (t) => {
    await agreeOn(level);
    const topic = `plain-${String(level)}`;
    await kafka.createTopic(topic, { partitions: PARTITIONS });
    const sent = await producer(t, topic);
    const expected: string[] = [];
    for (let n = 0; n < 20; n++) {
      const isAborted = n % 4 === 1;
      const end = isAborted ? 'abortTransaction' : 'commitTransaction';
      const { lines, fault } = await transaction(sent, topic, n, end);
      assert.equal(fault, undefined);
      if (!isAborted) expected.push(...lines);
    }
    assert.deepEqual(await committed(topic), Array(PARTITIONS).fill(expected));
    assert.equal(await committedOffset(topic), 19);
    assert.deepEqual(sent.fatal, []);
  });

  // With version 2 the library does it, in test/producer/transactions.kafka.test.ts.
  if (level === 1) {
    test(`transaction.version ${String(level)}: brokers killed with -9 tear no transaction`, async (t) => {
      const topic = `killed-${String(level)}`;
      await kafka.createTopic(topic, {
        partitions: PARTITIONS,
        config: { 'min.insync.replicas': '2' },
      });
      const sent = await producer(t, topic, { requestTimeoutMs: 5000 });
      const expected: string[] = [];
      let offset = -1;
      for (let n = 0; n < 60; n++) {
        const victim = 1 + (Math.trunc(n / 20) % 3);
        if (n % 20 === 5) await kafka.signal(victim, 'SIGKILL');
        if (n % 20 === 12) {
          await kafka.startNode(victim);
          await kafka.ready();
        }
        const { lines, fault } = await transaction(sent, topic, n, 'commitTransaction');
        if (fault === undefined) {
          expected.push(...lines);
          offset = n;
          continue;
        }
        assert.equal(fault.next, 'abort', fault.message);
        assert.equal(await sent.sender.transact({ call: 'abortTransaction' }), undefined);
      }
      assert.deepEqual(await committed(topic), Array(PARTITIONS).fill(expected));
      assert.equal(await committedOffset(topic), offset);
      assert.ok(expected.length >= 400, `${String(expected.length)} lines were committed`);
    });
  }

  test(`transaction.version ${String(level)}: a second producer with the id shuts the first one out`, async (t) => {
    const topic = `fenced-${String(level)}`;
    await kafka.createTopic(topic, { partitions: PARTITIONS });
    const old = await producer(t, topic);
    assert.equal(await old.sender.transact({ call: 'beginTransaction' }), undefined);
    old.append(topic, numbered(0, 10), { partition: 0 });
    await old.sender.flush();
    const young = await producer(t, topic);
    const fault = await old.sender.transact({ call: 'commitTransaction' });
    assert.deepEqual([fault?.error, fault?.next], ['PRODUCER_FENCED', 'close']);
    const { lines } = await transaction(young, topic, 1, 'commitTransaction');
    assert.deepEqual(await committed(topic), Array(PARTITIONS).fill(lines));
  });
}

test('a producer lives through the raise of the cluster to transaction.version 2', async (t) => {
  await agreeOn(1);
  const topic = 'raised';
  await kafka.createTopic(topic, { partitions: PARTITIONS });
  // Features are learned when connections are made: these are made anew all the time.
  const sent = await producer(t, topic, { connectionsMaxIdleMs: 300 });
  const expected: string[] = [];
  for (let n = 0; n < 8; n++) {
    if (n === 3) await agreeOn(2);
    const { lines, fault } = await transaction(sent, topic, n, 'commitTransaction');
    assert.equal(fault, undefined, fault?.message);
    expected.push(...lines);
    await sleep(500);
  }
  assert.deepEqual(await committed(topic), Array(PARTITIONS).fill(expected));
});
