import type { KafkaErrorName } from '../kafka/errors.ts';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../kafka/record-batch.ts';
import { partitionKey } from './broker-api.ts';
import type { TransactionMarker } from './control-batch.ts';
import { GroupOffsets } from './group-offsets.ts';

/** `transaction.max.timeout.ms`. */
const TIMEOUT_MAX_MS = 900_000;
/** The greatest epoch is left for fencing whoever has the one before. */
const EPOCH_LAST = 32_766;

export interface TransactionPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Who asks, in every request of an open transaction. */
export interface TransactionProducer {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** An error, or who the producer is from now on. */
export type IdentityResult =
  | { readonly error: Exclude<KafkaErrorName, 'NONE'> }
  | { readonly error: 'NONE'; readonly producerId: bigint; readonly producerEpoch: number };

interface Transaction {
  producerId: bigint;
  epoch: number;
  /** Of before the last raise, by which a repeated request is known; -1 after a fence. */
  lastProducerId: bigint;
  lastEpoch: number;
  timeoutMs: number;
  startedMs: number;
  state: 'empty' | 'ongoing' | 'committed' | 'aborted';
  readonly partitions: Map<string, TransactionPartition>;
  readonly groups: Set<string>;
  /** Once it is committed or aborted, until the partitions that are left have it. */
  marker: TransactionMarker | undefined;
}

export interface CoordinatorOptions {
  readonly newProducerId: () => bigint;
  /** @returns false while the partition has no leader: it is tried again */
  readonly writeMarker: (
    at: TransactionPartition,
    marker: TransactionMarker,
    nowMs: number,
  ) => boolean;
}

/**
 * The transactions of a cluster, by the rules of Kafka's TransactionCoordinator in both versions of the protocol (KIP-98, KIP-360, KIP-588,
 * KIP-890). Remembers nothing across restarts of the cluster; knows no clock and no socket.
 */
export class TransactionCoordinator {
  readonly offsets = new GroupOffsets();
  readonly #options: CoordinatorOptions;
  readonly #transactions = new Map<string, Transaction>();

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /** A producer begins, or, when it says who it was, raises its epoch. */
  initProducerId(
    { transactionalId, producerId, producerEpoch }: TransactionProducer,
    timeoutMs: number,
    nowMs: number,
  ): IdentityResult {
    if (transactionalId === '') return { error: 'INVALID_REQUEST' };
    if (timeoutMs <= 0 || timeoutMs > TIMEOUT_MAX_MS) {
      return { error: 'INVALID_TRANSACTION_TIMEOUT' };
    }
    const known = this.#transactions.get(transactionalId);
    if (known === undefined) return this.#create(transactionalId, timeoutMs);
    this.#finish(known, nowMs);
    if (known.marker !== undefined) return { error: 'CONCURRENT_TRANSACTIONS' };
    const isNew = producerId < 0n;
    const isLast = producerId === known.lastProducerId && producerEpoch >= EPOCH_LAST;
    if (!isNew && producerId !== known.producerId && !isLast) return { error: 'PRODUCER_FENCED' };
    if (known.state === 'ongoing') {
      // Whoever has it open is shut out; the newcomer asks again.
      this.#fence(known, nowMs);
      return { error: 'CONCURRENT_TRANSACTIONS' };
    }
    known.timeoutMs = timeoutMs;
    if (isNew || producerEpoch === known.epoch) this.#raise(known);
    else if (producerEpoch !== known.lastEpoch) return { error: 'PRODUCER_FENCED' };
    if (isNew) known.lastEpoch = NO_PRODUCER_EPOCH;
    return identityOf(known);
  }

  /** The transaction is going to write to these partitions, and begins if it had not. */
  addPartitions(
    producer: TransactionProducer,
    partitions: readonly TransactionPartition[],
    nowMs: number,
  ): KafkaErrorName {
    const found = this.#open(producer, nowMs);
    if (typeof found === 'string') return found;
    this.#begin(found, nowMs);
    for (const at of partitions) {
      found.partitions.set(partitionKey(at.topic, at.partition), at);
    }
    return 'NONE';
  }

  addGroup(producer: TransactionProducer, groupId: string, nowMs: number): KafkaErrorName {
    const found = this.#open(producer, nowMs);
    if (typeof found === 'string') return found;
    this.#begin(found, nowMs);
    found.groups.add(groupId);
    return 'NONE';
  }

  /** Whether the partition belongs to the open transaction of that producer. */
  verify(producer: TransactionProducer, at: TransactionPartition, nowMs: number): KafkaErrorName {
    const found = this.#open(producer, nowMs);
    if (typeof found === 'string') return found;
    const key = partitionKey(at.topic, at.partition);
    const isIn = found.state === 'ongoing' && found.partitions.has(key);
    return isIn ? 'NONE' : 'INVALID_TXN_STATE';
  }

  /** Whether offsets of the group may be part of the open transaction. */
  verifyGroup(producer: TransactionProducer, groupId: string, nowMs: number): KafkaErrorName {
    const found = this.#open(producer, nowMs);
    if (typeof found === 'string') return found;
    return found.state === 'ongoing' && found.groups.has(groupId) ? 'NONE' : 'INVALID_TXN_STATE';
  }

  /** @param v2 the request is of the second version of the protocol: the answer brings another epoch */
  endTransaction(
    producer: TransactionProducer,
    committed: boolean,
    v2: boolean,
    nowMs: number,
  ): IdentityResult {
    const known = this.#transactions.get(producer.transactionalId);
    if (known === undefined) return { error: 'INVALID_PRODUCER_ID_MAPPING' };
    this.#finish(known, nowMs);
    const isOld =
      producer.producerId === known.lastProducerId && producer.producerEpoch === known.lastEpoch;
    const isSame = known.state === (committed ? 'committed' : 'aborted');
    if (v2 && isOld && isSame) {
      return known.marker === undefined ? identityOf(known) : { error: 'CONCURRENT_TRANSACTIONS' };
    }
    if (producer.producerId !== known.producerId) return { error: 'INVALID_PRODUCER_ID_MAPPING' };
    if (producer.producerEpoch !== known.epoch) return { error: 'PRODUCER_FENCED' };
    if (known.marker !== undefined) {
      return { error: isSame ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE' };
    }
    // A producer of the second version cannot know whether a broker has added anything that it could abort.
    if (known.state === 'ongoing' || (v2 && !committed)) {
      this.#end(known, committed, v2, nowMs);
      return identityOf(known);
    }
    return !v2 && isSame ? identityOf(known) : { error: 'INVALID_TXN_STATE' };
  }

  /** Aborts what is open for longer than its transaction.timeout.ms, as Kafka looks every ten seconds. */
  expire(nowMs: number): void {
    for (const known of this.#transactions.values()) {
      const isLate = known.state === 'ongoing' && nowMs - known.startedMs >= known.timeoutMs;
      if (isLate) this.#fence(known, nowMs);
    }
  }

  /** Writes the markers that had to wait for a leader. */
  finishAll(nowMs: number): void {
    for (const known of this.#transactions.values()) this.#finish(known, nowMs);
  }

  #create(transactionalId: string, timeoutMs: number): IdentityResult {
    const created: Transaction = {
      producerId: this.#options.newProducerId(),
      epoch: 0,
      lastProducerId: NO_PRODUCER_ID,
      lastEpoch: NO_PRODUCER_EPOCH,
      timeoutMs,
      startedMs: 0,
      state: 'empty',
      partitions: new Map(),
      groups: new Set(),
      marker: undefined,
    };
    this.#transactions.set(transactionalId, created);
    return identityOf(created);
  }

  #open(producer: TransactionProducer, nowMs: number): Transaction | KafkaErrorName {
    const known = this.#transactions.get(producer.transactionalId);
    if (known?.producerId !== producer.producerId) return 'INVALID_PRODUCER_ID_MAPPING';
    if (known.epoch !== producer.producerEpoch) return 'PRODUCER_FENCED';
    this.#finish(known, nowMs);
    return known.marker === undefined ? known : 'CONCURRENT_TRANSACTIONS';
  }

  #begin(known: Transaction, nowMs: number): void {
    if (known.state === 'ongoing') return;
    known.state = 'ongoing';
    known.startedMs = nowMs;
  }

  #fence(known: Transaction, nowMs: number): void {
    known.epoch += 1;
    this.#end(known, false, false, nowMs);
    known.lastEpoch = NO_PRODUCER_EPOCH;
  }

  #raise(known: Transaction): void {
    known.lastProducerId = known.producerId;
    known.lastEpoch = known.epoch;
    if (known.epoch < EPOCH_LAST) {
      known.epoch += 1;
      return;
    }
    known.producerId = this.#options.newProducerId();
    known.epoch = 0;
  }

  #end(known: Transaction, committed: boolean, v2: boolean, nowMs: number): void {
    const { producerId, epoch } = known;
    known.marker = { producerId, producerEpoch: v2 ? epoch + 1 : epoch, committed };
    known.state = committed ? 'committed' : 'aborted';
    if (v2) this.#raise(known);
    this.#finish(known, nowMs);
  }

  #finish(known: Transaction, nowMs: number): void {
    const { marker } = known;
    if (marker === undefined) return;
    for (const [key, at] of known.partitions) {
      if (this.#options.writeMarker(at, marker, nowMs)) known.partitions.delete(key);
    }
    if (known.partitions.size > 0) return;
    this.offsets.end(marker.producerId, marker.committed);
    known.groups.clear();
    known.marker = undefined;
  }
}

function identityOf({ producerId, epoch }: Transaction): IdentityResult {
  return { error: 'NONE', producerId, producerEpoch: epoch };
}
