import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { answerPartition } from '../../src/broker/faults.ts';
import { embeddedCluster, values } from '../support/embedded-cluster.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { newProducer } from './scene.ts';

const MB = 2 ** 20;
const MEMORY = { 'buffer.memory': 14 * MB, 'max.block.records': 1_000_000 };

/** Does not shrink. */
const PADDING = randomBytes(400_000).toString('base64');

/** What says which record it is, however long it is made. */
function numbered(number: number, bytes: number): string {
  const from = (number * 7919) % (PADDING.length - bytes);
  return `${number} ${PADDING.slice(from, from + bytes)}`;
}

function numbersOf(texts: readonly string[]): number[] {
  return texts.map((text) => parseInt(text, 10));
}

for (const codec of ['none', 'lz4'] as const) {
  test(`a partition that takes nothing fills the memory, and stops no other: ${codec}`, async (t) => {
    const cluster = await embeddedCluster(t, { topics: { logs: 2, other: 1 } });
    const producer = newProducer(t, cluster, { ...MEMORY, 'compression.type': codec });
    const heal = cluster.control('Produce', () =>
      answerPartition('logs', 0, 'NOT_LEADER_OR_FOLLOWER'),
    );

    const stuck: Promise<unknown>[] = [];
    for (let number = 0; number < 8000; number += 1) {
      stuck.push(producer.send({ topic: 'logs', partition: 0, value: numbered(number, 5 * 1024) }));
      if (number % 500 === 0) await new Promise(setImmediate);
    }
    for (let number = 0; number < 50; number += 1) {
      const value = numbered(number, 1000);
      const places = [{ topic: 'logs', partition: 1 }, { topic: 'other' }];
      await Promise.all(places.map((place) => producer.send({ ...place, value })));
    }
    assert.ok(producer.metrics().recordsWaiting > 0, 'the memory was full all the time');
    assert.deepEqual(values(cluster, 'logs', 0), []);

    heal();
    await Promise.all(stuck);
    assert.deepEqual(numbersOf(values(cluster, 'logs', 0)), [...stuck.keys()]);
    assert.equal(values(cluster, 'logs', 1).length, 50);
    assert.equal(values(cluster, 'other', 0).length, 50);
  });
}

test('who waits for room stays in its partition, and overtakes nobody in another', async (t) => {
  let partition = 0;
  const cluster = await embeddedCluster(t, { topics: { logs: 2 } });
  const config = { ...MEMORY, 'partitioner.class': () => partition };
  const producer = newProducer(t, cluster, config);
  const heal = cluster.control('Produce', () =>
    answerPartition('logs', 0, 'NOT_LEADER_OR_FOLLOWER'),
  );
  const ends: Promise<unknown>[] = [];
  const send = (number: number): number =>
    ends.push(producer.send({ topic: 'logs', value: numbered(number, 5 * 1024) }));

  for (let number = 0; number < 4000; number += 1) send(number);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(producer.metrics().recordsWaiting > 0);
  partition = 1;
  send(4000);
  await ends.at(-1);
  heal();
  await Promise.all(ends);
  assert.deepEqual(numbersOf(values(cluster, 'logs', 1)), [4000]);
  assert.deepEqual(numbersOf(values(cluster, 'logs', 0)), [...Array(4000).keys()]);
});

test('without room each partition keeps its order, whichever of them gets room first', async (t) => {
  const partitions = [0, 1, 2, 3, 4, 5];
  const random = seededRandom(5);
  const cluster = await embeddedCluster(t, { topics: { logs: partitions.length } });
  const producer = newProducer(t, cluster, MEMORY);
  const ill = new Set<number>();
  cluster.control('Produce', () => {
    const [partition] = ill;
    if (partition === undefined) return undefined;
    return answerPartition('logs', partition, 'NOT_LEADER_OR_FOLLOWER');
  });

  const sent = partitions.map(() => 0);
  const ends: Promise<unknown>[] = [];
  for (let round = 0; round < 2000; round += 1) {
    if (round % 100 === 0) {
      ill.clear();
      if (round < 1900) ill.add(Math.floor(random() * partitions.length));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const partition = Math.floor(random() * partitions.length);
    const bytes = random() < 0.1 ? 300_000 : Math.floor(random() * 20_000);
    const number = sent[partition] ?? 0;
    sent[partition] = number + 1;
    ends.push(producer.send({ topic: 'logs', partition, value: numbered(number, bytes) }));
  }
  ill.clear();
  await Promise.all(ends);
  for (const partition of partitions) {
    const numbers = numbersOf(values(cluster, 'logs', partition));
    assert.deepEqual(numbers, [...Array(sent[partition]).keys()], `partition ${partition}`);
  }
});
