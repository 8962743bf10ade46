/**
 * What goes into `send`, and what comes out of it.
 * Source: org.apache.kafka.clients.producer.ProducerRecord, RecordMetadata; KIP-82 (headers), KIP-32 (timestamps).
 */
import { isUint8Array } from 'node:util/types';
import { UNASSIGNED_PARTITION } from '../accumulate/producer-batch.ts';
import type { Acked } from '../ack/produce-outcome.ts';
import type { RecordPart } from '../kafka/record-writer.ts';
import { TOPIC_NAME_RULE, topicNameFault } from '../shared/topic-name.ts';
import { IllegalArgumentError, InvalidTopicError, type KafkaError } from './errors.ts';

/** Bytes as they are, text as its UTF-8, or null. */
export type HeaderValue = RecordPart;
export type Header = readonly [name: string, value: HeaderValue];

/** The headers of one record while it is sent: in order, names may repeat. Interceptors and serializers may add to it. */
export type Headers = Header[];

/** A header's value as a caller may write it: undefined is null. */
export type HeaderValueInput = HeaderValue | undefined;

/**
 * Headers as a caller may write them: pairs (an array, a Map), or an object, where an array of values repeats the name.
 *
 *     headers: [['trace', id], ['trace', parent], ['flag', null]]
 *     headers: { trace: [id, parent], flag: null }
 */
export type HeadersInput =
  | Iterable<readonly [name: string, value: HeaderValueInput]>
  | Readonly<Record<string, HeaderValueInput | readonly HeaderValueInput[]>>;

/** Of a record that has none. */
export const noHeaders: Headers = [];

/** One record to send. The types of key and value follow from the serializers. */
export interface ProducerRecord<K = Uint8Array | string, V = Uint8Array | string> {
  readonly topic: string;
  /** From 0. Left out or null: the partitioner chooses. */
  readonly partition?: number | null | undefined;
  /** Left out or null: the record has none. */
  readonly key?: K | null | undefined;
  /** Left out or null: a tombstone, which deletes the key in a compacted topic. */
  readonly value?: V | null | undefined;
  readonly headers?: HeadersInput | null | undefined;
  /** Milliseconds since 1970. Left out or null: the time of `send`. On a LogAppendTime topic the broker writes its own over it. */
  readonly timestamp?: number | null | undefined;
}

/** A record that its sender may change. */
export function ownRecord<K, V>(record: ProducerRecord<K, V>): ProducerRecord<K, V> {
  const { topic, partition, key, value, headers, timestamp } = record;
  return { topic, partition, key, value, headers, timestamp };
}

/** What a refused record says of its place. Callers without types send anything, and reading it may throw. */
export function placeIn(record: unknown): {
  readonly topic: string;
  readonly partition?: number | null | undefined;
} {
  try {
    const { topic = '', partition } = (record ?? {}) as Partial<ProducerRecord<unknown, unknown>>;
    return { topic, partition };
  } catch {
    return { topic: '' };
  }
}

/** Where a record is. */
export interface RecordMetadata {
  readonly topic: string;
  /** -1 when it failed before it had one. */
  readonly partition: number;
  /** -1n when the broker did not say: with acks=0, when it failed, or when a repeated batch is known to be there and its place is not. */
  readonly offset: bigint;
  /** Milliseconds since 1970: of the record, or of the append on a LogAppendTime topic. -1 when it failed. */
  readonly timestamp: number;
  /** Bytes; -1 for a null key, and when it failed. */
  readonly serializedKeySize: number;
  /** Bytes; -1 for a null value, and when it failed. */
  readonly serializedValueSize: number;
}

/** What is told of the end of a record: exactly one of the two is null. */
export type DeliveryCallback = (error: KafkaError | null, metadata: RecordMetadata | null) => void;

/**
 * Checks topic names, each once.
 *
 * @returns what throws IllegalArgumentError when a name is no text, InvalidTopicError when Kafka allows no such name
 */
export function topicChecker(): (topic: unknown) => void {
  const checked = new Set<unknown>();
  return (topic) => {
    if (checked.has(topic)) return;
    checkTopic(topic);
    checked.add(topic);
  };
}

/**
 * Checks a topic name.
 *
 * @throws {IllegalArgumentError} when it is no text
 * @throws {InvalidTopicError} when Kafka allows no such name
 */
export function checkTopic(topic: unknown): void {
  if (typeof topic !== 'string') {
    throw new IllegalArgumentError(
      `topic: a record needs the name of its topic, as text; this one has ${kindOf(topic)}`,
      { fate: 'notSent' },
    );
  }
  const fault = topicNameFault(topic);
  if (fault === undefined) return;
  throw new InvalidTopicError(`topic ${shown(topic)}: ${fault}; Kafka allows ${TOPIC_NAME_RULE}`, {
    topic,
    fate: 'notSent',
  });
}

/**
 * Checks what types cannot: JavaScript callers have none. Topic and headers are checked by `checkTopic` and `headersOf`.
 *
 * @throws {IllegalArgumentError}
 */
export function checkRecord(record: ProducerRecord<unknown, unknown>): void {
  // Callers without types send anything.
  const given: unknown = record;
  if (typeof given !== 'object' || given === null) {
    throw new IllegalArgumentError(
      `a record is an object such as { topic, key, value }, not ${kindOf(given)}`,
      { fate: 'notSent' },
    );
  }
  const { partition, timestamp } = record;
  if (!isInt32Count(partition ?? 0)) {
    const fix = `write an integer from 0 to ${INT32_MAX}, or leave it out`;
    throw refused(record, 'partition', partition, fix);
  }
  if (record.value === undefined && 'messages' in record) {
    const fix = 'await producer.sendAll(messages.map((message) => ({ topic, ...message })))';
    throw refused(record, 'messages', record.messages, `a record is one message: ${fix}`);
  }
  if (!isCount(timestamp ?? 0)) {
    const fix = 'write whole milliseconds since 1970 as a number, or leave it out';
    throw refused(record, 'timestamp', timestamp, fix);
  }
}

/**
 * The headers of a record, in a list of their own.
 *
 * @throws {IllegalArgumentError}
 */
export function headersOf({ headers, topic }: ProducerRecord<unknown, unknown>): Headers {
  if (headers === undefined || headers === null) return [];
  const given: unknown = headers;
  if (typeof given !== 'object' || given === null) {
    throw new IllegalArgumentError(
      `headers of a record for ${topic}: write pairs of name and value, or an object, not ${kindOf(given)}`,
      { topic, fate: 'notSent' },
    );
  }
  const list: Headers = [];
  if (isIterable(headers)) for (const pair of headers) list.push(checkPair(pair, topic));
  else for (const [name, value] of Object.entries(headers)) addValues(list, name, value, topic);
  return list;
}

/**
 * Checks headers that others had in their hands, and makes null of what is undefined.
 *
 * @throws {IllegalArgumentError}
 */
export function checkHeaders(headers: Headers, topic: string): void {
  for (let at = 0; at < headers.length; at += 1) {
    const header = checkPair(headers[at], topic);
    if (headers[at]?.[1] === undefined) headers[at] = header;
  }
}

/** Metadata of the record at `index` of an acknowledged batch. */
export function metadataOf(
  { topic, partition, baseOffset, logAppendTimeMs }: Acked,
  index: number,
  sent: {
    readonly timestamp: number;
    readonly serializedKeySize: number;
    readonly serializedValueSize: number;
  },
): RecordMetadata {
  return {
    topic,
    partition,
    offset: baseOffset < 0n ? -1n : baseOffset + bigIndex(index),
    timestamp: logAppendTimeMs >= 0 ? logAppendTimeMs : sent.timestamp,
    serializedKeySize: sent.serializedKeySize,
    serializedValueSize: sent.serializedValueSize,
  };
}

/** Made once: to make a bigint of a number costs more than to add it. */
const bigIndexes: bigint[] = [];
const BIG_INDEXES_MAX = 16_384;

function bigIndex(index: number): bigint {
  if (index >= BIG_INDEXES_MAX) return BigInt(index);
  while (bigIndexes.length <= index) bigIndexes.push(BigInt(bigIndexes.length));
  return bigIndexes[index] ?? BigInt(index);
}

/** What callbacks and interceptors get beside an error. */
export function failedMetadata(topic: string, partition?: number | null): RecordMetadata {
  return {
    topic,
    partition: partition ?? UNASSIGNED_PARTITION,
    offset: -1n,
    timestamp: -1,
    serializedKeySize: -1,
    serializedValueSize: -1,
  };
}

/** What a value is, for messages about values of the wrong type. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return `the text ${shown(value)}`;
  if (isUint8Array(value) && !isBytes(value)) return 'bytes that were transferred away';
  if (typeof value === 'object') {
    return Array.isArray(value) ? 'an array' : `an object of ${className(value)}`;
  }
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
    return `the ${typeof value} ${String(value)}`;
  }
  return `a ${typeof value}`;
}

const SHOWN_CHARACTERS = 60;

function shown(text: string): string {
  return JSON.stringify(
    text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text,
  );
}

function className(value: object): string {
  const { constructor } = value;
  return typeof constructor === 'function' && constructor.name !== ''
    ? constructor.name
    : 'no class';
}

/** Bytes that are still there: what was transferred to a worker, say, can be read no more. */
export function isBytes(value: unknown): value is Uint8Array {
  return isUint8Array(value) && (value.byteLength > 0 || !isDetached(value));
}

/** Node 20 has no `ArrayBuffer.detached`. */
function isDetached({ buffer }: Uint8Array): boolean {
  try {
    return new Uint8Array(buffer).byteLength < 0;
  } catch {
    return true;
  }
}

export const INT32_MAX = 2 ** 31 - 1;

/** A whole number from 0 that Kafka's int32 holds: a partition, an epoch. */
export function isInt32Count(value: unknown): value is number {
  return isCount(value) && value <= INT32_MAX;
}

/** A whole number from 0 that a double holds exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function refused(
  { topic }: ProducerRecord<unknown, unknown>,
  field: string,
  value: unknown,
  fix: string,
): IllegalArgumentError {
  return new IllegalArgumentError(`${field} of a record for ${topic} is ${kindOf(value)}: ${fix}`, {
    topic,
    fate: 'notSent',
  });
}

export function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function addValues(list: Headers, name: string, value: unknown, topic: string): void {
  for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
    list.push(checkPair([name, one], topic));
  }
}

function checkPair(pair: unknown, topic: string): Header {
  const [name, value] = Array.isArray(pair) && pair.length === 2 ? (pair as unknown[]) : [];
  if (typeof name !== 'string') {
    throw new IllegalArgumentError(
      `headers of a record for ${topic}: each is a pair [name, value] with a text for a name, not ${kindOf(pair)}`,
      { topic, fate: 'notSent' },
    );
  }
  if (value === undefined || value === null) return [name, null];
  if (typeof value === 'string' || isBytes(value)) return [name, value];
  throw new IllegalArgumentError(
    `header ${shown(name)} of a record for ${topic} is ${kindOf(value)}: write bytes, text or null`,
    { topic, fate: 'notSent' },
  );
}
