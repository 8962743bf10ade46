/**
 * The library's pipeline, as src/pipeline.ts is the daemon's: it joins the stages, and nothing else does.
 *
 *     1 open batches -> 2 ring -> 3 encode (compression alone) -> 4 accumulate -> 5 send -> 6 ack
 *
 * Bounds: `buffer.memory`. When it is full, `append` says no; `onRoom` says when to try again.
 */
import type { EngineConfig } from '../config/producer-config.ts';
import { ProducerBatch } from './accumulate/producer-batch.ts';
import type { Abandoned } from './ack/produce-outcome.ts';
import type { ChunkToEncode, EncodedPart } from './encode/encode-order.ts';
import { encodeFlags } from './encode/encode-task.ts';
import { EncoderPool } from './encode/encoder-pool.ts';
import { createEngineParts, senderParts, type EngineParts } from './engine-parts.ts';
import { BATCH_HEADER_BYTES } from './kafka/record-batch.ts';
import type { Deliveries, Delivery } from './producer/delivery.ts';
import type { OpenBatch } from './producer/open-batch.ts';
import { OpenBatches, type PlacedRecord } from './producer/open-batches.ts';
import type { Arena } from './ring/arena.ts';
import {
  KafkaSender,
  type CloseResult,
  type KafkaSenderOptions,
  type SealedProducerBatch,
  type SenderStats,
  type TransactionWish,
} from './send/network-client.ts';
import type { TopicView } from './send/topic-view.ts';
import type { TransactionFault } from './send/transaction-events.ts';
import type { TransactionPhase } from './send/transaction-state.ts';
import { aborted } from './shared/aborted.ts';
import { machineClock, type Clock } from './shared/clock.ts';
import type { Telemetry } from './shared/telemetry.ts';
import { batchBytesMax, isFastCodec } from './stage-settings.ts';

interface RecordChunk extends ChunkToEncode {
  readonly batch: OpenBatch;
}

export interface ProducerEngineOptions {
  readonly config: EngineConfig;
  readonly telemetry: Telemetry;
  /** Memory has come back. */
  readonly onRoom: () => void;
  /** More is known of the topics. */
  readonly onMetadata: () => void;
  /** It has stopped for good; `error` is Kafka's name of the reason. All records are settled. */
  readonly onFatal: (error: string, message: string) => void;
  /** A bug: nothing more can be encoded. What is with the sender is still delivered, all else has failed when this turn is over. */
  readonly onFault: (error: Error) => void;
}

/** What the engine needs of the sender. */
export type EngineSender = Pick<
  KafkaSender<Deliveries>,
  | 'nowMs'
  | 'start'
  | 'takeBatchId'
  | 'append'
  | 'topic'
  | 'knownTopic'
  | 'isIdle'
  | 'isBehind'
  | 'flush'
  | 'transact'
  | 'transactionPhase'
  | 'whyCallWaits'
  | 'clientInstanceId'
  | 'close'
  | 'stats'
>;

/** What the sender is told of the engine. */
export type SenderLinks = Required<
  Pick<KafkaSenderOptions<Deliveries>, 'cutRanges' | 'onOutcome' | 'onMetadata' | 'onFatal'>
>;

/** What the engine stands on. */
export interface EngineBase {
  readonly parts: EngineParts;
  /** The sender's `nowMs` is on it. */
  readonly clock: Clock;
  readonly createSender: (links: SenderLinks) => EngineSender;
}

export class ProducerEngine {
  readonly #batches: OpenBatches;
  readonly #pool: EncoderPool<RecordChunk>;
  readonly #sender: EngineSender;
  readonly #arena: Arena;
  readonly #after: Clock['after'];
  readonly #onRoom: () => void;
  #nextChunk = 0;
  /** Why nothing is encoded any more. */
  #fault: Pick<Abandoned, 'error' | 'message'> | undefined;
  /** Time to close was up while there was something to encode. */
  #isCutShort = false;
  #isClosed = false;
  /** A record found none, and nobody was told of any since. */
  #isRoomWanted = false;

  /** @throws {SetupError} when the memory cannot be had */
  static async create(options: ProducerEngineOptions): Promise<ProducerEngine> {
    const { config, telemetry } = options;
    const parts = await createEngineParts(config, 0);
    const senderOptions = { ...senderParts(config, parts, Infinity, 'caller'), telemetry };
    return new ProducerEngine(options, {
      parts,
      clock: machineClock,
      createSender: (links) => new KafkaSender<Deliveries>({ ...senderOptions, ...links }),
    });
  }

  /** Begins to connect. */
  constructor(options: Omit<ProducerEngineOptions, 'telemetry'>, base: EngineBase) {
    const { config, onFatal, onMetadata } = options;
    const { parts, clock } = base;
    this.#onRoom = options.onRoom;
    const { kafka } = config;
    const { memory, arena, kernel } = parts;
    this.#arena = arena;
    this.#after = clock.after;
    this.#sender = base.createSender({
      cutRanges: cutDeliveries,
      onOutcome: (batch, outcome) => {
        batch.payload.ranges.settle(outcome);
        // A piece outside the arena frees nothing there, and yet its partition may have more now.
        if (batch.payload.sealed.run instanceof Uint8Array) this.#tellRoom();
      },
      ...{ onMetadata, onFatal },
    });
    this.#pool = new EncoderPool<RecordChunk>({
      ...parts,
      onFault: (error, left) => {
        options.onFault(error);
        this.#giveUp(error, left);
      },
      batchBytesMax: batchBytesMax(kafka),
      isMainIdle: isFastCodec(parts.compressor.codec) ? () => this.#sender.isIdle : undefined,
      onPart: (part) => this.#accumulate(part),
    });
    this.#batches = new OpenBatches({
      ...{ memory, arena, kernel },
      batchBytes: Math.min(kafka.batchSize, batchBytesMax(kafka)),
      lingerMs: kafka.lingerMs,
      nowMs: this.#sender.nowMs,
      after: clock.after,
      dispatch: (batch) => this.#dispatch(batch),
      isBehind: (topic, partition) => this.#sender.isBehind(topic, partition),
    });
    arena.onFree(() => {
      this.#tellRoom();
    });
    this.#sender.start();
  }

  /** @returns whether there was room; if not, `delivery` is not settled */
  append(record: PlacedRecord, delivery: Delivery, slot: number): boolean {
    const isWritten = this.#batches.append(record, delivery, slot);
    if (!isWritten) this.#isRoomWanted = true;
    // To make room for it, a batch was closed that no encoder could take.
    if (this.#fault !== undefined) this.#batches.drop(this.#fault);
    return isWritten;
  }

  topic(name: string): TopicView | undefined {
    return this.#sender.topic(name);
  }

  knownTopic(name: string): TopicView | undefined {
    return this.#sender.knownTopic(name);
  }

  get stats(): SenderStats & { readonly bytesFree: number; readonly bytesTotal: number } {
    return {
      ...this.#sender.stats,
      bytesFree: this.#arena.freeBytes,
      bytesTotal: this.#arena.totalBytes,
    };
  }

  /** What the cluster calls this producer in its metrics; undefined when that is not known within `timeoutMs`. */
  clientInstanceId(timeoutMs: number): Promise<string | undefined> {
    return this.#sender.clientInstanceId(timeoutMs);
  }

  /** Resolves when every record appended before is settled. */
  async flush(): Promise<void> {
    await this.handOver();
    await this.#sender.flush();
  }

  /** Resolves when every record appended before is with the sender: what ends a transaction comes after them. */
  async handOver(): Promise<void> {
    this.#batches.flush();
    await this.#pool.idle();
  }

  /** Gives up the records of an aborted transaction that wait for others to go with. */
  dropOpen(): void {
    this.#batches.drop({ error: 'TRANSACTION_ABORTED', message: 'the transaction was aborted' });
    this.#tellRoom();
  }

  /** A call of transactions; all records of a transaction are handed over before the one that ends it. @returns what went wrong */
  transact(call: TransactionWish): Promise<TransactionFault | undefined> {
    return this.#sender.transact(call);
  }

  get transactionPhase(): TransactionPhase | undefined {
    return this.#sender.transactionPhase;
  }

  get whyCallWaits(): string {
    return this.#sender.whyCallWaits;
  }

  /** `close` was called. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends what is there, gives up the rest at the signal. */
  async close(giveUp: AbortSignal): Promise<CloseResult> {
    this.#isClosed = true;
    await Promise.race([this.handOver(), aborted(giveUp)]);
    this.#isCutShort = this.#pool.openChunks.length > 0;
    const result = await this.#sender.close(giveUp);
    await this.#pool.close();
    for (const { batch } of this.#pool.openChunks) batch.giveUp(closedBefore);
    return result;
  }

  /** A turn later: memory comes back in the middle of other things, among them of writing a record. */
  #tellRoom(): void {
    if (!this.#isRoomWanted) return;
    this.#isRoomWanted = false;
    this.#after(0, this.#onRoom);
  }

  /** What has not come as far as the sender never will. */
  #giveUp({ message }: Error, left: readonly RecordChunk[]): void {
    this.#fault = { error: undefined, message };
    for (const { batch } of left) batch.giveUp(this.#fault);
    this.#batches.drop(this.#fault);
  }

  #dispatch(batch: OpenBatch): void {
    const { run: input, recordCount, baseTimestampMs: timestampMs } = batch;
    this.#nextChunk += 1;
    this.#pool.submit({
      batch,
      number: this.#nextChunk,
      input,
      recordCount,
      timestampMs,
      bytes: batch.bytes - BATCH_HEADER_BYTES,
      headBytes: BATCH_HEADER_BYTES,
      flags: encodeFlags.RECORDS,
      trailerAddress: 0,
      trailerBytes: 0,
      recordBytesMax: 0,
    });
  }

  #accumulate({ chunk, sealed }: EncodedPart<RecordChunk>): void {
    const { batch } = chunk;
    if (sealed === undefined) return;
    if (this.#isCutShort) {
      batch.giveUp(closedBefore);
      return;
    }
    const { maxTimestampMs, topic, partition, createdMs, deliveries } = batch;
    const { recordCount, batchBytes, rawBytes } = sealed;
    this.#sender.append(
      new ProducerBatch({
        id: this.#sender.takeBatchId(),
        topic,
        partition,
        recordCount,
        batchBytes,
        rawBytes,
        createdMs,
        payload: {
          sealed: { ...sealed, maxTimestampMs, keepsTimestamp: true },
          ranges: deliveries,
        },
      }),
    );
  }
}

const closedBefore = {
  error: undefined,
  message: 'the producer was closed before it could be sent',
} as const;

function cutDeliveries(
  batch: SealedProducerBatch<Deliveries>,
  counts: readonly number[],
): Deliveries[] {
  let from = 0;
  return counts.map((count) => batch.payload.ranges.slice(from, (from += count)));
}
