/** Chunks and parts in their order, whichever worker was first. */
import type { Run } from '../ring/arena.ts';
import { encodeFlags } from './encode-task.ts';

/** What the pool needs to know of a chunk; the caller's own object comes back with every part of it. */
export interface ChunkToEncode {
  readonly number: number;
  /** Whole frames; the pool takes the run over and frees it after the last part. */
  readonly input: Run;
  /** Without `headBytes`. */
  readonly bytes: number;
  /** Blank bytes before the first frame. Records have room for a batch header there, so that they can become a batch where they lie. */
  readonly headBytes?: number;
  /** Of a chunk of records (`encodeFlags.RECORDS`). */
  readonly recordCount?: number;
  readonly trailerAddress: number;
  readonly trailerBytes: number;
  readonly flags: number;
  readonly recordBytesMax: number;
  readonly timestampMs: number;
}

/** Whether a chunk holds records instead of lines. */
export function isRecords({ flags }: ChunkToEncode): boolean {
  return (flags & encodeFlags.RECORDS) !== 0;
}

/** A finished RecordBatch in the arena: 61 blank header bytes, then the payload. */
export interface SealedBatch {
  readonly run: Run;
  /** Header and payload. */
  readonly batchBytes: number;
  readonly recordCount: number;
  /** CRC-32C of the payload, unsigned. */
  readonly payloadCrc: number;
  /** Codec id. */
  readonly attributes: number;
  /** The payload before compression. */
  readonly rawBytes: number;
  readonly timestampMs: number;
}

/** Bytes [from, to) of a chunk, encoded. */
export interface EncodedPart<Chunk extends ChunkToEncode = ChunkToEncode> {
  readonly chunk: Chunk;
  readonly from: number;
  readonly to: number;
  /** No part of the chunk follows. */
  readonly last: boolean;
  /** Undefined when no record came out: empty or dropped lines alone. */
  readonly sealed: SealedBatch | undefined;
  readonly emptyCount: number;
  readonly longCount: number;
}

/** A chunk on its way through the encoders. */
export interface OpenChunk<Chunk extends ChunkToEncode> {
  readonly chunk: Chunk;
  /** Grows with every submission. */
  readonly age: number;
  /** Bytes that are encoded. */
  encodedTo: number;
  /** Encoded, but an older chunk is not: they wait. */
  readonly waiting: EncodedPart<Chunk>[];
  isEncoded: boolean;
}

/** Hands parts on in chunk order. */
export class EncodeOrder<Chunk extends ChunkToEncode> {
  readonly #open: OpenChunk<Chunk>[] = [];
  #age = 0;
  readonly #handOn: (part: EncodedPart<Chunk>) => void;

  constructor(handOn: (part: EncodedPart<Chunk>) => void) {
    this.#handOn = handOn;
  }

  get openCount(): number {
    return this.#open.length;
  }

  get oldest(): OpenChunk<Chunk> | undefined {
    return this.#open[0];
  }

  add(chunk: Chunk): OpenChunk<Chunk> {
    this.#age += 1;
    const open = { chunk, age: this.#age, encodedTo: 0, waiting: [], isEncoded: false };
    this.#open.push(open);
    return open;
  }

  /** The next part of a chunk is there. Whoever it is handed to may add chunks, but must not be done with any. */
  done(open: OpenChunk<Chunk>, part: EncodedPart<Chunk>): void {
    open.encodedTo = part.to;
    open.isEncoded = part.last;
    if (open !== this.oldest) {
      open.waiting.push(part);
      return;
    }
    this.#handOn(part);
    if (part.last) this.#advance();
  }

  /** From the oldest, which is done, to the next one that is not, and with what of them waits. */
  #advance(): void {
    let oldest: OpenChunk<Chunk> | undefined;
    do {
      this.#open.shift();
      oldest = this.oldest;
      for (const next of oldest?.waiting.splice(0) ?? []) this.#handOn(next);
    } while (oldest?.isEncoded === true);
  }
}
