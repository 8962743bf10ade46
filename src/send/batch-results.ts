/** What the answers mean for a batch that is done, and for the partition it belongs to. */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import type { RecordFault } from '../ack/produce-outcome.ts';
import { errors, inWords, type KafkaError, type ProduceAction } from '../kafka/errors.ts';
import { at, complete, tell } from './batch-outcome.ts';
import type { SentEntry } from './in-flight-requests.ts';
import {
  backOff,
  emit,
  insertRetry,
  report,
  type PartitionState,
  type SenderState,
} from './sender-state.ts';

/** A topic without permission is asked again this slowly: people change permissions, not clocks. */
const PARK_PROBE_MS = 10_000;
const TOPIC_ADVICE =
  'grant Write on the topic to the user of this producer (Describe is part of that), then send again';

export interface WhereWritten {
  /** -1n when it is not known. */
  readonly baseOffset: bigint;
  readonly logAppendTimeMs: number;
  readonly duplicate: boolean;
}

/** In the log, but the broker did not say where. */
export const nowhere: WhereWritten = { baseOffset: -1n, logAppendTimeMs: -1, duplicate: false };

/** No broker has said anything about the refusal. */
export const silent = { errorMessage: undefined, recordFaults: [] } as const;

/**
 * What is to be done about an error of a batch that belongs to no transaction. A source, whose bytes can be read again, is held up by a missing
 * permission, and by what only ends when somebody does something about it. A caller hears of it as of any refusal, and the producer goes on
 * wherever Kafka's does: without a producer id after every error, with one unless the id is worth nothing any more
 * (TransactionManager.maybeTransitionToErrorState; UNSUPPORTED_VERSION and a shared id are the end there, too).
 */
export function actionOf({ config }: SenderState, error: KafkaError): ProduceAction {
  const { action } = error;
  if (config.outcomesFor === 'source') return action;
  if (action === 'park' || action === 'abort') return 'fail';
  const goesOn = !config.enableIdempotence || error === errors.INVALID_REQUEST;
  return action === 'fatal' && goesOn ? 'fail' : action;
}

/** It is in the log. */
export function acknowledge(
  state: SenderState,
  partition: PartitionState,
  batch: ProducerBatch,
  where: WhereWritten,
): void {
  if (state.config.enableIdempotence) partition.identity.acked(batch);
  const lastOffset = where.baseOffset + BigInt(batch.recordCount) - 1n;
  if (where.baseOffset >= 0n && lastOffset > partition.lastAckedOffset) {
    partition.lastAckedOffset = lastOffset;
    partition.lastAckedLeaderEpoch = partition.leaderEpoch;
    if (isFirstOpen(partition, batch)) partition.floor = lastOffset + 1n;
  }
  partition.refusals = 0;
  if (partition.retryAtMs !== -Infinity) partition.retryAtMs = -Infinity;
  if (partition.parked !== undefined) {
    partition.parked = undefined;
    const { topic, partition: index } = partition;
    report(state, { kind: 'partitionResumed', topic: topic.topic, partition: index });
  }
  complete(state, batch, { type: 'acked', written: 'yes', ...at(batch), ...where });
}

function isFirstOpen({ retries, inFlight }: PartitionState, { counter }: ProducerBatch): boolean {
  const isBefore = (other: ProducerBatch): boolean => other.counter < counter;
  return !retries.some(isBefore) && !inFlight.some(isBefore);
}

/** The broker will never take it, and does not have it. The sequences it leaves out need a new epoch behind it. */
export function reject(
  state: SenderState,
  partition: PartitionState,
  batch: ProducerBatch,
  error: KafkaError,
  said: {
    readonly errorMessage: string | undefined;
    readonly recordFaults: readonly RecordFault[];
  },
): void {
  partition.bumpPending = state.config.enableIdempotence;
  const detail = said.errorMessage === undefined ? '' : ` (the broker: ${said.errorMessage})`;
  complete(state, batch, {
    type: 'rejected',
    written: 'no',
    ...at(batch),
    error: error.name,
    message: `${whyRefused(state, batch, error)}${detail}`,
    recordFaults: said.recordFaults,
  });
}

function whyRefused(
  { config }: SenderState,
  { batchBytes }: ProducerBatch,
  error: KafkaError,
): string {
  const isForCaller = config.outcomesFor === 'caller';
  if (error.action === 'park') return `${error.meaning}: ${TOPIC_ADVICE}`;
  if (error.action !== 'split') return error.meaning;
  const what = `alone in its batch it takes ${String(batchBytes)} bytes, more than max.message.bytes of the topic`;
  if (!isForCaller) return `${what}; raise that, or lower max.line.bytes`;
  return (
    `${what} (message.max.bytes of the brokers where the topic has none of its own); raise that, or send it shorter: ` +
    `max.request.size=${String(config.maxRequestSize)} is what this producer allows`
  );
}

/**
 * Nothing will be taken for the partition as things are. What may be in the log stays, to be settled when it can be; whoever waits for the
 * outcome of that hears of it now.
 */
export function deny(
  state: SenderState,
  partition: PartitionState,
  { name: error, meaning }: KafkaError,
  advice: string = TOPIC_ADVICE,
): void {
  const message = `${meaning}: ${advice}`;
  for (const batch of partition.queue.take(() => true)) refuse(state, batch, error, message);
  if (state.config.outcomesFor === 'source') return;
  for (const batch of partition.retries) {
    if (batch.told) continue;
    tell(state, batch, { type: 'failed', written: 'perhaps', ...at(batch), error, message });
  }
}

/** It never left. */
export function refuse(
  state: SenderState,
  batch: ProducerBatch,
  error: string,
  message: string,
): void {
  const outcome = { type: 'rejected', written: 'no', recordFaults: [] } as const;
  complete(state, batch, { ...outcome, ...at(batch), error, message });
}

/** Has it cut into pieces; nothing else is sent to the partition until they are there. */
export function split(state: SenderState, partition: PartitionState, batch: ProducerBatch): void {
  if (partition.splitting !== undefined) {
    // One after the other: it will be refused again, when its turn comes.
    insertRetry(partition, batch);
    return;
  }
  partition.splitting = batch;
  const pieceBytesMax = Math.min(state.config.batchSize, Math.ceil(batch.batchBytes / 2));
  emit(state, { type: 'splitBatch', batch, pieceBytesMax });
}

/** Waits for somebody to change permissions: says so once, and tries again slowly. A caller does not wait. */
export function park(
  state: SenderState,
  partition: PartitionState,
  error: KafkaError,
  nowMs: number,
): void {
  backOff(state, partition, nowMs);
  if (state.config.outcomesFor === 'caller') {
    deny(state, partition, error);
    return;
  }
  partition.retryAtMs = nowMs + PARK_PROBE_MS;
  if (partition.parked === error.name) return;
  partition.parked = error.name;
  const { topic, partition: index } = partition;
  report(state, {
    kind: 'partitionParked',
    topic: topic.topic,
    partition: index,
    error: error.name,
    message: `${error.meaning}: it is tried again every ${String(PARK_PROBE_MS / 1000)} s`,
  });
}

/** From here on several may be in flight to this leader: it has a state of our producer id to hold them against. */
export function openGate({ partition, leaderEpoch }: SentEntry): void {
  if (leaderEpoch !== partition.leaderEpoch || partition.sentLeaderId !== partition.leaderId)
    return;
  partition.gateLeaderId = partition.leaderId;
  partition.gateLeaderEpoch = leaderEpoch;
  partition.gateConnection = partition.sentConnection;
}

export function sayRetry(state: SenderState, batch: ProducerBatch, error: KafkaError): void {
  const { topic, partition, attempts } = batch;
  report(state, { kind: 'batchRetried', topic, partition, error: error.name, attempts });
}

/** It is not tried again, and is not known to be refused: `retries` are used up, or the broker failed in a way that says nothing. */
export function giveUp(state: SenderState, batch: ProducerBatch, error: KafkaError): void {
  complete(state, batch, {
    type: 'failed',
    written: batch.maybeAppended ? 'perhaps' : 'no',
    ...at(batch),
    error: error.name,
    message: error.retriable ? `${error.meaning}, and retries are used up` : error.meaning,
  });
}

export function fatalMessage(batch: ProducerBatch, error: KafkaError): string {
  const place = `${batch.topic}-${String(batch.partition)}`;
  if (error === errors.INVALID_PRODUCER_EPOCH && batch.producerId >= 0n) {
    return `${place}: ${sharedMessage(batch)}`;
  }
  return `${place}: ${inWords(error)}`;
}

export function sharedMessage({ producerId }: ProducerBatch): string {
  return (
    `another writer uses producer id ${String(producerId)}: a copy of this process or of its ` +
    'state. Stop the other one, then start again'
  );
}

/** A wrong checksum may come from the way once; twice it comes from us. */
export function isCorruptAgain(batch: ProducerBatch, error: KafkaError): boolean {
  return error.action === 'retryThenFatal' && batch.corruptOnce;
}
