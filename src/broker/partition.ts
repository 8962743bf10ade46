import type { KafkaErrorName } from '../kafka/errors.ts';
import { assert } from '../shared/assert.ts';
import type { ProducerStamp, ProducerSummary } from './broker-producer-state.ts';
import { controlBatch } from './control-batch.ts';
import type { TransactionMarker } from './control-batch.ts';
import { checkBatch, storedBatch } from './incoming-batch.ts';
import type { BatchCheckLevel } from './incoming-batch.ts';
import { PartitionLog } from './partition-log.ts';
import type { LogBatch } from './partition-log.ts';
import { NO_LEADER, ReplicaSet } from './replica-set.ts';
import type { TopicConfig } from './topic-config.ts';
import { TransactionIndex } from './transaction-index.ts';
import type { AbortedTransaction } from './transaction-index.ts';

/** What became of a batch that was given to a leader. Offsets are record offsets. */
export type AppendResult =
  /** `logAppendTimeMs` is -1 on a CreateTime topic. */
  | {
      readonly kind: 'appended';
      readonly baseOffset: number;
      readonly lastOffset: number;
      readonly logAppendTimeMs: number;
    }
  /** It was in already; `logAppendTimeMs` is the stored timestamp, whatever the topic's timestamp type. */
  | {
      readonly kind: 'duplicate';
      readonly baseOffset: number;
      readonly lastOffset: number;
      readonly logAppendTimeMs: number;
    }
  | { readonly kind: 'refused'; readonly error: KafkaErrorName; readonly reason: string };

/** What transactions have to say to a transactional batch before it is appended. */
export interface TransactionCheck {
  /** Whether the batch may be part of the open transaction of its producer. */
  admit(producerId: bigint, producerEpoch: number): KafkaErrorName;
  /** The second version of transactions: a producer that is not known begins at sequence 0. */
  readonly fromZero: boolean;
}

export interface PartitionOptions {
  readonly nodeIds: readonly number[];
  readonly config: TopicConfig;
  /** Keep headers and counts only. */
  readonly discard: boolean;
  readonly validate: BatchCheckLevel;
}

const noTransaction = 'the batch does not belong to an open transaction of its producer';

/** One partition of the embedded broker: its log, its replicas, its high watermark. Knows no clock and no socket. */
export class Partition {
  readonly log: PartitionLog;
  readonly replicas: ReplicaSet;
  readonly #validate: BatchCheckLevel;
  readonly #discard: boolean;
  #config: TopicConfig;
  /** Where the high watermark stands still; undefined when it follows the log end. */
  #watermarkHeldAt: number | undefined;
  readonly #transactions = new TransactionIndex();
  /** The end of the log when the transactions were last known to fit it. */
  #indexedTo = 0;
  readonly #listeners = new Set<() => void>();

  constructor(options: PartitionOptions) {
    this.#config = options.config;
    this.#validate = options.validate;
    this.#discard = options.discard;
    this.log = new PartitionLog({
      retainedBytesMax: options.config['retention.bytes'],
      discard: options.discard,
    });
    this.replicas = new ReplicaSet(this.log, options.nodeIds);
  }

  get config(): TopicConfig {
    return this.#config;
  }

  /** Settings from the next batch on. */
  configure(config: Partial<TopicConfig>): void {
    this.#config = { ...this.#config, ...config };
    this.log.retainedBytesMax = this.#config['retention.bytes'];
  }

  /** Readers of committed transactions see what lies below. */
  get lastStableOffset(): number {
    return this.#transactions.lastStableOffset(this.highWatermark);
  }

  /** Aborted transactions with a batch from `offset` to before `end`. */
  abortedBetween(offset: number, end: number): AbortedTransaction[] {
    return this.#transactions.abortedBetween(offset, end);
  }

  /** First offset of the producer's open transaction, -1 when it has none. */
  openSince(producerId: bigint): number {
    return this.#transactions.openSince(producerId);
  }

  /** Consumers see what lies below. */
  get highWatermark(): number {
    return Math.min(this.#watermarkHeldAt ?? this.log.endOffset, this.log.endOffset);
  }

  /**
   * Appends one batch as the leader does: refusals first, then the duplicate check, then the sequence check.
   *
   * @param records exactly one record batch; copied if it is kept
   * @param acks as in Produce: -1 wants `min.insync.replicas` in-sync replicas
   * @param transaction left out where the producer has no transactional id
   */
  append(
    nodeId: number,
    records: Uint8Array | null,
    acks: number,
    nowMs: number,
    transaction?: TransactionCheck,
  ): AppendResult {
    if (!this.isLeader(nodeId)) {
      const reason = `node ${String(nodeId)} does not lead it, node ${String(this.replicas.leaderId)} does`;
      return { kind: 'refused', error: 'NOT_LEADER_OR_FOLLOWER', reason };
    }
    const inSync = this.replicas.inSync.length;
    if (acks === -1 && inSync < this.#config['min.insync.replicas']) {
      const reason = `${String(inSync)} in-sync replicas, min.insync.replicas is ${String(this.#config['min.insync.replicas'])}`;
      return { kind: 'refused', error: 'NOT_ENOUGH_REPLICAS', reason };
    }
    const check = checkBatch(records, this.#config, nowMs, this.#validate);
    if ('error' in check) return { kind: 'refused', error: check.error, reason: check.reason };

    const { batch } = check;
    if (batch.transactional) {
      const { producerId, producerEpoch } = batch;
      const error = transaction?.admit(producerId, producerEpoch) ?? 'INVALID_TXN_STATE';
      if (error !== 'NONE') return { kind: 'refused', error, reason: noTransaction };
    } else if (this.openSince(batch.producerId) >= 0) {
      const reason = 'a batch outside the transaction that its producer has open here';
      return { kind: 'refused', error: 'INVALID_TXN_STATE', reason };
    }
    const verdict = this.#judge(batch, batch.transactional && transaction?.fromZero === true);
    if (verdict !== undefined) return verdict;

    const logAppendTimeMs = this.#config['message.timestamp.type'] === 'LogAppendTime' ? nowMs : -1;
    const stored = storedBatch(batch, {
      baseOffset: this.log.endOffset,
      leaderEpoch: this.replicas.leaderEpoch,
      logAppendTimeMs,
      discard: this.#discard,
    });
    this.#keep(stored);
    const { baseOffset, lastOffset } = stored;
    return { kind: 'appended', baseOffset, lastOffset, logAppendTimeMs };
  }

  /**
   * Ends the producer's transaction here, as WriteTxnMarkers has the leader do it.
   *
   * @returns false when nobody leads the partition
   */
  appendMarker(marker: TransactionMarker, nowMs: number): boolean {
    const { leaderId, leaderEpoch } = this.replicas;
    if (leaderId === NO_LEADER) return false;
    const place = { baseOffset: this.log.endOffset, leaderEpoch, discard: this.#discard };
    this.#keep(controlBatch(marker, place, nowMs));
    return true;
  }

  #keep(stored: LogBatch): void {
    this.log.append(stored);
    this.#transactions.record(stored);
    this.#indexedTo = this.log.endOffset;
    this.replicas.recordAppend(stored);
    this.replicas.replicateTo(this.highWatermark);
    this.#changed();
  }

  /** What the producer's state says against appending; undefined: nothing. */
  #judge(batch: ProducerStamp, fromZero: boolean): AppendResult | undefined {
    if (batch.producerId < 0n) return undefined;
    const verdict = this.replicas.leaderProducers.judge(batch, fromZero);
    switch (verdict.kind) {
      case 'inSequence':
        return undefined;
      case 'duplicate': {
        const { baseOffset, lastOffset, maxTimestampMs } = verdict.of;
        return { kind: 'duplicate', baseOffset, lastOffset, logAppendTimeMs: maxTimestampMs };
      }
      case 'oldEpoch':
        return { kind: 'refused', error: 'INVALID_PRODUCER_EPOCH', reason: verdict.reason };
      case 'outOfOrder':
        return { kind: 'refused', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER', reason: verdict.reason };
    }
  }

  isLeader(nodeId: number): boolean {
    return nodeId !== NO_LEADER && this.replicas.leaderId === nodeId;
  }

  /** Whether acks=all may be answered for a batch that ends at `lastOffset`. */
  isCommitted(lastOffset: number): boolean {
    return lastOffset < this.highWatermark;
  }

  /** What DescribeProducers says at that node. As in Kafka nobody asks whether it leads; undefined: it has no replica. */
  describeProducers(nodeId: number): ProducerSummary[] | undefined {
    return this.replicas.producersAt(nodeId)?.summaries();
  }

  /** The followers stop fetching: appends go on, acks=all waits, consumers and followers see nothing new. */
  holdWatermark(): void {
    this.#watermarkHeldAt = this.highWatermark;
  }

  /** The followers fetch everything again. */
  releaseWatermark(): void {
    this.#watermarkHeldAt = undefined;
    this.#settle();
  }

  /** New leader, new epoch. One that lacks records makes them lost: see ReplicaSet.lead. */
  moveLeader(nodeId: number): void {
    this.replicas.lead(nodeId);
    this.#settle();
  }

  reassign(nodeIds: readonly number[]): void {
    this.replicas.reassign(nodeIds);
    this.#settle();
  }

  freezeReplica(nodeId: number): void {
    this.replicas.freeze(nodeId);
  }

  thawReplica(nodeId: number): void {
    this.replicas.thaw(nodeId);
    this.#settle();
  }

  nodeDown(nodeId: number): void {
    this.replicas.nodeDown(nodeId, this.highWatermark);
    this.#settle();
  }

  nodeUp(nodeId: number, nowMs: number, producerIdExpirationMs: number): void {
    this.replicas.nodeUp(nodeId, this.highWatermark, nowMs, producerIdExpirationMs);
    this.#settle();
  }

  /** Removes what lies below `offset`, at most the high watermark, as DeleteRecords does. The producers stay known. */
  deleteRecordsBefore(offset: number): void {
    assert(offset <= this.highWatermark, 'records are deleted below the high watermark');
    this.log.deleteBefore(offset);
    this.#changed();
  }

  /** Runs the check for expired producer ids on all replicas, as a broker does every ten minutes. */
  expireProducers(nowMs: number, producerIdExpirationMs: number): void {
    this.replicas.forEachProducerState((producers) => {
      producers.expire(nowMs, producerIdExpirationMs);
    });
  }

  /** Calls `listener` after every change of log, watermark or leader, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #settle(): void {
    if (this.log.endOffset < this.#indexedTo) this.#transactions.rebuild(this.log.batches);
    this.#indexedTo = this.log.endOffset;
    this.replicas.replicateTo(this.highWatermark);
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
