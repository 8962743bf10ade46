/**
 * Figures as OpenTelemetry's MetricsData in protobuf, which is what brokers take of clients.
 * Source: opentelemetry/proto/metrics/v1/metrics.proto (field numbers below), KIP-714.
 */

/** A figure at one moment. */
export interface Measurement {
  /** `org.apache.kafka.producer.request.total`. */
  readonly name: string;
  /** A total only grows, from the start of its time on; a gauge is what it is now. */
  readonly kind: 'gauge' | 'total';
  readonly value: number;
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface MetricsTime {
  /** Since the epoch, in ms. */
  readonly atMs: number;
  /** From when on totals count. */
  readonly sinceMs: number;
  /** Totals are what came since `sinceMs`, not since the beginning: said along with them. */
  readonly delta: boolean;
}

const TEMPORALITY_DELTA = 1;
const TEMPORALITY_CUMULATIVE = 2;
const NS_PER_MS = 1_000_000n;

/** @param labels of the client as a whole: `client_rack`, `transactional_id` */
export function encodeMetrics(
  measurements: readonly Measurement[],
  labels: Readonly<Record<string, string>>,
  time: MetricsTime,
): Uint8Array {
  const resource = nested(1, attributes(1, labels));
  const scope = nested(
    2,
    measurements.map((one) => nested(2, metric(one, time))),
  );
  return nested(1, [resource, scope]);
}

function metric(measurement: Measurement, time: MetricsTime): Uint8Array[] {
  const { name, kind, value, attributes: tags = {} } = measurement;
  const point = [
    ...attributes(7, tags),
    ...(kind === 'total' ? [fixed64(2, BigInt(time.sinceMs) * NS_PER_MS)] : []),
    fixed64(3, BigInt(time.atMs) * NS_PER_MS),
    double(4, value),
  ];
  if (kind === 'gauge') return [text(1, name), nested(5, [nested(1, point)])];
  const temporality = time.delta ? TEMPORALITY_DELTA : TEMPORALITY_CUMULATIVE;
  const sum = [nested(1, point), smallInt(2, temporality), smallInt(3, 1)];
  return [text(1, name), nested(7, sum)];
}

function attributes(field: number, tags: Readonly<Record<string, string>>): Uint8Array[] {
  return Object.entries(tags).map(([key, value]) => {
    return nested(field, [text(1, key), nested(2, [text(1, value)])]);
  });
}

// ---------------------------------------------------------------- protobuf

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_LENGTH = 2;

function nested(field: number, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([tag(field, WIRE_LENGTH), varint(bytes.byteLength), bytes]);
}

function text(field: number, value: string): Uint8Array {
  return nested(field, [Buffer.from(value)]);
}

function fixed64(field: number, value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return Buffer.concat([tag(field, WIRE_FIXED64), bytes]);
}

function double(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(field, WIRE_FIXED64), bytes]);
}

function smallInt(field: number, value: number): Uint8Array {
  return Buffer.concat([tag(field, WIRE_VARINT), varint(value)]);
}

function tag(field: number, wireType: number): Uint8Array {
  return varint((field << 3) | wireType);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
