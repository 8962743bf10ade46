/** What is counted: one table, from which the counters, their documentation and what shows them are made. */

export interface Metric {
  /** A counter only grows; a gauge is the present value. */
  readonly kind: 'counter' | 'gauge';
  readonly unit:
    'records' | 'bytes' | 'batches' | 'requests' | 'lines' | 'files' | 'connections' | 'chunks';
  readonly doc: string;
}

function counter(unit: Metric['unit'], doc: string): Metric {
  return { kind: 'counter', unit, doc };
}

function gauge(unit: Metric['unit'], doc: string): Metric {
  return { kind: 'gauge', unit, doc };
}

export const metrics = {
  inputBytes: counter('bytes', 'read from files, sockets and standard input'),
  inputSkippedBytes: counter(
    'bytes',
    'left out on purpose: rests of long lines, NUL bytes at the head of a truncated file',
  ),
  emptyLines: counter('lines', 'empty, and left out because empty.lines is skip'),
  longLines: counter('lines', 'over max.line.bytes: truncated, dropped, or cuts of split ones'),
  partialLines: counter(
    'lines',
    'without a newline at the end of their source, made records all the same',
  ),
  filesOpen: gauge('files', 'being followed'),
  filesTruncated: counter(
    'files',
    'found shorter than what was read of them, and read again from the start',
  ),
  connectionsOpen: gauge('connections', 'of writers on the Unix sockets'),
  connectionsRefused: counter(
    'connections',
    'of writers, because there were too many or the process may open no more files',
  ),

  chunksEncoded: counter('chunks', 'of lines encoded, by workers or on the main thread'),
  chunksEncodedOnMain: counter(
    'chunks',
    'of these, encoded on the main thread because they were small',
  ),
  recordsEncoded: counter('records', 'made of lines'),
  batchesEncoded: counter('batches', 'sealed'),
  rawBytes: counter('bytes', 'of batches before compression'),
  batchBytes: counter('bytes', 'of batches after compression'),

  requestsSent: counter('requests', 'to brokers, of any kind'),
  produceRequestsSent: counter('requests', 'with batches'),
  requestsInFlight: gauge('requests', 'without an answer yet'),
  networkBytesSent: counter('bytes', 'written to brokers'),
  networkBytesReceived: counter('bytes', 'read from brokers'),
  brokerConnections: gauge('connections', 'to brokers'),
  batchesRetried: counter('batches', 'sent again'),
  batchesSplit: counter('batches', 'cut into smaller ones because a broker found them too large'),

  recordsAcked: counter('records', 'that Kafka has, by the answer of a broker'),
  recordsDuplicate: counter(
    'records',
    'of these, in batches that the broker had already, and did not write again',
  ),
  bytesAcked: counter('bytes', 'of batches that Kafka has'),
  batchesAcked: counter('batches', 'that Kafka has'),
  recordsRejected: counter('records', 'refused by a broker for good'),
  recordsExpired: counter('records', 'given up after delivery.timeout.ms'),
  recordsAbandoned: counter('records', 'not delivered when the daemon stopped'),
  bytesInFlight: gauge('bytes', 'of memory between reading and acknowledgement'),
  lagBytes: gauge('bytes', 'in followed files that are not acknowledged yet'),
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof metrics;

/** Plain numbers, exact up to 2^53. Whoever does the thing adds to its counter. */
export type Counters = Record<MetricName, number>;

export function createCounters(): Counters {
  return Object.fromEntries(Object.keys(metrics).map((name) => [name, 0])) as Counters;
}
