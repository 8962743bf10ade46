import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Producer, type RecordMetadata } from '../../src/index.ts';
import { startKafka, type KafkaCluster } from '../support/kafka-cluster.ts';
import { kcatLines } from '../support/kcat.ts';
import { nothingWrong, SentRecords, type Place } from '../support/sent-records.ts';

const PARTITIONS = 6;
let kafka: KafkaCluster;

before(async () => {
  kafka = await startKafka({ brokers: 3 });
});
after(() => kafka.stop());

/** What kcat reads, by place: `partition/offset` to `key value`. */
async function stored(topic: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  await kcatLines(kafka.bootstrap, topic, '%p/%o %k %s\n', (line) => {
    const space = line.indexOf(' ');
    found.set(line.slice(0, space), line.slice(space + 1));
  });
  return found;
}

function placeOf({ partition, offset }: RecordMetadata): string {
  return `${partition}/${offset}`;
}

test('every codec: each record is where its promise says, once', async () => {
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    const topic = `places-${codec}`;
    await kafka.createTopic(topic, { partitions: PARTITIONS });
    await using producer = new Producer({
      'bootstrap.servers': kafka.bootstrap,
      'compression.type': codec,
    });
    const records = Array.from({ length: 5000 }, (_, index) => ({
      topic,
      key: `key${index % 300}`,
      value: `value ${index} ${'x'.repeat(index % 400)}`,
    }));
    const places = await producer.sendAll(records);
    const expected = new Map(
      places.map((place, index) => [
        placeOf(place),
        `${records[index]?.key ?? ''} ${records[index]?.value ?? ''}`,
      ]),
    );
    assert.equal(expected.size, records.length, `${codec}: no place is given twice`);
    assert.deepEqual(await stored(topic), expected, codec);
  }
});

test('brokers are killed with -9 while a loop sends: nothing lost, doubled or out of order, and no place is wrong', async () => {
  const topic = 'killed';
  const config = { 'min.insync.replicas': '2' };
  await kafka.createTopic(topic, { partitions: PARTITIONS, config });
  const producer = new Producer({
    'bootstrap.servers': kafka.bootstrap,
    'compression.type': 'lz4',
    'request.timeout.ms': 5000,
    'delivery.timeout.ms': 60_000,
  });
  const sent = new SentRecords(producer, kafka.bootstrap, topic);
  const place = (number: number): Place => ({ key: `key${number % 100}` });
  await sent.flowDuring({ count: 50, everyMs: 2 }, place, async () => {
    for (const id of [1, 2, 3]) {
      await sleep(1500);
      await kafka.signal(id, 'SIGKILL');
      await sleep(1500);
      await kafka.startNode(id);
      await kafka.ready();
    }
  });
  await producer.close();
  assert.deepEqual(sent.errors, []);
  assert.equal(sent.placeless, 0, 'nobody else writes, so every place is known');
  assert.deepEqual(await sent.verdict(), nothingWrong);
});
