/** From the configuration to what each stage is told: every number that the stages share is decided here, once. */
import { hostname } from 'node:os';
import type { LibraryConfig } from '../config/library-keys.ts';
import type { InputConfig, KafkaConfig } from '../config/schema.ts';
import { encodeFlags, RECORD_OVERHEAD_BYTES_MAX } from './encode/encode-task.ts';
import type { RouteHeader, RouteSpec } from './input/route.ts';
import type { CodecName } from './kafka/compression.ts';
import { BATCH_HEADER_BYTES } from './kafka/record-batch.ts';
import type { SenderConfig } from './send/sender-config.ts';
import { assert } from './shared/assert.ts';

/** Of a Produce request, what is not batches: header, topic name, array lengths, for one batch at least. */
const REQUEST_ROOM_BYTES = 1024;
/** Of an encoder's room for records: lines become longer by that. */
const RAW_FILL = 0.9;
/** Lines at most so much longer than `batch.size` become one batch when they are compressed; lines that shrink less become two. */
const COMPRESSED_FILL = 3;
/** Lines become records, which are longer: a chunk this much shorter than a batch leaves no sliver behind. */
const UNCOMPRESSED_FILL = 0.85;

/** Longest sealed batch, in bytes: alone in a request it fits. `batch.size` is the aim, but a record may be longer than that. */
export function batchBytesMax(kafka: KafkaConfig): number {
  return kafka.maxRequestSize - REQUEST_ROOM_BYTES;
}

/**
 * Longest chunk under backlog, in bytes.
 *
 * @param rawBytes an encoder's room for records before compression
 */
export function chunkBytesMax(kafka: KafkaConfig, codec: CodecName, rawBytes: number): number {
  const aim =
    codec === 'none'
      ? Math.floor(kafka.batchSize * UNCOMPRESSED_FILL)
      : COMPRESSED_FILL * kafka.batchSize;
  return Math.min(Math.floor(RAW_FILL * rawBytes), aim);
}

/**
 * Chunks shorter than this are encoded on the main thread. Without a codec that is all of them: docs/decisions/none-on-main.md. Undefined: as the
 * encoder pool has it.
 */
export function inlineBytesMax(codec: CodecName): number | undefined {
  return codec === 'none' ? Infinity : undefined;
}

/**
 * Whether a batch takes no more than a millisecond or two: the library's main thread encodes such ones itself while nothing else is under way
 * (docs/decisions/none-on-main.md).
 */
export function isFastCodec(codec: CodecName): boolean {
  return codec === 'lz4' || codec === 'snappy';
}

/** Bytes that one record of the longest line of any input takes, before compression. */
export function recordBytesMax(inputs: readonly InputConfig[]): number {
  const longest = Math.max(0, ...inputs.map((input) => input.maxLineBytes));
  return longest + RECORD_OVERHEAD_BYTES_MAX + BATCH_HEADER_BYTES + REQUEST_ROOM_BYTES;
}

export function compressionLevel(kafka: KafkaConfig): number | undefined {
  if (kafka.compressionType === 'gzip') return kafka.compressionGzipLevel;
  if (kafka.compressionType === 'zstd') return kafka.compressionZstdLevel;
  return undefined;
}

/** The route of an input's lines; `path` is the file that they come from, for its header. */
export function routeSpec(input: InputConfig, path?: string): RouteSpec {
  const headers: RouteHeader[] = [];
  if (input.headers.host) headers.push(['host', hostname()]);
  if (input.kind === 'tail' && input.headers.path && path !== undefined)
    headers.push(['path', path]);
  return {
    topic: input.topic,
    headers,
    flags: framingFlags(input),
    longLines: input.longLines,
    recordBytesMax: input.maxLineBytes,
    isReplayable: input.kind === 'tail',
  };
}

function framingFlags(input: InputConfig): number {
  const long = {
    split: encodeFlags.LONG_SPLIT,
    truncate: encodeFlags.LONG_TRUNCATE,
    drop: encodeFlags.LONG_DROP,
  }[input.longLines];
  const empty = input.emptyLines === 'skip' ? encodeFlags.SKIP_EMPTY : 0;
  return long | empty | (input.stripCr ? encodeFlags.STRIP_CR : 0);
}

/**
 * @param topicWaitMaxMs how long a topic that cannot be used is waited for, before the sender stops for good
 * @param outcomesFor whether somebody waits for the outcome of each record, or the sources wait
 */
export function senderConfig(
  { kafka }: { readonly kafka: KafkaConfig & Partial<LibraryConfig> },
  topicWaitMaxMs: number,
  outcomesFor: SenderConfig['outcomesFor'],
): SenderConfig {
  return {
    ...transactionsOf(kafka),
    bootstrapServers: kafka.bootstrapServers,
    acks: kafka.acks,
    enableIdempotence: kafka.enableIdempotence,
    maxInFlightRequestsPerConnection: kafka.maxInFlightRequestsPerConnection,
    retries: kafka.retries,
    retryBackoffMs: kafka.retryBackoffMs,
    retryBackoffMaxMs: kafka.retryBackoffMaxMs,
    reconnectBackoffMs: kafka.reconnectBackoffMs,
    reconnectBackoffMaxMs: kafka.reconnectBackoffMaxMs,
    requestTimeoutMs: kafka.requestTimeoutMs,
    deliveryTimeoutMs: kafka.deliveryTimeoutMs,
    connectionsMaxIdleMs: kafka.connectionsMaxIdleMs < 0 ? Infinity : kafka.connectionsMaxIdleMs,
    metadataMaxAgeMs: kafka.metadataMaxAgeMs,
    metadataMaxIdleMs: kafka.metadataMaxIdleMs,
    metadataRecoveryStrategy: kafka.metadataRecoveryStrategy,
    metadataRecoveryRebootstrapTriggerMs: kafka.metadataRecoveryRebootstrapTriggerMs,
    maxRequestSize: kafka.maxRequestSize,
    batchSize: kafka.batchSize,
    partitionerAdaptivePartitioningEnable: kafka.partitionerAdaptivePartitioningEnable,
    partitionerAvailabilityTimeoutMs: kafka.partitionerAvailabilityTimeoutMs,
    partitionerRackAware: kafka.partitionerRackAware,
    clientRack: kafka.clientRack,
    allowAutoCreateTopics: kafka.allowAutoCreateTopics,
    topicWaitMaxMs,
    outcomesFor,
  };
}

/** Nothing for the daemon, and for a producer without a `transactional.id`. */
function transactionsOf(kafka: Partial<LibraryConfig>): Pick<SenderConfig, 'transactions'> {
  const { transactionalId, transactionTimeoutMs } = kafka;
  if (transactionalId === undefined) return {};
  assert(transactionTimeoutMs !== undefined, 'transaction.timeout.ms has a default');
  return { transactions: { transactionalId, transactionTimeoutMs } };
}
