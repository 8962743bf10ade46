/** What the library counts: one table, from which `Producer.metrics()`, its type and its documentation are made. */

interface ProducerMetric {
  /** A counter only grows, from 0 when the producer begins; a gauge is the present value. */
  readonly kind: 'counter' | 'gauge';
  readonly unit: 'records' | 'batches' | 'requests' | 'connections' | 'bytes' | 'ms';
  readonly doc: string;
}

function counter(unit: ProducerMetric['unit'], doc: string): ProducerMetric {
  return { kind: 'counter', unit, doc };
}

function gauge(unit: ProducerMetric['unit'], doc: string): ProducerMetric {
  return { kind: 'gauge', unit, doc };
}

export const producerMetrics = {
  recordsSent: counter('records', 'given to `send`'),
  recordsAcked: counter('records', 'that Kafka has, as far as `acks` asks'),
  recordsFailed: counter('records', 'that were refused, gave an error, or were not known in time'),
  recordsWaiting: gauge('records', 'that wait for their topic or for memory'),
  batchesSent: counter('batches', 'in Produce requests, each time that they are sent'),
  requestsSent: counter('requests', 'to brokers, of any kind'),
  requestsInFlight: gauge('requests', 'of Produce without an answer yet'),
  connectionsOpen: gauge('connections', 'to brokers'),
  networkBytesSent: counter('bytes', 'written to brokers'),
  networkBytesReceived: counter('bytes', 'read from brokers'),
  produceThrottleTimeAvgMs: gauge(
    'ms',
    'that brokers asked to wait in an answer to Produce (quota), on average over all of them',
  ),
  produceThrottleTimeMaxMs: gauge('ms', 'the longest of these'),
  bufferBytesTotal: gauge('bytes', 'of memory for records: most of `buffer.memory`'),
  bufferBytesFree: gauge('bytes', 'of it that hold nothing'),
} as const satisfies Readonly<Record<string, ProducerMetric>>;

export type ProducerMetricName = keyof typeof producerMetrics;

/** The table as lines of Markdown. */
export function producerMetricsTable(): string {
  const rows = Object.entries(producerMetrics).map(
    ([name, { kind, unit, doc }]) => `| \`${name}\` | ${kind} | ${unit} | ${doc} |`,
  );
  return ['| name | kind | unit | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
