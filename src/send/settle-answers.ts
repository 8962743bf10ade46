/** What the leader says about the partition that is settled: how far it got, how far its log is replicated, what headers it holds. */
import { errorOf, errors, inWords, type KafkaError } from '../kafka/errors.ts';
import { assert } from '../shared/assert.ts';
import { park } from './batch-results.ts';
import type { BatchHeader, HeadersRead, OffsetListed, ProducersDescribed } from './events.ts';
import { nextSequence, sequenceDistance } from './producer-state.ts';
import { activate, report, type PartitionState, type SenderState } from './sender-state.ts';
import { anew, proceed, waitARound, type Settle } from './settle.ts';
import { beginPlaces, confirmReached, sayLoss, settleFound } from './settle-results.ts';
import { stopForGood } from './stop.ts';

/** The question was lost with its connection. */
export function settleLost(state: SenderState, partition: PartitionState, nowMs: number): void {
  const { settle } = partition;
  if (settle !== undefined) anew(state, partition, settle, 'the connection was lost', nowMs);
}

export function takeSettleAnswer(
  state: SenderState,
  partition: PartitionState,
  answer: OffsetListed | ProducersDescribed | HeadersRead,
  nowMs: number,
): void {
  const { settle } = partition;
  if (settle?.request !== answer.request) return;
  settle.request = 0;
  if (partition.topic.topicId !== settle.topicId) {
    // Whatever was found lies in a log that is gone: its offsets mean nothing in the new one.
    anew(state, partition, settle, 'the topic was created again', nowMs);
    return;
  }
  const error = errorOf(answer.errorCode);
  if (error !== errors.NONE) failed(state, partition, settle, error, answer, nowMs);
  else if (answer.type === 'producersDescribed') described(state, partition, settle, answer, nowMs);
  else if (answer.type === 'headersRead') headersRead(state, partition, settle, answer, nowMs);
  else offsetListed(state, partition, settle, answer.offset, nowMs);
  activate(state, partition);
}

function failed(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  error: KafkaError,
  answer: OffsetListed | ProducersDescribed | HeadersRead,
  nowMs: number,
): void {
  if (settle.phase === 'places') {
    // Offsets are good to have; nothing depends on them.
    settle.phase = 'watermark';
    return;
  }
  if (answer.type === 'headersRead' && error === errors.OFFSET_OUT_OF_RANGE) {
    // Retention has taken what lay below: it is gone whether it was ours or not.
    if (answer.logStartOffset > settle.scanOffset) {
      settle.scanOffset = answer.logStartOffset;
      return;
    }
  }
  if (error === errors.TOPIC_AUTHORIZATION_FAILED) {
    if (answer.type !== 'offsetListed') {
      withoutRead(state, partition, settle);
      return;
    }
    park(state, partition, error, nowMs);
  }
  anew(state, partition, settle, inWords(error), nowMs);
}

/** The leader may not tell us. Resends are safe all the same, only less sure to find the end. */
function withoutRead(state: SenderState, partition: PartitionState, settle: Settle): void {
  report(state, {
    kind: 'settleStalled',
    topic: partition.topic.topic,
    partition: partition.partition,
    message: 'no permission to read the topic, so only resends can tell: grant Read on it',
  });
  settle.blind = true;
  settle.probe = undefined;
  settle.phase = 'resend';
}

function described(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  { producers }: ProducersDescribed,
  nowMs: number,
): void {
  const { identity, retries } = partition;
  const first = retries[0];
  if (first === undefined) {
    proceed(state, partition, nowMs);
    return;
  }
  settle.phase = 'logEnd';
  settle.reached = undefined;
  const known = producers.find(({ producerId }) => producerId === identity.producerId);
  if (known === undefined) return;
  if (known.producerEpoch > identity.producerEpoch) {
    stopAhead(state, partition, `epoch ${String(known.producerEpoch)}`);
    return;
  }
  settle.reached = identity.baseCounter;
  if (known.producerEpoch < identity.producerEpoch || known.lastSequence < 0) return;
  const distance = sequenceDistance(first.baseSequence, nextSequence(known.lastSequence));
  const reached = first.counter + distance;
  settle.reached = reached;
  const inside = retries.some(
    ({ counter, recordCount }) => counter < reached && reached < counter + recordCount,
  );
  if (inside || reached > identity.counter) {
    stopAhead(state, partition, `sequence ${String(known.lastSequence)}`);
  }
}

/** The broker has what we never sent: another writer uses our identity. Going on would lose records as duplicates of the other's. */
function stopAhead(state: SenderState, partition: PartitionState, what: string): void {
  const { topic, partition: index, identity } = partition;
  stopForGood(
    state,
    'IDENTITY_SHARED',
    `${topic.topic}-${String(index)}: the broker knows ${what} of producer id ${String(identity.producerId)}, ` +
      'which was not sent from here: a copy of this process or of its state is running. Stop it, then start again',
  );
}

function offsetListed(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  offset: bigint,
  nowMs: number,
): void {
  switch (settle.phase) {
    case 'leader':
      settle.phase = settle.blind ? 'resend' : 'describe';
      return;
    case 'logEnd':
      settle.logEnd = offset;
      decide(state, partition, settle, nowMs);
      return;
    case 'watermark':
      watermark(state, partition, settle, offset, nowMs);
      return;
    case 'recheck':
      settleFound(state, partition, settle, nowMs);
      return;
    case 'metadata':
    case 'describe':
    case 'places':
    case 'scan':
    case 'resend':
      assert(false, `no offset is asked for in phase ${settle.phase}`);
  }
}

/** The leader has said how far it got: what to make of it. */
function decide(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  nowMs: number,
): void {
  const { reached } = settle;
  const unsettled = partition.retries.filter(({ maybeAppended }) => maybeAppended);
  if (unsettled.length === 0) {
    sayLoss(state, partition, settle);
    proceed(state, partition, nowMs);
    return;
  }
  if (reached === undefined) {
    settle.phase = 'watermark';
    return;
  }
  if (!unsettled.some(({ counter, recordCount }) => counter + recordCount <= reached)) {
    settle.phase = 'resend';
    return;
  }
  settle.phase = beginPlaces(state, partition, settle) ? 'places' : 'watermark';
}

function watermark(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  offset: bigint,
  nowMs: number,
): void {
  if (offset < settle.logEnd) {
    waitARound(state, partition, settle, 'the replicas have not got as far as the leader', nowMs);
    return;
  }
  if (settle.reached !== undefined) {
    confirmReached(state, partition, settle, settle.reached, settle.logEnd);
    proceed(state, partition, nowMs);
    return;
  }
  settle.scanOffset = partition.floor ?? 0n;
  settle.found.clear();
  settle.phase = settle.scanOffset < settle.logEnd ? 'scan' : 'recheck';
}

function headersRead(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  answer: HeadersRead,
  nowMs: number,
): void {
  for (const header of answer.headers) match(partition, settle, header);
  if (settle.phase === 'places') {
    settle.placesLeft -= 1;
    const isOver = answer.nextOffset >= settle.logEnd || answer.nextOffset <= settle.scanOffset;
    if (isOver || settle.placesLeft === 0) settle.phase = 'watermark';
    settle.scanOffset = answer.nextOffset;
    return;
  }
  if (answer.nextOffset >= settle.logEnd) {
    settle.phase = 'recheck';
    return;
  }
  if (answer.nextOffset <= settle.scanOffset) {
    anew(state, partition, settle, 'the log could not be read to its end', nowMs);
    return;
  }
  settle.scanOffset = answer.nextOffset;
}

function match({ retries, identity }: PartitionState, settle: Settle, header: BatchHeader): void {
  if (header.producerId !== identity.producerId) return;
  if (header.producerEpoch !== identity.producerEpoch) return;
  // The delta, not the count: compaction leaves an empty batch behind.
  const batch = retries.find(
    ({ baseSequence, recordCount }) =>
      baseSequence === header.baseSequence && recordCount === header.lastOffsetDelta + 1,
  );
  if (batch !== undefined) settle.found.set(batch, header.baseOffset);
}
