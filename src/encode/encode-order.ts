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

/** Chunks that are handed on in their order, oldest first; lanes do not wait for each other. */
export interface Lane<Chunk extends ChunkToEncode> {
  readonly name: string;
  readonly open: OpenChunk<Chunk>[];
}

/** A chunk on its way through the encoders. */
export interface OpenChunk<Chunk extends ChunkToEncode> {
  readonly chunk: Chunk;
  readonly lane: Lane<Chunk>;
  /** Grows with every submission. */
  readonly age: number;
  /** Bytes that are encoded. */
  encodedTo: number;
  /** Encoded, but an older chunk of the lane is not: they wait. */
  readonly waiting: EncodedPart<Chunk>[];
  isEncoded: boolean;
}

/** Whether the chunk is the one that its lane waits for. */
export function isOldest<Chunk extends ChunkToEncode>(open: OpenChunk<Chunk>): boolean {
  return open.lane.open[0] === open;
}

/** Hands the parts of each lane on in chunk order. */
export class EncodeOrder<Chunk extends ChunkToEncode> {
  /** A lane that was there once stays: it is used again and again. */
  readonly #lanes = new Map<string, Lane<Chunk>>();
  #openCount = 0;
  #age = 0;
  readonly #handOn: (part: EncodedPart<Chunk>) => void;

  constructor(handOn: (part: EncodedPart<Chunk>) => void) {
    this.#handOn = handOn;
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** Not wholly handed on, each lane's in its order. */
  get openChunks(): Chunk[] {
    return [...this.#lanes.values()].flatMap(({ open }) => open.map(({ chunk }) => chunk));
  }

  add(chunk: Chunk, laneName: string): OpenChunk<Chunk> {
    this.#age += 1;
    this.#openCount += 1;
    const lane = this.#lane(laneName);
    const open = { chunk, lane, age: this.#age, encodedTo: 0, waiting: [], isEncoded: false };
    lane.open.push(open);
    return open;
  }

  /** The next part of a chunk is there. Whoever it is handed to may add chunks, but must not be done with any. */
  done(open: OpenChunk<Chunk>, part: EncodedPart<Chunk>): void {
    open.encodedTo = part.to;
    open.isEncoded = part.last;
    if (!isOldest(open)) {
      open.waiting.push(part);
      return;
    }
    this.#handOn(part);
    if (part.last) this.#advance(open.lane);
  }

  /** From the oldest, which is done, to the next one that is not, and with what of them waits. */
  #advance({ open }: Lane<Chunk>): void {
    let oldest: OpenChunk<Chunk> | undefined;
    do {
      open.shift();
      this.#openCount -= 1;
      [oldest] = open;
      for (const next of oldest?.waiting.splice(0) ?? []) this.#handOn(next);
    } while (oldest?.isEncoded === true);
  }

  #lane(name: string): Lane<Chunk> {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane: Lane<Chunk> = { name, open: [] };
    this.#lanes.set(name, lane);
    return lane;
  }
}
