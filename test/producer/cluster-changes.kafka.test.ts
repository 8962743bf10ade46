/** A producer while topics, quotas and what the brokers remember change below it; then its word is held against what kcat and Java read. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionForKey } from '../../src/producer/partitioners.ts';
import { PartitionIdentity, type ProducerIds } from '../../src/send/producer-state.ts';
import { startKafka, type KafkaCluster } from '../support/kafka-cluster.ts';
import { nothingWrong, SentRecords, type Place } from '../support/sent-records.ts';
import { until } from '../support/until.ts';
import { heard, keyedAndKeyless, newProducer } from './scene.ts';

const PACE = { count: 60, everyMs: 20 };
const SEQUENCES = 2 ** 31;
let kafka: KafkaCluster;

before(async () => {
  const properties = { 'producer.id.expiration.check.interval.ms': '500' };
  kafka = await startKafka({ brokers: 3, properties });
});
after(() => kafka.stop());

function keyless(): Place {
  return {};
}

test('a topic is deleted and created again while records flow: the new one is filled from offset 0, and nothing fails', async (t) => {
  const topic = 'again';
  await kafka.createTopic(topic, { partitions: 3 });
  const producer = newProducer(t, kafka);
  const said = heard(producer);
  const sent = new SentRecords(producer, kafka.bootstrap, topic);
  let firstOfNew = Infinity;
  await sent.flowDuring(PACE, keyedAndKeyless, async () => {
    await until(() => sent.acked.length > 1000);
    await kafka.deleteTopic(topic);
    await sleep(1000);
    await kafka.createTopic(topic, { partitions: 4 });
    firstOfNew = sent.count;
    await sleep(2000);
  });
  await producer.flush();

  assert.deepEqual(sent.errors, []);
  assert.equal(said.filter(({ code }) => code === 'topicRecreated').length, 1);
  const stored = await sent.stored();
  const verdict = sent.judge(stored);
  // What the old topic had acknowledged went with it.
  assert.deepEqual({ ...verdict, lost: verdict.lost.filter((n) => n >= firstOfNew) }, nothingWrong);
  assert.ok(verdict.lost.length > 0 && verdict.lost.length < firstOfNew, 'what waited has arrived');
  for (const partition of [0, 1, 2, 3]) {
    const offsets = stored.filter((one) => one.partition === partition).map((one) => one.offset);
    assert.deepEqual(
      offsets,
      offsets.map((_, index) => index),
      `partition ${partition} from offset 0`,
    );
    assert.ok(offsets.length > 0, `partition ${partition} is used`);
  }
});

test('partitions that are added are used by keyless records within metadata.max.age.ms, by keys, and by who waits for them', async (t) => {
  const topic = 'grows';
  const maxAgeMs = 1000;
  await kafka.createTopic(topic, { partitions: 1 });
  const producer = newProducer(t, kafka, {
    'metadata.max.age.ms': maxAgeMs,
    'batch.size': 16_384,
  });
  const sent = new SentRecords(producer, kafka.bootstrap, topic, 100);
  const partitionsUsed = (): number =>
    new Set(sent.acked.map((number) => sent.metadata(number).partition)).size;
  await sent.flowDuring({ count: 300, everyMs: 20 }, keyless, async () => {
    await until(() => sent.acked.length > 300);
    const waiting = producer.send({ topic, partition: 2, key: 'waits', value: '-1' });
    await kafka.addPartitions(topic, 3);
    const addedMs = performance.now();
    await until(() => partitionsUsed() === 3, maxAgeMs + 3000);
    t.diagnostic(`all three used after ${Math.round(performance.now() - addedMs)} ms`);
    assert.equal((await waiting).partition, 2);
  });
  const keyOf = (number: number): string => `key${number % 100}`;
  const unkeyed = sent.count;
  sent.send(300, (number) => ({ key: keyOf(number) }));
  await producer.flush();
  for (let number = unkeyed; number < sent.count; number += 1) {
    assert.equal(sent.metadata(number).partition, partitionForKey(keyOf(number), 3));
  }
  assert.deepEqual(sent.errors, []);
  const stored = (await sent.stored()).filter(({ number }) => number >= 0);
  assert.deepEqual(sent.judge(stored), nothingWrong);
});

test('a quota slows a producer down and cuts nothing: longer than request.timeout.ms, and its metrics tell', async (t) => {
  const topic = 'slow';
  const client = ['--entity-type', 'clients', '--entity-name', 'loader'];
  await kafka.createTopic(topic, { partitions: 1 });
  await kafka.configure(client, { producer_byte_rate: '100000' });
  const producer = newProducer(t, kafka, {
    'client.id': 'loader',
    'request.timeout.ms': 1000,
    'delivery.timeout.ms': 60_000,
    'batch.size': 65_536,
  });
  const said = heard(producer);
  const sent = new SentRecords(producer, kafka.bootstrap, topic, 1000);
  const sinceMs = performance.now();
  // A quota is a mean over ten seconds: a third more than is allowed in them.
  sent.send(1300, keyless);
  await producer.flush();
  const open = producer.metrics().connectionsOpen;
  sent.send(10, keyless);
  await producer.flush();
  const tookMs = performance.now() - sinceMs;

  assert.deepEqual(sent.errors, []);
  assert.deepEqual(await sent.verdict(), nothingWrong);
  const { produceThrottleTimeMaxMs: throttleMaxMs, connectionsOpen } = producer.metrics();
  assert.ok(
    throttleMaxMs > 1500,
    `throttled for ${throttleMaxMs} ms, longer than request.timeout.ms`,
  );
  assert.ok(tookMs > throttleMaxMs, `it kept still for ${throttleMaxMs} of ${tookMs} ms`);
  assert.equal(connectionsOpen, open);
  assert.deepEqual(
    [...new Set(said.map(({ code }) => code))],
    ['throttled'],
    'no connection cut, no timeout, nothing settled',
  );
});

test('brokers forget an idle producer id: what is sent then arrives once and in order', async (t) => {
  const topic = 'forgotten';
  const brokers = ['--entity-type', 'brokers', '--entity-default'];
  await kafka.createTopic(topic, { partitions: 2 });
  await kafka.configure(brokers, { 'producer.id.expiration.ms': '1500' });
  const producer = newProducer(t, kafka, { 'batch.size': 16_384, 'linger.ms': 0 });
  const sent = new SentRecords(producer, kafka.bootstrap, topic, 200);
  const [leader = 0] = await kafka.leaders(topic);
  for (let pause = 0; pause < 2; pause += 1) {
    sent.send(1000, keyedAndKeyless);
    await producer.flush();
    await until(async () => (await producersOf(leader, topic)).length === 0);
  }
  sent.send(1000, keyedAndKeyless);
  await producer.flush();
  await kafka.configure(brokers, { 'producer.id.expiration.ms': undefined });
  assert.deepEqual(sent.errors, []);
  assert.deepEqual(await sent.verdict(), nothingWrong);
});

/** Producer ids that a broker remembers of partition 0, as Kafka's own tool tells. */
async function producersOf(leader: number, topic: string): Promise<string[]> {
  const server = ['--bootstrap-server', kafka.bootstrap, 'describe-producers'];
  const which = ['--broker-id', String(leader), '--topic', topic, '--partition', '0'];
  const text = await kafka.tool('org.apache.kafka.tools.TransactionsCommand', [
    ...server,
    ...which,
  ]);
  return text.split('\n').filter((line) => /^\d/.test(line));
}

test('sequences go over 2^31 - 1 while a leader is killed: each record once and in order, for kcat and for Java', async (t) => {
  const topic = 'wraps';
  const each = 1000;
  const first = SEQUENCES - each - 300;
  beginAt(t, first);
  const assignment = [
    [1, 2, 3],
    [2, 3, 1],
    [3, 1, 2],
  ];
  await kafka.createTopic(topic, { assignment, config: { 'min.insync.replicas': '2' } });
  const producer = newProducer(t, kafka, { 'batch.size': 16_384 });
  const said = heard(producer);
  const sent = new SentRecords(producer, kafka.bootstrap, topic, 100);
  const toEach = (number: number): Place => ({ partition: number % 3, key: 'k' });
  sent.send(3 * each, toEach);
  await producer.flush();
  await kafka.signal(1, 'SIGSTOP');
  // Five batches of about 140 go out to it: 300 records before the end and the rest behind it, unanswered when it dies.
  sent.send(3 * each, toEach);
  await sleep(300);
  await kafka.signal(1, 'SIGKILL');
  await producer.flush();

  assert.deepEqual(sent.errors, []);
  assert.deepEqual(await sent.verdict(), nothingWrong);
  assert.deepEqual(
    said.filter(({ code }) => /Suspected$/.test(code)),
    [],
  );
  for (const partition of [0, 1, 2]) {
    const batches = await batchesOf(2, topic, partition);
    assert.equal(batches[0]?.baseSequence, first);
    assert.ok(isOverTheEnd(batches), `partition ${partition} went over the end in one epoch`);
    // The others did not lose their leader: nothing happened there at all.
    if (partition > 0) assert.ok(isOneRow(batches), `partition ${partition} is one row`);
  }
  const read = await kafka.tool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
    ...['--bootstrap-server', kafka.bootstrap, '--topic', topic, '--from-beginning'],
    ...['--timeout-ms', '20000', '--max-messages', String(sent.count)],
  ]);
  const numbers = Array.from(read.trim().split('\n'), (line) => Number.parseInt(line, 10));
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    Array.from({ length: sent.count }, (_, number) => number),
  );
});

/** As if so many records had gone into each partition before: a broker takes the first sequence of a producer id as it comes. */
function beginAt(t: TestContext, counter: number): void {
  const adopt = Object.getOwnPropertyDescriptor(PartitionIdentity.prototype, 'adopt')?.value as (
    ...ids: [ProducerIds]
  ) => boolean;
  t.mock.method(
    PartitionIdentity.prototype,
    'adopt',
    function (this: PartitionIdentity, ids: ProducerIds): boolean {
      const isFirst = !this.assigned && this.counter === 0;
      const isAdopted = Reflect.apply(adopt, this, [ids]);
      if (isFirst && isAdopted) this.counter = this.ackedCounter = counter;
      return isAdopted;
    },
  );
}

interface DumpedBatch {
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly producerEpoch: number;
}

/** The batches of a partition as Kafka's own tool reads them from the files of a broker. */
async function batchesOf(id: number, topic: string, partition: number): Promise<DumpedBatch[]> {
  const folder = kafka.logFolder(id, topic, partition);
  const files = readdirSync(folder).filter((name) => name.endsWith('.log'));
  const paths = files.map((name) => join(folder, name)).sort();
  const text = await kafka.tool('kafka.tools.DumpLogSegments', ['--files', paths.join(',')]);
  const found = text.matchAll(
    /baseSequence: (\d+) lastSequence: (\d+) producerId: \d+ producerEpoch: (\d+)/g,
  );
  return Array.from(found, ([, base, last, epoch]) => ({
    baseSequence: Number(base),
    lastSequence: Number(last),
    producerEpoch: Number(epoch),
  }));
}

/** A batch lies across the end, or begins at 0 right behind it. */
function isOverTheEnd(batches: readonly DumpedBatch[]): boolean {
  return batches.some((batch, index) => {
    if (batch.lastSequence < batch.baseSequence) return true;
    return batch.lastSequence === SEQUENCES - 1 && isBehind(batch, batches[index + 1]);
  });
}

function isOneRow(batches: readonly DumpedBatch[]): boolean {
  return batches.slice(0, -1).every((batch, index) => isBehind(batch, batches[index + 1]));
}

function isBehind(batch: DumpedBatch, next: DumpedBatch | undefined): boolean {
  return (
    next?.baseSequence === (batch.lastSequence + 1) % SEQUENCES &&
    next.producerEpoch === batch.producerEpoch
  );
}
