/** Averages, maxima and rates of the last while, as the Java client's metrics.sample.window.ms makes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ProducerMeters,
  WindowedStat,
  type MeterReadings,
} from '../../../src/send/producer-meters.ts';

const nothing: MeterReadings = {
  ...{ connectionsOpen: 0, requestsSent: 0, requestsInFlight: 0, bytesSent: 0, bytesReceived: 0 },
  ...{ bufferBytesTotal: 0, bufferBytesFree: 0 },
};

/** What KIP-714 requires of every producer. */
const required = [
  ...['connection.creation.rate', 'connection.creation.total'],
  ...['node.request.latency.avg', 'node.request.latency.max'],
  ...['produce.throttle.time.avg', 'produce.throttle.time.max'],
  ...['record.queue.time.avg', 'record.queue.time.max'],
];

test('mean, maximum and rate are those of the last 30 to 60 seconds', () => {
  const stat = new WindowedStat();
  assert.equal(stat.read(0), undefined);
  for (const [ms, value] of [
    [0, 10],
    [10_000, 20],
  ] as const) {
    stat.record(value, ms);
  }
  assert.deepEqual(stat.read(10_000), { mean: 15, max: 20, perSecond: 2 / 30 });
  stat.record(3, 40_000);
  assert.deepEqual(stat.read(40_000), { mean: 11, max: 20, perSecond: 3 / 40 });
  assert.deepEqual(stat.read(61_000), { mean: 3, max: 3, perSecond: 1 / 30 });
  assert.equal(stat.read(101_000), undefined);
});

test('all figures that KIP-714 requires are there once there is something to tell, under their names', () => {
  const meters = new ProducerMeters();
  meters.connected(0);
  meters.batchSent(10, 7, 0);
  meters.answered(1, 4, 0, 10);
  meters.answered(2, 8, 100, 20);
  const read = meters.read(nothing, 1000);
  const names = new Set(read.map(({ name }) => name));
  for (const name of required) assert.ok(names.has(`org.apache.kafka.producer.${name}`), name);
  const latencies = read.filter(({ name }) => name.endsWith('node.request.latency.max'));
  assert.deepEqual(
    latencies.map(({ value, attributes }) => [attributes, value]),
    [
      [{ node_id: 'node-1' }, 4],
      [{ node_id: 'node-2' }, 8],
    ],
  );
  const valueOf = (name: string): number | undefined =>
    read.find((one) => one.name === `org.apache.kafka.producer.${name}`)?.value;
  assert.equal(valueOf('produce.throttle.time.avg'), 50);
  assert.equal(valueOf('record.queue.time.max'), 7);
  assert.equal(valueOf('record.send.total'), 10);
  assert.equal(valueOf('connection.creation.total'), 1);
});

test('totals are of kind total, all else is a gauge', () => {
  const meters = new ProducerMeters();
  meters.recordsFailed(3);
  for (const { name, kind } of meters.read(nothing, 0)) {
    assert.equal(kind, name.endsWith('.total') ? 'total' : 'gauge', name);
  }
});
