/** Where the encoders write to: runs of the arena, of which the oldest chunk of a lane can always have one, as long as its lane may. */
import { BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import { claimLess, type Arena, type Run } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert } from '../shared/assert.ts';
import { isOldest, isRecords, type ChunkToEncode, type OpenChunk } from './encode-order.ts';
import { RECORD_OVERHEAD_BYTES_MAX } from './encode-task.ts';

/** One encode of one chunk, or of a part of it. */
export interface Job<Chunk extends ChunkToEncode> {
  readonly open: OpenChunk<Chunk>;
  readonly output: Run;
  readonly use: EncodeUse;
  /** Of the chunk, from where it is encoded to. */
  readonly inputBytes: number;
  /** The output is the reserve: it stays whole, so that its place is long enough again when it is freed. */
  readonly isReserve: boolean;
}

/** For a batch of the chunk that its lane waits for, or of a younger one. */
type EncodeUse = 'encodeOldest' | 'encodeYounger';

/** Who may have how much of the arena for batches. Whoever settles a batch gives back what it has. */
export interface LaneShares {
  claim(lane: string, bytes: number, use: EncodeUse): Run | undefined;
  /** @returns whether the lane has the reserve now, for its oldest chunk */
  takeReserve(lane: string, bytes: number): boolean;
  give(lane: string, bytes: number, use: EncodeUse): void;
  /** So many free bytes will be claimed for the reserve, and for no lane. 0: they are claimed. */
  setAside(bytes: number): void;
}

/** Shorter outputs would make batches of a few lines. */
const PIECE_BYTES_MIN = 8 * 1024;
const NEWLINE = 10;

export class OutputClaims<Chunk extends ChunkToEncode> {
  readonly #memory: SharedMemory;
  readonly #arena: Arena;
  readonly #batchBytesMax: number;
  readonly #shares: LaneShares | undefined;
  /** So that the oldest chunk can go on, however full the arena is with batches that wait for it. */
  #reserve: Run | undefined;

  /** @param shares left out: every lane may have all of it */
  constructor(memory: SharedMemory, arena: Arena, batchBytesMax: number, shares?: LaneShares) {
    this.#memory = memory;
    this.#arena = arena;
    this.#batchBytesMax = batchBytesMax;
    this.#shares = shares;
    this.#reserve = arena.claim(batchBytesMax);
    assert(this.#reserve !== undefined, 'a new arena holds a batch');
  }

  /** Something was freed: the reserve comes first. */
  refill(): void {
    if (this.#reserve !== undefined) return;
    this.#reserve = this.#arena.claim(this.#batchBytesMax);
    this.#shares?.setAside(this.#reserve === undefined ? this.#batchBytesMax : 0);
  }

  /** The reserve too is free again. */
  close(): void {
    if (this.#reserve !== undefined) this.#arena.free(this.#reserve);
    this.#reserve = undefined;
  }

  /** @returns undefined when there is no room for this chunk now */
  claim(open: OpenChunk<Chunk>): Job<Chunk> | undefined {
    const inputBytes = open.chunk.bytes - open.encodedTo;
    const output = this.#claimRun(open, this.#outputBytes(open.chunk, inputBytes));
    if (output !== undefined) return jobOf(open, output, inputBytes);
    // Records need no reserve: they can go out as they lie.
    if (!isOldest(open) || isRecords(open.chunk)) return undefined;
    return this.#claimReserve(open, inputBytes) ?? this.#claimForPiece(open, inputBytes);
  }

  /** The output holds a batch of so many bytes; what lies behind them is free again. 0: all of it. */
  trim({ open: { lane }, output, use, isReserve }: Job<Chunk>, batchBytes: number): Run {
    const { bytes } = output;
    if (batchBytes === 0) this.#arena.free(output);
    else if (!isReserve) this.#arena.trim(output, batchBytes);
    this.#shares?.give(lane.name, batchBytes === 0 ? bytes : bytes - output.bytes, use);
    return output;
  }

  #claimRun(open: OpenChunk<Chunk>, bytes: number): Run | undefined {
    if (this.#shares === undefined) return this.#arena.claim(bytes);
    return this.#shares.claim(open.lane.name, bytes, useOf(open));
  }

  #claimReserve(open: OpenChunk<Chunk>, inputBytes: number): Job<Chunk> | undefined {
    const output = this.#reserve;
    if (output === undefined) return undefined;
    if (this.#shares?.takeReserve(open.lane.name, output.bytes) === false) return undefined;
    this.#reserve = undefined;
    this.#shares?.setAside(this.#batchBytesMax);
    return { ...jobOf(open, output, inputBytes), isReserve: true };
  }

  /** No more than a batch, and no more than the input can become: records what they are, lines a record for each byte at worst. */
  #outputBytes(chunk: Chunk, inputBytes: number): number {
    if (isRecords(chunk)) return BATCH_HEADER_BYTES + inputBytes;
    const one = RECORD_OVERHEAD_BYTES_MAX + chunk.trailerBytes;
    return Math.min(this.#batchBytesMax, BATCH_HEADER_BYTES + (inputBytes + 1) * one);
  }

  /**
   * Room is left, but in holes shorter than a batch, or the lane may have no more than that: its oldest chunk goes on in pieces. The first line of
   * each surely fits, so that every piece makes progress.
   */
  #claimForPiece(open: OpenChunk<Chunk>, rest: number): Job<Chunk> | undefined {
    const { chunk, encodedTo } = open;
    const around = BATCH_HEADER_BYTES + RECORD_OVERHEAD_BYTES_MAX + chunk.trailerBytes;
    const lines = this.#memory.buffer(chunk.input.address + encodedTo, rest);
    const least = Math.max(PIECE_BYTES_MIN, around + lines.indexOf(NEWLINE) + 1);
    const output = claimLess(this.#batchBytesMax, least, (bytes) => this.#claimRun(open, bytes));
    if (output === undefined) return undefined;
    const inputBytes = lines.subarray(0, output.bytes - around).lastIndexOf(NEWLINE) + 1;
    return jobOf(open, output, inputBytes);
  }
}

function jobOf<Chunk extends ChunkToEncode>(
  open: OpenChunk<Chunk>,
  output: Run,
  inputBytes: number,
): Job<Chunk> {
  return { open, output, use: useOf(open), inputBytes, isReserve: false };
}

function useOf<Chunk extends ChunkToEncode>(open: OpenChunk<Chunk>): EncodeUse {
  return isOldest(open) ? 'encodeOldest' : 'encodeYounger';
}
