/**
 * Writes records of format v2 (src/kafka/record.ts has the drawing) in place, one behind the other, without making anything on the way:
 * text goes into the batch as UTF-8 at once.
 *
 * Every length stands in front of what it counts. Of text it is known only afterwards; it is guessed first, as if all of it were ASCII, and
 * when the guess takes another number of bytes the text is written once more at its right place.
 */
import { copyInto } from '../shared/copy-into.ts';
import { writeUtf8 } from './utf8.ts';

/** A key, a value, a header's value: bytes, text that stands for its UTF-8, or null. */
export type RecordPart = Uint8Array | string | null;

/** Name and value, in the order of the record; names may repeat. */
export type RecordHeaders = readonly (readonly [name: string, value: RecordPart])[];

/** Attributes and null lengths take a byte each. */
const ATTRIBUTES_BYTES = 1;
const NULL_BYTES = 1;
const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;
const UTF8_BYTES_PER_UNIT_MAX = 3;

/**
 * What a record takes besides its key, value and headers, at most: length, attributes, timestamp delta, offset delta.
 * Source: DefaultRecord.MAX_RECORD_OVERHEAD.
 */
export const RECORD_OVERHEAD_BYTES =
  VARINT_BYTES_MAX + ATTRIBUTES_BYTES + VARLONG_BYTES_MAX + VARINT_BYTES_MAX;

/** No more than this do key, value and headers take, with their lengths; cheap, and up to three times too much for text. */
export function partsBytesMax(key: RecordPart, value: RecordPart, headers: RecordHeaders): number {
  let bytes = partBytesMax(key) + partBytesMax(value) + VARINT_BYTES_MAX;
  if (headers.length === 0) return bytes;
  for (const [name, content] of headers) bytes += partBytesMax(name) + partBytesMax(content);
  return bytes;
}

/** Exactly what key, value and headers take, with their lengths. Goes through text once. */
export function partsBytes(key: RecordPart, value: RecordPart, headers: RecordHeaders): number {
  let bytes = partBytes(key) + partBytes(value) + varintBytes(headers.length);
  for (const [name, content] of headers) bytes += partBytes(name) + partBytes(content);
  return bytes;
}

/** Exactly what `RecordWriter.write` writes. */
export function recordBytes(
  offsetDelta: number,
  timestampDelta: number,
  key: RecordPart,
  value: RecordPart,
  headers: RecordHeaders,
): number {
  const body =
    ATTRIBUTES_BYTES +
    varlongBytes(timestampDelta) +
    varintBytes(offsetDelta) +
    partsBytes(key, value, headers);
  return varintBytes(body) + body;
}

/** Length of the bytes that a part stands for; -1 for null. */
export function partLength(part: RecordPart): number {
  if (part === null) return -1;
  return typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength;
}

/** Writes records into one memory, which may be shared. */
export class RecordWriter {
  readonly #memory: Buffer;
  /** Serialized length of the key written last; -1 for null. */
  keySize = -1;
  /** Serialized length of the value written last; -1 for null. */
  valueSize = -1;
  /** Of the part written last. */
  #size = -1;

  /** @param memory addresses count from its first byte */
  constructor(memory: Buffer) {
    this.#memory = memory;
  }

  /**
   * Writes one record. Nothing is checked against the room there is: `RECORD_OVERHEAD_BYTES + partsBytesMax()` is always enough, and so is
   * `recordBytes()`.
   *
   * @param at address of its first byte
   * @param offsetDelta its place in the batch, from 0
   * @param timestampDelta milliseconds since the base timestamp of the batch; may be negative
   * @returns how many bytes it takes
   */
  write(
    at: number,
    offsetDelta: number,
    timestampDelta: number,
    key: RecordPart,
    value: RecordPart,
    headers: RecordHeaders,
  ): number {
    const isText = typeof key === 'string' || typeof value === 'string';
    const isLate = timestampDelta !== (timestampDelta | 0);
    return isText || isLate || headers.length > 0
      ? this.#writeAny(at, offsetDelta, timestampDelta, key, value, headers)
      : this.#writeBytes(at, offsetDelta, timestampDelta, key, value);
  }

  /** What most records are: of known length, so that everything is written once and in its order. */
  #writeBytes(
    at: number,
    offsetDelta: number,
    timestampDelta: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
  ): number {
    const memory = this.#memory;
    const keySize = key === null ? -1 : key.byteLength;
    const valueSize = value === null ? -1 : value.byteLength;
    let bodyBytes = ATTRIBUTES_BYTES + varintBytes(timestampDelta) + varintBytes(offsetDelta) + 1;
    bodyBytes += key === null ? NULL_BYTES : varintBytes(keySize) + keySize;
    bodyBytes += value === null ? NULL_BYTES : varintBytes(valueSize) + valueSize;
    let to = putVarint(memory, at, bodyBytes);
    memory[to] = 0;
    to = putVarint(memory, to + ATTRIBUTES_BYTES, timestampDelta);
    to = putVarint(memory, to, offsetDelta);
    to = putVarint(memory, to, keySize);
    if (key !== null) {
      copyInto(memory, key, to);
      to += keySize;
    }
    to = putVarint(memory, to, valueSize);
    if (value !== null) {
      copyInto(memory, value, to);
      to += valueSize;
    }
    memory[to] = 0;
    this.keySize = keySize;
    this.valueSize = valueSize;
    return to + 1 - at;
  }

  #writeAny(
    at: number,
    offsetDelta: number,
    timestampDelta: number,
    key: RecordPart,
    value: RecordPart,
    headers: RecordHeaders,
  ): number {
    const guess = varintBytes(bodyBytesGuess(key, value, headers));
    let end = this.#writeBody(at + guess, offsetDelta, timestampDelta, key, value, headers);
    const bytes = varintBytes(end - at - guess);
    if (bytes !== guess) {
      end = this.#writeBody(at + bytes, offsetDelta, timestampDelta, key, value, headers);
    }
    this.#writeVarint(at, end - at - bytes);
    return end - at;
  }

  #writeBody(
    from: number,
    offsetDelta: number,
    timestampDelta: number,
    key: RecordPart,
    value: RecordPart,
    headers: RecordHeaders,
  ): number {
    this.#memory[from] = 0;
    let at = this.#writeVarlong(from + ATTRIBUTES_BYTES, timestampDelta);
    at = this.#writeVarint(at, offsetDelta);
    at = this.#writePart(at, key);
    this.keySize = this.#size;
    at = this.#writePart(at, value);
    this.valueSize = this.#size;
    at = this.#writeVarint(at, headers.length);
    if (headers.length === 0) return at;
    for (const [name, content] of headers) {
      at = this.#writePart(at, name);
      at = this.#writePart(at, content);
    }
    return at;
  }

  /** Length and bytes. */
  #writePart(at: number, part: RecordPart): number {
    if (part === null) {
      this.#size = -1;
      return this.#writeVarint(at, -1);
    }
    if (typeof part === 'string') return this.#writeText(at, part);
    this.#size = part.byteLength;
    const from = this.#writeVarint(at, part.byteLength);
    copyInto(this.#memory, part, from);
    return from + part.byteLength;
  }

  #writeText(at: number, text: string): number {
    const guess = varintBytes(text.length);
    const size = writeUtf8(this.#memory, at + guess, text);
    this.#size = size;
    const from = this.#writeVarint(at, size);
    if (from !== at + guess) writeUtf8(this.#memory, from, text);
    return from + size;
  }

  #writeVarint(at: number, value: number): number {
    return putVarint(this.#memory, at, value);
  }

  #writeVarlong(at: number, value: number): number {
    // The same bytes, and no bigint for anything below 24 days.
    if (value === (value | 0)) return this.#writeVarint(at, value);
    let rest = zigzagLong(value);
    let to = at;
    while (rest >= 0x80n) {
      this.#memory[to++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#memory[to++] = Number(rest);
    return to;
  }
}

function putVarint(memory: Buffer, at: number, value: number): number {
  let rest = zigzag(value);
  let to = at;
  while (rest >= 0x80) {
    memory[to++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  memory[to++] = rest;
  return to;
}

/** Of a zigzag varint. */
export function varintBytes(value: number): number {
  const rest = zigzag(value);
  if (rest < 0x80) return 1;
  if (rest < 0x4000) return 2;
  if (rest < 0x20_0000) return 3;
  return rest < 0x1000_0000 ? 4 : 5;
}

function varlongBytes(value: number): number {
  if (value === (value | 0)) return varintBytes(value);
  let bytes = 1;
  for (let rest = zigzagLong(value) >> 7n; rest > 0n; rest >>= 7n) bytes += 1;
  return bytes;
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

function zigzagLong(value: number): bigint {
  const exact = BigInt(value);
  return BigInt.asUintN(64, (exact << 1n) ^ (exact >> 63n));
}

/** As if all text were ASCII; the deltas count for a byte each. */
function bodyBytesGuess(key: RecordPart, value: RecordPart, headers: RecordHeaders): number {
  let bytes = ATTRIBUTES_BYTES + 2 + partBytesGuess(key) + partBytesGuess(value) + 1;
  if (headers.length === 0) return bytes;
  for (const [name, content] of headers) bytes += partBytesGuess(name) + partBytesGuess(content);
  return bytes;
}

function partBytesGuess(part: RecordPart): number {
  if (part === null) return NULL_BYTES;
  return varintBytes(part.length) + part.length;
}

function partBytesMax(part: RecordPart): number {
  if (part === null) return NULL_BYTES;
  if (typeof part === 'string') return VARINT_BYTES_MAX + part.length * UTF8_BYTES_PER_UNIT_MAX;
  return VARINT_BYTES_MAX + part.byteLength;
}

function partBytes(part: RecordPart): number {
  const length = partLength(part);
  return length < 0 ? NULL_BYTES : varintBytes(length) + length;
}
