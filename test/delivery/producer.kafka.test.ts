import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Producer, type RecordMetadata } from '../../src/index.ts';
import { startKafka, type KafkaCluster } from '../support/kafka-cluster.ts';
import { kcatLines } from '../support/kcat.ts';

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
  const expected = new Map<string, string>();
  const failed: string[] = [];
  let sent = 0;
  const state = { isOver: false };
  const faults = (async () => {
    for (const id of [1, 2, 3]) {
      await sleep(1500);
      await kafka.signal(id, 'SIGKILL');
      await sleep(1500);
      await kafka.startNode(id);
      await kafka.ready();
    }
    state.isOver = true;
  })();
  while (!state.isOver) {
    for (let round = 0; round < 50; round += 1) {
      const key = `key${sent % 100}`;
      const value = `value ${sent}`;
      producer.send({ topic, key, value }, (error, metadata) => {
        if (metadata === null) failed.push(String(error));
        else expected.set(placeOf(metadata), `${key} ${value}`);
      });
      sent += 1;
    }
    await producer.drain();
    await sleep(2);
  }
  await faults;
  await producer.close();
  assert.deepEqual(failed, []);
  // Nobody else writes, so that every place is known after a lost connection, too.
  assert.equal(expected.size, sent);
  const found = await stored(topic);
  assert.equal(found.size, sent);
  for (const [place, entry] of found) assert.equal(expected.get(place), entry, place);
  const last = new Map<string, number>();
  for (const entry of found.values()) {
    const [key = '', , number = ''] = entry.split(' ');
    assert.ok(Number(number) > (last.get(key) ?? -1), `${key}: ${number} is in order`);
    last.set(key, Number(number));
  }
});
