/**
 * Stage 1 of 7 of the library, where the daemon has inputs. Writes records into the open batch of their partition and hands full or
 * lingering ones on. From: `send`. To: encoder pool. Bounds: `buffer.memory`; says no when it is full.
 * Crash: what is here is lost, as with any producer: nobody was told that it is delivered.
 */
import type { Abandoned } from '../ack/produce-outcome.ts';
import type { Kernel } from '../encode/kernel.ts';
import { BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import {
  recordBytes,
  RecordWriter,
  type RecordHeaders,
  type RecordPart,
} from '../kafka/record-writer.ts';
import { GUARD_BYTES, PAGE_BYTES, type Arena, type Run } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert } from '../shared/assert.ts';
import type { Delivery, WrittenRecord } from './delivery.ts';
import { HeldBytes, LaneMemory, type Lane } from './lane-memory.ts';
import { OpenBatch } from './open-batch.ts';
import { RecordDesk, RecordDesks } from './record-desk.ts';

/** A serialized record with its place. */
export interface PlacedRecord extends WrittenRecord {
  /** Undefined: any. */
  readonly partition: number | undefined;
  readonly key: RecordPart;
  readonly value: RecordPart;
  readonly headers: RecordHeaders;
  /** Enough for it, as `checkSize` says. */
  readonly bytesMax: number;
}

export interface OpenBatchesOptions {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly kernel: Pick<Kernel, 'copy'>;
  /** batch.size: a batch with this many bytes, before compression, is handed on. A longer record has one of its own. */
  readonly batchBytes: number;
  /** linger.ms: a batch that is not full is handed on after this. 0: when the turn of the event loop is over. */
  readonly lingerMs: number;
  /** The sender's clock. */
  readonly nowMs: () => number;
  /** Calls back once, after so many ms or later. @returns what takes it back */
  readonly after: (delayMs: number, then: () => void) => () => void;
  readonly dispatch: (batch: OpenBatch) => void;
  /** Whether other batches of the place wait to be sent. */
  readonly isBehind: (topic: string, partition: number | undefined) => boolean;
}

/** What a batch begins with when many are open, or the last one stayed short: most are closed by linger.ms with few records in them. */
const FIRST_RUN_BYTES = 4 * PAGE_BYTES - GUARD_BYTES;

/**
 * Without memory batches wait no longer than this, whatever linger.ms says: what they hold may be all that there is (RecordAccumulator's
 * `exhausted`). And no shorter: closed at once they would be small ones, and small ones are what a full memory can afford least.
 */
const SHORT_LINGER_MS = 5;

/**
 * A batch that would wait behind others stays open for more records, as in Java the last one of a queue does: each that is closed has a page of
 * memory, however short it is. But no longer than this: it is looked at for delivery.timeout.ms only when it is closed.
 */
const BEHIND_MS_MAX = 1000;
/** Between two looks whether it still would. */
const BEHIND_LOOK_MS = 5;

/** Of its length: by less a batch does not grow, or it would be copied again and again, a page longer each time. */
const GROWTH_MIN = 5 / 4;

/** Of the memory: so much may be claimed ahead of the records. */
const WHOLE_RUNS_SHARE = 1 / 4;

export class OpenBatches {
  readonly #options: OpenBatchesOptions;
  readonly #writer: RecordWriter;
  readonly #laneMemory: LaneMemory;
  readonly #desks = new RecordDesks();
  /** By topic, then by partition, as the open ones. */
  readonly #lanes = new Map<string, (Lane | undefined)[]>();
  /** By topic, then by partition, the one for any first. What was used once keeps its place: there is a batch for it again and again. */
  readonly #open = new Map<string, (OpenBatch | undefined)[]>();
  /** All of them, oldest first. */
  readonly #byAge: OpenBatch[] = [];
  /** Of the batch that was closed last. */
  #lastBytes = 0;
  /** Of the last record that found no memory, until one of this lane finds some, or there is plenty. */
  #short: Lane | undefined;
  /** Open, and written to last: mostly the next record goes there, too. */
  #last: OpenBatch | undefined;
  #untime: () => void = () => undefined;
  #timedMs = Infinity;

  constructor(options: OpenBatchesOptions) {
    this.#options = options;
    this.#writer = new RecordWriter(options.memory.bytes);
    this.#laneMemory = new LaneMemory(options.arena);
  }

  /**
   * Whether there is room for the record now; if there is, it is written, and `delivery` will be settled. Nothing of `record` is kept.
   *
   * @param slot by which `delivery` knows the record
   */
  append(record: PlacedRecord, delivery: Delivery, slot: number): boolean {
    const batch = this.#batchFor(record);
    if (batch === undefined) {
      this.#setShort(this.#laneOf(record.topic, record.partition));
      return false;
    }
    if (this.#short !== undefined) this.#soothe(batch.lane);
    this.#write(batch, record, delivery, slot);
    return true;
  }

  /** Hands on what there is, of all topics. */
  flush(): void {
    for (const batch of [...this.#byAge]) this.#closeIfOpen(batch);
    this.#stopTimer();
  }

  /** One with room for the record; undefined for want of memory. */
  #batchFor(record: PlacedRecord): OpenBatch | undefined {
    const open = this.#openFor(record);
    if (open === undefined) return this.#begin(record);
    const end = this.#endWith(open, record);
    if (end > this.#options.batchBytes) {
      this.#close(open);
      return this.#begin(record);
    }
    return end <= open.run.bytes || this.#grow(open, end) ? open : undefined;
  }

  #openFor({ topic, partition }: PlacedRecord): OpenBatch | undefined {
    const last = this.#last;
    if (last?.partition === partition && last?.topic === topic) return last;
    return this.#open.get(topic)?.[placeOf(partition)];
  }

  #begin(record: PlacedRecord): OpenBatch | undefined {
    const { nowMs } = this.#options;
    const { topic, partition, timestampMs } = record;
    const lane = this.#laneOf(topic, partition);
    const run = this.#claimFirst(lane, BATCH_HEADER_BYTES + record.bytesMax);
    if (run === undefined) return undefined;
    const batch = new OpenBatch(record, lane, run, nowMs(), timestampMs);
    this.#ofTopic(topic)[placeOf(partition)] = batch;
    batch.desk = this.#desks.take();
    this.#byAge.push(batch);
    this.#time();
    return batch;
  }

  #ofTopic(topic: string): (OpenBatch | undefined)[] {
    let ofTopic = this.#open.get(topic);
    if (ofTopic === undefined) this.#open.set(topic, (ofTopic = []));
    return ofTopic;
  }

  #laneOf(topic: string, partition: number | undefined): Lane {
    let ofTopic = this.#lanes.get(topic);
    if (ofTopic === undefined) this.#lanes.set(topic, (ofTopic = []));
    return (ofTopic[placeOf(partition)] ??= { bytes: 0 });
  }

  /**
   * As long as few batches are open, and they become long, each has room for all of it at once, and is never copied; what it leaves goes back
   * when it is closed.
   */
  #claimFirst(lane: Lane, needed: number): Run | undefined {
    const { batchBytes } = this.#options;
    const memory = this.#laneMemory;
    const first = Math.max(needed, Math.min(FIRST_RUN_BYTES, batchBytes));
    const areFew = (this.#byAge.length + 1) * batchBytes <= memory.totalBytes * WHOLE_RUNS_SHARE;
    const isLong = this.#lastBytes > FIRST_RUN_BYTES;
    const wholeBytes = Math.max(needed, batchBytes);
    const whole = areFew && isLong ? memory.claim(lane, wholeBytes, needed) : undefined;
    return whole ?? memory.claim(lane, first, needed) ?? memory.claim(lane, needed, needed);
  }

  /** How long the batch is with the record; no longer than so, where it has the room. */
  #endWith(batch: OpenBatch, record: PlacedRecord): number {
    const end = batch.bytes + record.bytesMax;
    if (end <= Math.min(batch.run.bytes, this.#options.batchBytes)) return end;
    // The bound is cheap and too long for text: where it matters, the text is gone through.
    const { key, value, headers, timestampMs } = record;
    const delta = timestampMs - batch.baseTimestampMs;
    return batch.bytes + recordBytes(batch.recordCount, delta, key, value, headers);
  }

  #write(batch: OpenBatch, record: PlacedRecord, delivery: Delivery, slot: number): void {
    const { key, value, headers, timestampMs } = record;
    const delta = timestampMs - batch.baseTimestampMs;
    const desk = this.#deskFor(batch, record.bytesMax);
    const writer = desk?.writer ?? this.#writer;
    const at = desk?.length ?? batch.run.address + batch.bytes;
    const bytes = writer.write(at, batch.recordCount, delta, key, value, headers);
    if (desk !== undefined) desk.length += bytes;
    batch.bytes += bytes;
    delivery.written(slot, record, writer.keySize, writer.valueSize);
    batch.deliveries.push(delivery, slot);
    if (timestampMs > batch.maxTimestampMs) batch.maxTimestampMs = timestampMs;
    if (this.#last !== batch) this.#last = batch;
    if (batch.bytes >= this.#options.batchBytes) this.#close(batch);
  }

  /** With room for the record. */
  #deskFor(batch: OpenBatch, bytesMax: number): RecordDesk | undefined {
    const { desk } = batch;
    if (desk === undefined) return undefined;
    const isTaken = RecordDesk.takes(bytesMax);
    if (!isTaken || !desk.hasRoom(bytesMax)) this.#clearDesk(batch);
    return isTaken ? desk : undefined;
  }

  /** Its run has all of its records. */
  #clearDesk({ desk, run, bytes }: OpenBatch): void {
    if (desk === undefined || desk.length === 0) return;
    desk.clear(this.#options.memory.bytes, run.address + bytes - desk.length);
  }

  /** Twice as long, up to a whole batch: memory is claimed by what comes, not by how many partitions there are. */
  #grow(batch: OpenBatch, needed: number): boolean {
    const { kernel, batchBytes } = this.#options;
    const memory = this.#laneMemory;
    const { lane } = batch;
    const least = Math.max(needed, Math.min(batchBytes, GROWTH_MIN * batch.run.bytes));
    const wanted = Math.max(least, Math.min(batchBytes, 2 * batch.run.bytes));
    const longer = memory.claim(lane, wanted, needed) ?? memory.claim(lane, least, needed);
    if (longer === undefined) return false;
    this.#clearDesk(batch);
    kernel.copy(batch.run.address, longer.address, batch.bytes);
    const shorter = batch.run;
    batch.run = longer;
    memory.free(lane, shorter);
    return true;
  }

  /** Gives up what there is, of all topics: none of it was sent. */
  drop(why: Pick<Abandoned, 'error' | 'message'>): void {
    for (const batch of [...this.#byAge]) {
      this.#takeOut(batch);
      this.#laneMemory.free(batch.lane, batch.run);
      batch.giveUp(why);
    }
  }

  #takeOut(batch: OpenBatch): void {
    const ofTopic = this.#ofTopic(batch.topic);
    const place = placeOf(batch.partition);
    assert(ofTopic[place] === batch, 'an open batch is known by its place');
    ofTopic[place] = undefined;
    this.#byAge.splice(this.#byAge.indexOf(batch), 1);
    if (this.#last === batch) this.#last = undefined;
    if (batch.desk !== undefined) this.#desks.give(batch.desk);
    batch.desk = undefined;
  }

  /** One that was closed before it may have ended all of them. */
  #closeIfOpen(batch: OpenBatch): void {
    if (this.#byAge.includes(batch)) this.#close(batch);
  }

  #close(batch: OpenBatch): void {
    this.#clearDesk(batch);
    this.#takeOut(batch);
    this.#lastBytes = batch.bytes;
    batch.run = this.#laneMemory.trim(batch.lane, batch.run, batch.bytes);
    batch.deliveries.hold(new HeldBytes(this.#laneMemory, batch.lane, batch.run.bytes));
    this.#options.dispatch(batch);
  }

  #time(): void {
    const { nowMs, after } = this.#options;
    const dueMs = this.#nextDueMs();
    if (dueMs >= this.#timedMs) return;
    this.#untime();
    this.#timedMs = dueMs;
    this.#untime = after(Math.max(0, dueMs - nowMs()), () => {
      this.#timedMs = Infinity;
      const wokenMs = nowMs();
      const lingerMs = this.#lingerMs;
      for (const batch of [...this.#byAge]) {
        // Added up as when it was timed: taken off instead, it may be rounded to a moment too early.
        if (batch.createdMs + lingerMs > wokenMs) break;
        batch.isHeld = this.#staysOpen(batch);
        if (!batch.isHeld) this.#closeIfOpen(batch);
      }
      this.#time();
    });
  }

  #stopTimer(): void {
    this.#untime();
    this.#timedMs = Infinity;
  }

  #nextDueMs(): number {
    const [oldest] = this.#byAge;
    const lingering = this.#byAge.find(({ isHeld }) => !isHeld);
    const dueMs = lingering === undefined ? Infinity : lingering.createdMs + this.#lingerMs;
    return oldest?.isHeld === true
      ? Math.min(dueMs, this.#options.nowMs() + BEHIND_LOOK_MS)
      : dueMs;
  }

  #staysOpen({ topic, partition, createdMs }: OpenBatch): boolean {
    const { nowMs, isBehind } = this.#options;
    if (this.#short !== undefined || nowMs() - createdMs >= BEHIND_MS_MAX) return false;
    return isBehind(topic, partition);
  }

  get #lingerMs(): number {
    const { lingerMs } = this.#options;
    return this.#short !== undefined ? Math.min(lingerMs, SHORT_LINGER_MS) : lingerMs;
  }

  /** A record of the lane found room. */
  #soothe(lane: Lane): void {
    if (this.#short === lane || this.#laneMemory.isAmple) this.#setShort(undefined);
  }

  #setShort(lane: Lane | undefined): void {
    const wasShort = this.#short !== undefined;
    this.#short = lane;
    if (wasShort === (lane !== undefined)) return;
    this.#stopTimer();
    this.#time();
  }
}

/** Index among the batches of a topic. */
function placeOf(partition: number | undefined): number {
  return partition === undefined ? 0 : partition + 1;
}
