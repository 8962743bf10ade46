/**
 * Keys and values as bytes, the same bytes as Kafka's Java serializers make.
 * Source: org.apache.kafka.common.serialization.
 */
import { isPromise } from 'node:util/types';
import type { RecordPart } from '../kafka/record-writer.ts';
import { IllegalArgumentError, SerializationError } from './errors.ts';
import { checkHeaders, INT32_MAX, isBytes, kindOf, type Headers } from './record.ts';

/** Bytes; or text, whose UTF-8 is written straight into the batch without bytes of its own; or null, which is no key and a tombstone. */
export type Serialized = RecordPart;

/**
 * Turns a key or value into what is sent. Called once for each record, never with null or undefined: those are null already.
 * May add to `headers`. What it throws, or rejects with, becomes the SerializationError of that record, and nothing is sent.
 * The bytes must stay as they are until `send` has returned, or, where there is a promise, until its turn has come.
 */
export type Serializer<T> = (
  value: T,
  topic: string,
  headers: Headers,
) => Serialized | Promise<Serialized>;

/** What a serializer takes: `TypeOf<typeof serializers.int64>` is bigint. */
export type TypeOf<S> = S extends Serializer<infer T> ? T : never;

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const INT32_MIN = -(2 ** 31);

/** What Java's doubleToLongBits makes of every NaN. */
const CANONICAL_NAN = [0x7f, 0xf8, 0, 0, 0, 0, 0, 0];

/**
 * Text as UTF-8: Kafka's StringSerializer. Half a surrogate pair alone, which is no character, becomes U+FFFD (Java writes `?`).
 */
function string(value: string): string {
  if (typeof value !== 'string') throw notA('text', value);
  return value;
}

/** Bytes as they are, Buffers too: Kafka's ByteArraySerializer. */
function bytes(value: Uint8Array): Uint8Array {
  if (!isBytes(value)) throw notA('a Uint8Array', value);
  return value;
}

/** Text as UTF-8, bytes as they are: for producers that are given no serializer. */
function textOrBytes(value: Uint8Array | string): Uint8Array | string {
  if (typeof value !== 'string' && !isBytes(value)) throw notA('text or a Uint8Array', value);
  return value;
}

/** Four bytes, big-endian: Kafka's IntegerSerializer. */
function int32(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < INT32_MIN || value > INT32_MAX) {
    throw notA(`an integer from ${INT32_MIN} to ${INT32_MAX}`, value);
  }
  const written = Buffer.allocUnsafe(4);
  written.writeInt32BE(value);
  return written;
}

/** Eight bytes, big-endian: Kafka's LongSerializer. */
function int64(value: bigint): Uint8Array {
  if (typeof value !== 'bigint') throw notA('a bigint, such as 5n', value);
  if (BigInt.asIntN(64, value) !== value) throw notA('a bigint of 64 bits', value);
  const written = Buffer.allocUnsafe(8);
  written.writeBigInt64BE(value);
  return written;
}

/** Eight bytes, IEEE 754, big-endian: Kafka's DoubleSerializer. */
function float64(value: number): Uint8Array {
  if (typeof value !== 'number') throw notA('a number', value);
  if (Number.isNaN(value)) return Buffer.from(CANONICAL_NAN);
  const written = Buffer.allocUnsafe(8);
  written.writeDoubleBE(value);
  return written;
}

/** The text of a UUID, 36 characters in lower case: Kafka's UUIDSerializer. */
function uuid(value: string): string {
  if (typeof value !== 'string' || !UUID.test(value)) {
    throw notA('a UUID, 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12', value);
  }
  return value.toLowerCase();
}

/** For keys or values that are always null: Kafka's VoidSerializer. */
function nothing(value: null): null {
  throw notA('null', value);
}

/** JSON as UTF-8, as Kafka's JsonSerializer of Connect and everyone else writes it. */
function json(value: unknown): string {
  // Undefined for functions and symbols, whatever its type says.
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw notA('a value that JSON knows', value);
  return text;
}

/**
 * The serializers that come with millrace. Any function of type `Serializer` is one.
 *
 *     new Producer({ 'key.serializer': serializers.int64, 'value.serializer': serializers.json })
 */
export const serializers = {
  string,
  bytes,
  textOrBytes,
  int32,
  int64,
  float64,
  uuid,
  void: nothing,
  json,
} as const satisfies Record<string, Serializer<never>>;

const ours = new Set<unknown>(Object.values(serializers));

/** One that comes with millrace: it gives no promise, looks at nothing but the value, and may be asked twice. */
export function isOurs(serializer: unknown): boolean {
  return ours.has(serializer);
}

/** Which of the two it is, for the error. */
type SerializedPart = 'key' | 'value';

/**
 * What a key or value becomes. A promise only when the serializer gives one.
 *
 * @param headers of the record; the serializer may add to them
 * @throws {SerializationError} at once, or the promise rejects with it
 */
export function serialize<T>(
  serializer: Serializer<T>,
  datum: T | null | undefined,
  part: SerializedPart,
  topic: string,
  headers: Headers,
): Serialized | Promise<Serialized> {
  if (datum === null || datum === undefined) return null;
  let made: unknown;
  try {
    made = serializer(datum, topic, headers);
    if (isThenable(made)) {
      const later = serializedLater(made, part, topic, headers);
      // Nobody waits for it where the other part has failed at once.
      later.catch(() => undefined);
      return later;
    }
    checkHeaders(headers, topic);
  } catch (cause) {
    throw failed(part, topic, cause);
  }
  return checked(made, part, topic);
}

async function serializedLater(
  made: PromiseLike<unknown>,
  part: SerializedPart,
  topic: string,
  headers: Headers,
): Promise<Serialized> {
  let settled: unknown;
  try {
    settled = await made;
    checkHeaders(headers, topic);
  } catch (cause) {
    throw failed(part, topic, cause);
  }
  return checked(settled, part, topic);
}

function checked(made: unknown, part: SerializedPart, topic: string): Serialized {
  if (typeof made === 'string' || made === null || isBytes(made)) return made;
  throw new SerializationError(
    `the ${part} of a record for ${topic}: the serializer gave ${kindOf(made)}; it must give bytes, text or null`,
    { topic, fate: 'notSent' },
  );
}

function isThenable(made: unknown): made is PromiseLike<unknown> {
  if (isPromise(made)) return true;
  return (
    typeof made === 'object' && made !== null && 'then' in made && typeof made.then === 'function'
  );
}

function failed(part: SerializedPart, topic: string, cause: unknown): SerializationError {
  const why = cause instanceof Error ? cause.message : kindOf(cause);
  return new SerializationError(`the ${part} of a record for ${topic}: ${why}`, {
    topic,
    fate: 'notSent',
    cause,
  });
}

function notA(wanted: string, value: unknown): IllegalArgumentError {
  return new IllegalArgumentError(`it has to be ${wanted}, not ${kindOf(value)}`);
}
