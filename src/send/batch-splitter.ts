/**
 * Cuts a sealed batch that a broker finds too large into pieces, and seals them. The records stay as they are but for their offset deltas,
 * which begin at 0 in each piece.
 */
import { decompress } from '../kafka/compression.ts';
import type { Compressor } from '../kafka/compression.ts';
import { crc32c } from '../kafka/crc32c.ts';
import { batchAttributes, BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import { varintBytes } from '../kafka/record-writer.ts';
import { Reader, Writer } from '../kafka/wire.ts';
import type { Arena, Run } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert, present } from '../shared/assert.ts';
import { bytesOf } from './batch-memory.ts';
import type { SealedBatch } from './batch-memory.ts';

/** Where a record lies in the payload, and the one field of it that changes. */
interface RecordPlace {
  /** Attributes and timestamp delta, behind the length. */
  readonly from: number;
  readonly offsetDeltaFrom: number;
  readonly offsetDeltaTo: number;
  readonly to: number;
}

/** A piece before it has its place. */
export interface Piece {
  readonly recordCount: number;
  readonly rawBytes: number;
  readonly codec: number;
  readonly payload: Uint8Array;
}

export interface CutOptions {
  readonly memory: SharedMemory;
  readonly sealed: SealedBatch;
  /** Header and payload of each piece stay within, unless one record alone is longer. */
  readonly pieceBytesMax: number;
  /** Of the codec of the batch. */
  readonly compressor: Compressor;
}

/**
 * At least two pieces, in the order of the records; the batch itself, which must be live, is left as it is.
 *
 * @throws {Bug} when the batch holds a single record, or its payload is not what its header says
 */
export function cutSealed(options: CutOptions): Piece[] {
  const { sealed, memory } = options;
  assert(sealed.recordCount > 1, 'a single record cannot be split');
  const stored = bytesOf(memory, sealed).subarray(BATCH_HEADER_BYTES);
  const codec = sealed.attributes & batchAttributes.codecMask;
  const records = codec === 0 ? stored : decompress(codec, stored);
  const places = placesOf(records, sealed.recordCount);
  return piecesOf(options, records, places);
}

function placesOf(records: Uint8Array, count: number): RecordPlace[] {
  const reader = new Reader(records);
  const places: RecordPlace[] = [];
  for (let index = 0; index < count; index += 1) {
    const outerEnd = reader.enter(reader.varint());
    const from = reader.position;
    const to = from + reader.remaining;
    reader.int8();
    reader.varlong();
    const offsetDeltaFrom = reader.position;
    assert(reader.varint() === index, 'offset deltas count up from 0');
    places.push({ from, offsetDeltaFrom, offsetDeltaTo: reader.position, to });
    reader.skip(reader.remaining);
    reader.leave(outerEnd);
  }
  reader.finish();
  return places;
}

/** First cut by the batch's own ratio of compression, then in halves, for as long as a piece turns out too large. */
function piecesOf(options: CutOptions, records: Uint8Array, places: RecordPlace[]): Piece[] {
  const { sealed, pieceBytesMax } = options;
  const ratio = sealed.rawBytes / (sealed.batchBytes - BATCH_HEADER_BYTES);
  const rawMax = Math.max(1, (pieceBytesMax - BATCH_HEADER_BYTES) * Math.max(1, ratio));
  const rawTarget = Math.min(rawMax, sealed.rawBytes / 2);
  const pieces: Piece[] = [];
  const waiting = cut(places, rawTarget).reverse();
  for (let group = waiting.pop(); group !== undefined; group = waiting.pop()) {
    const piece = encode(options, records, group);
    if (piece.payload.byteLength + BATCH_HEADER_BYTES <= pieceBytesMax || group.length === 1) {
      pieces.push(piece);
    } else {
      const half = Math.ceil(group.length / 2);
      waiting.push(group.slice(half), group.slice(0, half));
    }
  }
  return pieces;
}

/** Groups of about `rawTarget` bytes; never one group alone. */
function cut(places: RecordPlace[], rawTarget: number): RecordPlace[][] {
  const groups: RecordPlace[][] = [];
  let group: RecordPlace[] = [];
  let bytes = 0;
  for (const place of places) {
    const recordBytes = place.to - place.from;
    if (group.length > 0 && bytes + recordBytes > rawTarget) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(place);
    bytes += recordBytes;
  }
  groups.push(group);
  if (groups.length > 1) return groups;
  const half = Math.ceil(places.length / 2);
  return [places.slice(0, half), places.slice(half)];
}

function encode(options: CutOptions, records: Uint8Array, group: RecordPlace[]): Piece {
  const writer = new Writer();
  for (const [offsetDelta, place] of group.entries()) {
    const before = records.subarray(place.from, place.offsetDeltaFrom);
    const behind = records.subarray(place.offsetDeltaTo, place.to);
    writer.varint(before.byteLength + varintBytes(offsetDelta) + behind.byteLength);
    writer.copy(before);
    writer.varint(offsetDelta);
    writer.copy(behind);
  }
  const plain = present(writer.finish()[0], 'copies make one fragment');
  const codec = options.sealed.attributes & batchAttributes.codecMask;
  const packed = codec === 0 ? plain : options.compressor.compress(plain);
  const isSmaller = packed.byteLength < plain.byteLength;
  return {
    recordCount: group.length,
    rawBytes: plain.byteLength,
    codec: isSmaller ? codec : 0,
    payload: isSmaller ? packed : plain,
  };
}

/** @returns the pieces of `whole` in the arena, each in a run of its own; undefined when there is no room for all of them now */
export function sealInArena(
  { memory, arena }: { readonly memory: SharedMemory; readonly arena: Arena },
  whole: SealedBatch,
  pieces: readonly Piece[],
): SealedBatch[] | undefined {
  const runs: Run[] = [];
  for (const { payload } of pieces) {
    const run = arena.claim(BATCH_HEADER_BYTES + payload.byteLength);
    if (run === undefined) {
      for (const claimed of runs) arena.free(claimed);
      return undefined;
    }
    memory.view(run.address, run.bytes).set(payload, BATCH_HEADER_BYTES);
    runs.push(run);
  }
  return pieces.map((piece, index) =>
    sealedPiece(whole, piece, present(runs[index], 'a run each')),
  );
}

/** The pieces of `whole` beside the arena, which is full. */
export function sealOutside(whole: SealedBatch, pieces: readonly Piece[]): SealedBatch[] {
  return pieces.map((piece) => {
    const bytes = new Uint8Array(BATCH_HEADER_BYTES + piece.payload.byteLength);
    bytes.set(piece.payload, BATCH_HEADER_BYTES);
    return sealedPiece(whole, piece, bytes);
  });
}

function sealedPiece(whole: SealedBatch, piece: Piece, run: SealedBatch['run']): SealedBatch {
  const { recordCount, rawBytes, codec, payload } = piece;
  return {
    ...whole,
    ...{ run, recordCount, rawBytes },
    batchBytes: BATCH_HEADER_BYTES + payload.byteLength,
    attributes: (whole.attributes & ~batchAttributes.codecMask) | codec,
    payloadCrc: crc32c(payload),
  };
}
