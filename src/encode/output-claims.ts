/** Where the encoders write to: runs of the arena, of which the oldest chunk can always have one. */
import { BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import type { Arena, Run } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert } from '../shared/assert.ts';
import { isRecords, type ChunkToEncode, type OpenChunk } from './encode-order.ts';
import { RECORD_OVERHEAD_BYTES_MAX } from './encode-task.ts';

/** One encode of one chunk, or of a part of it. */
export interface Job<Chunk extends ChunkToEncode> {
  readonly open: OpenChunk<Chunk>;
  readonly output: Run;
  /** Of the chunk, from where it is encoded to. */
  readonly inputBytes: number;
  /** The output is the reserve: it stays whole, so that its place is long enough again when it is freed. */
  readonly isReserve: boolean;
}

/** Shorter outputs would make a batch of a few lines. */
const PIECE_BYTES_MIN = 64 * 1024;
const NEWLINE = 10;

export class OutputClaims<Chunk extends ChunkToEncode> {
  readonly #memory: SharedMemory;
  readonly #arena: Arena;
  readonly #batchBytesMax: number;
  /** So that the oldest chunk can go on, however full the arena is with batches that wait for it. */
  #reserve: Run | undefined;

  constructor(memory: SharedMemory, arena: Arena, batchBytesMax: number) {
    this.#memory = memory;
    this.#arena = arena;
    this.#batchBytesMax = batchBytesMax;
    this.#reserve = arena.claim(batchBytesMax);
    assert(this.#reserve !== undefined, 'a new arena holds a batch');
  }

  /** Something was freed: the reserve comes first. */
  refill(): void {
    this.#reserve ??= this.#arena.claim(this.#batchBytesMax);
  }

  /** The reserve too is free again. */
  close(): void {
    if (this.#reserve !== undefined) this.#arena.free(this.#reserve);
    this.#reserve = undefined;
  }

  /** @returns undefined when there is no room for this chunk now */
  claim(open: OpenChunk<Chunk>, isOldest: boolean): Job<Chunk> | undefined {
    const inputBytes = open.chunk.bytes - open.encodedTo;
    const output = this.#arena.claim(this.#outputBytes(open.chunk, inputBytes));
    if (output !== undefined) return { open, output, inputBytes, isReserve: false };
    // Records need no reserve: they can go out as they lie.
    if (!isOldest || isRecords(open.chunk)) return undefined;
    const reserve = this.#reserve;
    if (reserve === undefined) return this.#claimForPiece(open, inputBytes);
    this.#reserve = undefined;
    return { open, output: reserve, inputBytes, isReserve: true };
  }

  /** No more than a batch, and no more than the input can become: records what they are, lines a record for each byte at worst. */
  #outputBytes(chunk: Chunk, inputBytes: number): number {
    if (isRecords(chunk)) return BATCH_HEADER_BYTES + inputBytes;
    const one = RECORD_OVERHEAD_BYTES_MAX + chunk.trailerBytes;
    return Math.min(this.#batchBytesMax, BATCH_HEADER_BYTES + (inputBytes + 1) * one);
  }

  /**
   * Room is left, but in holes shorter than a batch, and the reserve is taken by a batch of a topic that takes nothing: the oldest chunk goes on in
   * pieces. Only its whole lines that surely fit are encoded, so that the piece makes progress.
   */
  #claimForPiece(open: OpenChunk<Chunk>, rest: number): Job<Chunk> | undefined {
    const { chunk, encodedTo } = open;
    const room = BATCH_HEADER_BYTES + RECORD_OVERHEAD_BYTES_MAX + chunk.trailerBytes;
    const start = chunk.input.address + encodedTo;
    for (let bytes = this.#batchBytesMax / 2; bytes >= PIECE_BYTES_MIN; bytes /= 2) {
      const lines = this.#memory.buffer(start, Math.min(rest, Math.floor(bytes) - room));
      const inputBytes = lines.lastIndexOf(NEWLINE) + 1;
      const output = inputBytes > 0 ? this.#arena.claim(bytes) : undefined;
      if (output !== undefined) return { open, output, inputBytes, isReserve: false };
    }
    return undefined;
  }
}
