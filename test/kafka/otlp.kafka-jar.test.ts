/** Pushed metrics, read back by the protobuf classes and codecs inside the Java client. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecs, createCompressor, type CodecName } from '../../src/kafka/compression.ts';
import { encodeMetrics, type Measurement, type MetricsTime } from '../../src/kafka/otlp.ts';
import type { DumpedMetric } from '../support/dumped-metric.ts';
import { runJava } from './java-source.ts';

/** What Java finds in each of the payloads. */
async function readByJava(
  payloads: readonly (readonly [codec: number, bytes: Uint8Array])[],
): Promise<DumpedMetric[][]> {
  const input = payloads.map(
    ([codec, bytes]) => `${codec} ${Buffer.from(bytes).toString('hex')}\n`,
  );
  const text = await runJava('MetricsDump.java', [], input.join(''));
  return text
    .split(/^\.\n/m)
    .slice(0, -1)
    .map((dump) =>
      dump
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as DumpedMetric),
    );
}

const time: MetricsTime = { atMs: 1_700_000_123_456, sinceMs: 1_700_000_000_000, delta: false };

const some: Measurement[] = [
  { name: 'org.apache.kafka.producer.request.total', kind: 'total', value: 12_345_678_901 },
  {
    name: 'org.apache.kafka.producer.node.request.latency.avg',
    kind: 'gauge',
    value: 0.125,
    attributes: { node_id: 'node-1', other: 'ü€' },
  },
];

test('Java reads names, values, times, tags and labels as they were written', async () => {
  const labels = { client_rack: 'zone-ä' };
  const many = Array.from({ length: 300 }, (_, n): Measurement => {
    return { name: `metric.${'x'.repeat(n)}`, kind: 'gauge', value: -n / 3 };
  });
  const [cumulative, delta, long, none] = await readByJava([
    [0, encodeMetrics(some, labels, time)],
    [0, encodeMetrics(some, {}, { ...time, delta: true })],
    [0, encodeMetrics(many, {}, time)],
    [0, encodeMetrics([], labels, time)],
  ]);
  const atNs = '1700000123456000000';
  const total = { name: some[0]?.name, value: 12_345_678_901, tags: {}, atNs };
  const gauge = {
    ...{ name: some[1]?.name, kind: 'gauge', value: 0.125, atNs, sinceNs: '0' },
    tags: { node_id: 'node-1', other: 'ü€' },
  };
  const sinceNs = '1700000000000000000';
  assert.deepEqual(cumulative, [
    { ...total, kind: 'cumulative', sinceNs, labels },
    { ...gauge, labels },
  ]);
  assert.deepEqual(delta, [
    { ...total, kind: 'delta', sinceNs, labels: {} },
    { ...gauge, labels: {} },
  ]);
  assert.deepEqual(
    long?.map(({ name, value }) => [name, value]),
    many.map(({ name, value }) => [name, value]),
  );
  assert.deepEqual(none, []);
});

test('Java unpacks every codec that a broker may ask for', async () => {
  const plain = encodeMetrics(some, {}, time);
  const names = Object.keys(codecs) as CodecName[];
  const dumped = await readByJava(
    names.map((name) => [codecs[name], createCompressor(name).compress(plain)]),
  );
  assert.equal(dumped.length, names.length);
  dumped.forEach((metrics, n) => {
    assert.deepEqual(
      metrics.map(({ name }) => name),
      some.map(({ name }) => name),
      names[n],
    );
  });
});
