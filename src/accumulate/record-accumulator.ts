/**
 * Stage 4 of 7. Sealed batches wait here until the sender drains them.
 * From: encode (sealed batches, each partition's in chunk order). To: send (drains the heads).
 * Bounds: none of its own: every batch holds a run of the arena, which is bounded. Crash: forgotten; positions are kept by the checkpoint.
 *
 * Holds only batches without a sequence. One that may be in the log has left for good; one that surely is not may be put back.
 */
import { BatchQueue } from './batch-queue.ts';
import { UNASSIGNED_PARTITION, type ProducerBatch } from './producer-batch.ts';

/** Expired batches are looked for at most this often: a blocked sender would otherwise look at all of them for each of them. */
const EXPIRY_CHECK_MS = 50;

interface TopicQueues {
  /** Batches whose partition is not chosen yet. */
  readonly keyless: BatchQueue;
  readonly partitions: (BatchQueue | undefined)[];
}

export class RecordAccumulator {
  readonly #topics = new Map<string, TopicQueues>();
  readonly #deliveryTimeoutMs: number;
  #nextExpiryMs = Infinity;

  /** @param deliveryTimeoutMs from the creation of a batch; `Infinity` for never */
  constructor(deliveryTimeoutMs: number) {
    this.#deliveryTimeoutMs = deliveryTimeoutMs;
  }

  /** When `takeExpired` may have something to take. */
  get nextExpiryMs(): number {
    return this.#nextExpiryMs;
  }

  append(batch: ProducerBatch): void {
    this.queue(batch.topic, batch.partition).push(batch);
    this.watch(batch);
  }

  /** The batch's time is looked at from now on, wherever it waits. */
  watch(batch: ProducerBatch): void {
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, this.expiresAtMs(batch));
  }

  /** The queue of a partition, or of a topic's keyless batches (`UNASSIGNED_PARTITION`): the same object for ever. */
  queue(topic: string, partition: number): BatchQueue {
    const queues = this.#queuesOf(topic);
    if (partition === UNASSIGNED_PARTITION) return queues.keyless;
    const queue = queues.partitions[partition] ?? new BatchQueue();
    queues.partitions[partition] = queue;
    return queue;
  }

  expiresAtMs(batch: ProducerBatch): number {
    return batch.replayable ? Infinity : batch.createdMs + this.#deliveryTimeoutMs;
  }

  /**
   * Takes out the batches whose time is up. Call it when `nextExpiryMs` has come.
   *
   * @param others batches elsewhere whose time matters to somebody: they are watched, not taken
   */
  takeExpired(nowMs: number, others: Iterable<ProducerBatch>): ProducerBatch[] {
    const expired: ProducerBatch[] = [];
    let nextMs = Infinity;
    const isExpired = (batch: ProducerBatch): boolean => {
      const atMs = this.expiresAtMs(batch);
      if (atMs <= nowMs) return true;
      nextMs = Math.min(nextMs, atMs);
      return false;
    };
    for (const { keyless, partitions } of this.#topics.values()) {
      expired.push(...keyless.take(isExpired));
      for (const queue of partitions)
        if (queue !== undefined) expired.push(...queue.take(isExpired));
    }
    for (const batch of others) isExpired(batch);
    this.#nextExpiryMs = Math.max(nextMs, nowMs + EXPIRY_CHECK_MS);
    return expired;
  }

  /** Takes out everything: the sender has stopped. */
  takeAll(): ProducerBatch[] {
    const all: ProducerBatch[] = [];
    for (const { keyless, partitions } of this.#topics.values()) {
      for (const queue of [keyless, ...partitions]) {
        if (queue !== undefined) all.push(...queue.take(() => true));
      }
    }
    this.#nextExpiryMs = Infinity;
    return all;
  }

  #queuesOf(topic: string): TopicQueues {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    const queues: TopicQueues = { keyless: new BatchQueue(), partitions: [] };
    this.#topics.set(topic, queues);
    return queues;
  }
}
