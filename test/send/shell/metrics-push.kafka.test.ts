/** Metrics push against a real Kafka with a receiver of client metrics: a plug-in in Java, which reads them with Kafka's own classes. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Producer } from '../../../src/index.ts';
import type { DumpedMetric } from '../../support/dumped-metric.ts';
import { startKafka, type KafkaCluster } from '../../support/kafka-cluster.ts';
import { kafkaJars } from '../../support/kafka-jars.ts';
import { projectRoot } from '../../support/project.ts';
import { until } from './sending.ts';

/** One push, as the receiver writes it. */
interface Push {
  readonly client: string;
  readonly instance: string;
  readonly isLast: boolean;
  readonly metrics: readonly DumpedMetric[];
}

const PREFIX = 'org.apache.kafka.producer.';
const folder = mkdtempSync(join(tmpdir(), 'millrace-metrics-'));
const file = join(folder, 'pushes.jsonl');
let kafka: KafkaCluster;

before(async () => {
  const { classpath } = await kafkaJars();
  const sources = ['MetricsReceiver.java', 'MetricsDump.java'];
  const paths = sources.map((name) => join(projectRoot, 'test/golden', name));
  await promisify(execFile)('javac', ['-cp', classpath, '-d', folder, ...paths]);
  kafka = await startKafka({
    brokers: 1,
    plugins: folder,
    properties: { 'metric.reporters': 'MetricsReceiver', 'receiver.file': file },
  });
  await kafka.createTopic('logs', { partitions: 2 });
  await subscribeTo(PREFIX);
});
after(async () => {
  await kafka.stop();
  rmSync(folder, { recursive: true });
});

/** What the brokers ask of all clients from now on. The least interval that they allow is 100 ms. */
async function subscribeTo(metrics: string): Promise<void> {
  await kafka.tool('org.apache.kafka.tools.ClientMetricsCommand', [
    ...['--bootstrap-server', kafka.bootstrap, '--alter', '--name', 'all'],
    ...['--metrics', metrics, '--interval', '500'],
  ]);
}

function pushesOf(client: string): Push[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Push).filter((push) => push.client === client);
}

function valuesOf(push: Push | undefined): Map<string, number> {
  return new Map(
    push?.metrics.map(({ name, value }) => [name.slice(PREFIX.length), value] as const),
  );
}

test('Kafka takes our figures: at each interval, then the last ones at close, which are right', async () => {
  const producer = new Producer({
    ...{ 'bootstrap.servers': kafka.bootstrap, 'client.id': 'pusher', 'client.rack': 'zone-b' },
    'linger.ms': 0,
  });
  const RECORDS = 50;
  for (let n = 0; n < RECORDS; n++) await producer.send({ topic: 'logs', value: `value ${n}` });
  await until(() => pushesOf('pusher').length >= 2, 'two pushes');
  const instance = await producer.clientInstanceId(5000);
  await producer.send({ topic: 'logs', value: 'the last' });
  await producer.close();

  const pushes = pushesOf('pusher');
  assert.deepEqual(
    pushes.map(({ isLast }) => isLast),
    [...pushes.slice(1).map(() => false), true],
  );
  for (const push of pushes) assert.equal(push.instance, instance);
  const last = pushes.at(-1);
  const names = new Set(last?.metrics.map(({ name }) => name.slice(PREFIX.length)));
  for (const name of [
    ...['connection.creation.rate', 'connection.creation.total'],
    ...['node.request.latency.avg', 'node.request.latency.max'],
    ...['produce.throttle.time.avg', 'produce.throttle.time.max'],
    ...['record.queue.time.avg', 'record.queue.time.max'],
  ]) {
    assert.ok(names.has(name), name);
  }
  const latency = last?.metrics.find(({ name }) => name.endsWith('node.request.latency.avg'));
  assert.ok(latency !== undefined && latency.value > 0);
  assert.deepEqual(latency.tags, { node_id: 'node-1' });
  assert.deepEqual(latency.labels, { client_rack: 'zone-b' });

  // Kafka asks for deltas: together they are the whole.
  const totals = pushes.map((push) => valuesOf(push).get('record.send.total') ?? 0);
  assert.equal(
    totals.reduce((sum, one) => sum + one, 0),
    RECORDS + 1,
  );
  for (const push of pushes) {
    for (const { name, kind } of push.metrics) {
      assert.equal(kind, name.endsWith('.total') ? 'delta' : 'gauge', name);
    }
  }
});

test('the least that an operator asks for is all that is sent, and a change of mind is heard', async () => {
  await subscribeTo(`${PREFIX}request.total`);
  await using producer = new Producer({
    ...{ 'bootstrap.servers': kafka.bootstrap, 'client.id': 'asked-little' },
  });
  await producer.send({ topic: 'logs', value: 'x' });
  await until(() => pushesOf('asked-little').length >= 1, 'a push');
  const [first] = pushesOf('asked-little');
  assert.deepEqual([...valuesOf(first).keys()], ['request.total']);
  await subscribeTo(`${PREFIX}connection.count`);
  const heard = (): boolean =>
    pushesOf('asked-little').some((push) => valuesOf(push).has('connection.count'));
  await until(heard, 'the other figure');
});

test('with enable.metrics.push=false nothing is sent', async () => {
  const producer = new Producer({
    ...{ 'bootstrap.servers': kafka.bootstrap, 'client.id': 'silent' },
    'enable.metrics.push': false,
  });
  await producer.send({ topic: 'logs', value: 'x' });
  await sleep(1500);
  await producer.close();
  assert.deepEqual(pushesOf('silent'), []);
});
