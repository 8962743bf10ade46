/**
 * Figures of the producer that its brokers may ask for, under Kafka's names.
 * Source: KIP-714, "Standard producer metrics"; org.apache.kafka.clients.producer.internals.SenderMetricsRegistry.
 */
import type { Measurement } from '../kafka/otlp.ts';

const PREFIX = 'org.apache.kafka.producer';
/** metrics.sample.window.ms and metrics.num.samples of the Java client: averages and maxima are those of the last 30 to 60 s. */
const WINDOW_MS = 30_000;

interface Sample {
  readonly startMs: number;
  count: number;
  sum: number;
  max: number;
}

/** Mean, maximum and rate of the last while. */
export class WindowedStat {
  #now: Sample | undefined;
  #before: Sample | undefined;

  record(value: number, nowMs: number): void {
    this.#turn(nowMs);
    this.#now ??= { startMs: nowMs, count: 0, sum: 0, max: -Infinity };
    this.#now.count += 1;
    this.#now.sum += value;
    this.#now.max = Math.max(this.#now.max, value);
  }

  /** Undefined when there was nothing in the window. */
  read(nowMs: number): { mean: number; max: number; perSecond: number } | undefined {
    this.#turn(nowMs);
    const samples = [this.#before, this.#now].filter((one) => one !== undefined);
    const first = samples[0];
    if (first === undefined) return undefined;
    const count = samples.reduce((total, one) => total + one.count, 0);
    const sum = samples.reduce((total, one) => total + one.sum, 0);
    // As in Java, a window that has only begun counts as a whole one: a single event is no high rate.
    const spanMs = Math.max(WINDOW_MS, nowMs - first.startMs);
    const max = Math.max(...samples.map((one) => one.max));
    return { mean: sum / count, max, perSecond: (count * 1000) / spanMs };
  }

  #turn(nowMs: number): void {
    if (this.#now !== undefined && nowMs - this.#now.startMs >= WINDOW_MS) {
      this.#before = this.#now;
      this.#now = undefined;
    }
    if (this.#before !== undefined && nowMs - this.#before.startMs >= 2 * WINDOW_MS) {
      this.#before = undefined;
    }
  }
}

/** What is measured elsewhere, at the moment of reading. */
export interface MeterReadings {
  readonly connectionsOpen: number;
  readonly requestsSent: number;
  readonly requestsInFlight: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly bufferBytesTotal: number;
  readonly bufferBytesFree: number;
}

export class ProducerMeters {
  readonly #latencies = new Map<number, WindowedStat>();
  readonly #throttles = new WindowedStat();
  readonly #queueTimes = new WindowedStat();
  readonly #connections = new WindowedStat();
  #connectionsMade = 0;
  #recordsSent = 0;
  #recordsFailed = 0;

  connected(nowMs: number): void {
    this.#connectionsMade += 1;
    this.#connections.record(1, nowMs);
  }

  /** @param queuedMs from its first record to this request */
  batchSent(recordCount: number, queuedMs: number, nowMs: number): void {
    this.#recordsSent += recordCount;
    this.#queueTimes.record(queuedMs, nowMs);
  }

  recordsFailed(count: number): void {
    this.#recordsFailed += count;
  }

  /** Produce was answered. */
  answered(node: number, latencyMs: number, throttleMs: number, nowMs: number): void {
    const known = this.#latencies.get(node) ?? new WindowedStat();
    this.#latencies.set(node, known);
    known.record(latencyMs, nowMs);
    this.#throttles.record(throttleMs, nowMs);
  }

  /** Those that KIP-714 requires come first. What had no event lately is left out. */
  read(readings: MeterReadings, nowMs: number): Measurement[] {
    return [
      gauge('connection.creation.rate', this.#connections.read(nowMs)?.perSecond ?? 0),
      total('connection.creation.total', this.#connectionsMade),
      ...spread('produce.throttle.time', this.#throttles, nowMs),
      ...spread('record.queue.time', this.#queueTimes, nowMs),
      ...[...this.#latencies].flatMap(([node, stat]) =>
        spread('node.request.latency', stat, nowMs, { node_id: `node-${String(node)}` }),
      ),
      gauge('connection.count', readings.connectionsOpen),
      total('record.send.total', this.#recordsSent),
      total('record.error.total', this.#recordsFailed),
      total('request.total', readings.requestsSent),
      gauge('requests.in.flight', readings.requestsInFlight),
      total('outgoing.byte.total', readings.bytesSent),
      total('incoming.byte.total', readings.bytesReceived),
      gauge('buffer.total.bytes', readings.bufferBytesTotal),
      gauge('buffer.available.bytes', readings.bufferBytesFree),
    ];
  }
}

function gauge(name: string, value: number): Measurement {
  return { name: `${PREFIX}.${name}`, kind: 'gauge', value };
}

function total(name: string, value: number): Measurement {
  return { name: `${PREFIX}.${name}`, kind: 'total', value };
}

function spread(
  name: string,
  stat: WindowedStat,
  nowMs: number,
  attributes: Readonly<Record<string, string>> = {},
): Measurement[] {
  const read = stat.read(nowMs);
  if (read === undefined) return [];
  return [
    { ...gauge(`${name}.avg`, read.mean), attributes },
    { ...gauge(`${name}.max`, read.max), attributes },
  ];
}
