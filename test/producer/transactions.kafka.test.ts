import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KafkaError } from '../../src/producer/errors.ts';
import { startKafka } from '../support/kafka-cluster.ts';
import type { KafkaCluster } from '../support/kafka-cluster.ts';
import { node24 } from '../support/project.ts';
import { until } from '../support/until.ts';
import { newProducer } from './scene.ts';

const PARTITIONS = 3;

let kafka: KafkaCluster;

before(async () => {
  kafka = await startKafka({ brokers: 3 });
  await kafka.createTopic('input', { partitions: PARTITIONS });
});
after(() => kafka.stop());

/** What Kafka's own consumer reads of committed records, by partition, in order. */
async function committed(topic: string): Promise<string[][]> {
  const text = await kafka.tool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
    ...['--bootstrap-server', kafka.bootstrap, '--topic', topic, '--from-beginning'],
    ...['--isolation-level', 'read_committed', '--timeout-ms', '10000'],
    ...['--property', 'print.partition=true', '--property', 'print.key=false'],
  ]);
  const lines = Array.from({ length: PARTITIONS }, (): string[] => []);
  for (const [, partition, value] of text.matchAll(/^Partition:(\d+)\t(.*)$/gm)) {
    lines[Number(partition)]?.push(value ?? '');
  }
  return lines;
}

test('brokers killed with -9 tear no transaction: its records and its offset are there, or none of them', async (t) => {
  await kafka.createTopic('torn', { partitions: PARTITIONS });
  const producer = newProducer(t, kafka, {
    ...{ 'transactional.id': 'torn', 'transaction.timeout.ms': 30_000 },
    ...{ 'request.timeout.ms': 5000, 'delivery.timeout.ms': 20_000, 'linger.ms': 1 },
  });
  await producer.initTransactions();
  const expected = Array.from({ length: PARTITIONS }, (): string[] => []);
  let offset = 0;
  let aborted = 0;
  for (let n = 1; n <= 60; n += 1) {
    const victim = 1 + (Math.trunc(n / 20) % 3);
    if (n % 20 === 5) await kafka.signal(victim, 'SIGKILL');
    if (n % 20 === 12) {
      await kafka.startNode(victim);
      await kafka.ready();
    }
    producer.beginTransaction();
    const values = Array.from({ length: 50 }, (_, index) => `${n}.${index}`);
    values.forEach((value, index) => {
      producer.send({ topic: 'torn', partition: index % PARTITIONS, value }, null);
    });
    try {
      const place = { topic: 'input', partition: 0, offset: n };
      await producer.sendOffsetsToTransaction([place], 'torn-readers');
      if (n % 7 === 3) await producer.abortTransaction();
      else {
        await producer.commitTransaction();
        offset = n;
        values.forEach((value, index) => expected[index % PARTITIONS]?.push(value));
      }
    } catch (error) {
      assert.ok(error instanceof KafkaError && error.next === 'abort', String(error));
      aborted += 1;
      await producer.abortTransaction();
    }
  }
  assert.deepEqual(await committed('torn'), expected);
  assert.equal((await kafka.committedOffsets('torn-readers', 'input'))[0], offset);
  t.diagnostic(`${aborted} transactions of 60 failed and were aborted`);
});

/** docs/examples/consume-process-produce.ts as a process of its own. */
function startExample(output: string): { readonly child: ChildProcess; said: () => string } {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const file = `../../docs/examples/consume-process-produce${extension}`;
  const program = fileURLToPath(new URL(file, import.meta.url));
  const args = [kafka.bootstrap, 'input', output, `${output}-group`, `${output}-1`];
  const child = spawn(node24, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (text += bytes.toString()));
  return { child, said: () => text };
}

test('consume, process, produce: each record once, whether the program or a broker is killed with -9', async (t) => {
  await kafka.createTopic('output', { partitions: PARTITIONS });
  const source = newProducer(t, kafka, { 'linger.ms': 5 });
  const sent = Array.from({ length: PARTITIONS }, (): string[] => []);
  const load = async (from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n += 1) {
      const value = `line ${n} of the input`;
      sent[n % PARTITIONS]?.push(value.toUpperCase());
      source.send({ topic: 'input', partition: n % PARTITIONS, value }, null);
    }
    await source.flush();
  };
  const isDone = async (): Promise<boolean> =>
    (await kafka.committedOffsets('output-group', 'input')).join() ===
    sent.map(({ length }) => length).join();

  await load(0, 6000);
  const first = startExample('output');
  t.after(() => first.child.kill('SIGKILL'));
  await until(
    async () => ((await kafka.committedOffsets('output-group', 'input'))[0] ?? 0) > 0,
    60_000,
  );
  first.child.kill('SIGKILL');
  await once(first.child, 'close');

  const second = startExample('output');
  t.after(() => second.child.kill('SIGKILL'));
  await load(6000, 3000);
  await kafka.signal(2, 'SIGKILL');
  await load(9000, 3000);
  await kafka.startNode(2);
  await kafka.ready();
  await load(12_000, 3000);
  await until(isDone, 180_000).catch((error: unknown) => {
    throw new Error(`the example said:\n${second.said()}`, { cause: error });
  });
  second.child.kill('SIGTERM');
  const [code] = (await once(second.child, 'close')) as [number | null];
  assert.equal(code, 0, second.said());
  assert.deepEqual(await committed('output'), sent);
});
