/**
 * Kafka's primitive types as bytes: big-endian integers, zigzag varints, classic and compact lengths (KIP-482).
 * Reader trusts nothing and throws only ProtocolError; Writer asserts what it is given.
 */
import { assert } from '../shared/assert.ts';
import { ProtocolError } from '../shared/errors.ts';

/** The uuid that means "none", in Kafka's own notation (base64url without padding). */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';
const UUID_BYTES = 16;

/** Reads primitives from one range of bytes, which may lie in shared memory. Views it returns refer to that range. */
export class Reader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  int8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  /** @throws {ProtocolError} for anything but 0 and 1, so that reading and writing are inverse */
  boolean(): boolean {
    const byte = this.#view.getUint8(this.#take(1));
    if (byte > 1) throw new ProtocolError(`${String(byte)} at ${this.#place(1)} is no boolean`);
    return byte === 1;
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  /** Kafka's notation of a uuid: base64url, 22 characters. */
  uuid(): string {
    const from = this.#take(UUID_BYTES);
    return this.#bytes.toString('base64url', from, from + UUID_BYTES);
  }

  /** 32 bits, seven a byte, lowest first. */
  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#view.getUint8(this.#take(1));
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ProtocolError(`varint before ${this.#place(0)} has more than 32 bits`);
  }

  /** Zigzag, 32 bits. */
  varint(): number {
    const value = this.unsignedVarint();
    return (value >>> 1) ^ -(value & 1);
  }

  /** Zigzag, 64 bits. */
  varlong(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#view.getUint8(this.#take(1));
      if (shift === 63n && byte > 1) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw new ProtocolError(`varlong before ${this.#place(0)} has more than 64 bits`);
  }

  /** A view of the next `length` bytes: no copy. */
  view(length: number): Uint8Array {
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** Passes a varlong over without making a bigint of it. */
  skipVarlong(): void {
    for (let length = 1; length < 10; length += 1) {
      if (this.#view.getUint8(this.#take(1)) < 0x80) return;
    }
    if (this.#view.getUint8(this.#take(1)) > 1) {
      throw new ProtocolError(`varlong before ${this.#place(0)} has more than 64 bits`);
    }
  }

  /** UTF-8; malformed sequences become U+FFFD, as in the Java client. */
  text(length: number): string {
    const from = this.#take(length);
    return this.#bytes.toString('utf8', from, from + length);
  }

  string(compact: boolean): string | null {
    const length = compact ? this.unsignedVarint() - 1 : this.int16();
    return this.#isNull(length) ? null : this.text(length);
  }

  bytes(compact: boolean): Uint8Array | null {
    const length = compact ? this.unsignedVarint() - 1 : this.int32();
    return this.#isNull(length) ? null : this.view(length);
  }

  /**
   * Number of elements of an array, -1 for null.
   *
   * @param elementBytesMin what one element takes at least: a count that cannot fit is refused before anything is allocated
   */
  arrayCount(compact: boolean, elementBytesMin: number): number {
    const count = compact ? this.unsignedVarint() - 1 : this.int32();
    if (this.#isNull(count)) return -1;
    if (count * elementBytesMin > this.remaining) {
      throw new ProtocolError(
        `${String(count)} elements of at least ${String(elementBytesMin)} bytes before ${this.#place(0)}`,
      );
    }
    return count;
  }

  /** Narrows reading to the next `length` bytes; `leave` with the answer widens it again. */
  enter(length: number): number {
    if (length < 0 || length > this.remaining) this.#short(length);
    const outerEnd = this.#end;
    this.#end = this.#at + length;
    return outerEnd;
  }

  /** @throws {ProtocolError} when the narrowed range was not read to its end */
  leave(outerEnd: number): void {
    this.finish();
    this.#end = outerEnd;
  }

  /** @throws {ProtocolError} when bytes are left over */
  finish(): void {
    if (this.remaining !== 0) {
      throw new ProtocolError(`${String(this.remaining)} bytes left over at ${this.#place(0)}`);
    }
  }

  #isNull(length: number): boolean {
    if (length < -1) {
      throw new ProtocolError(`length ${String(length)} before ${this.#place(0)}`);
    }
    return length === -1;
  }

  #take(length: number): number {
    const from = this.#at;
    if (length < 0 || length > this.#end - from) this.#short(length);
    this.#at = from + length;
    return from;
  }

  #short(length: number): never {
    throw new ProtocolError(`${String(length)} bytes wanted at ${this.#place(0)}`);
  }

  #place(back: number): string {
    return `byte ${String(this.#at - back)} of ${String(this.#end)}`;
  }
}

const CAPACITY_AT_START = 512;

/**
 * Writes primitives into a buffer that grows. Long byte ranges are put in by reference: what comes out is a list of fragments,
 * own bytes and foreign views in order, for one gathering write.
 */
export class Writer {
  #bytes: Buffer = Buffer.allocUnsafe(CAPACITY_AT_START);
  #view = viewOf(this.#bytes);
  #at = 0;
  readonly #references: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #referencedBytes = 0;

  /** Bytes so far, referenced ones included. */
  get length(): number {
    return this.#at + this.#referencedBytes;
  }

  int8(value: number): void {
    assert(value === (value << 24) >> 24, 'an int8 has 8 bits');
    const at = this.#claim(1);
    this.#view.setInt8(at, value);
  }

  boolean(value: boolean): void {
    const at = this.#claim(1);
    this.#view.setInt8(at, value ? 1 : 0);
  }

  int16(value: number): void {
    assert(value === (value << 16) >> 16, 'an int16 has 16 bits');
    const at = this.#claim(2);
    this.#view.setInt16(at, value);
  }

  int32(value: number): void {
    assert(value === (value | 0), 'an int32 has 32 bits');
    const at = this.#claim(4);
    this.#view.setInt32(at, value);
  }

  int64(value: bigint): void {
    assert(value === BigInt.asIntN(64, value), 'an int64 has 64 bits');
    const at = this.#claim(8);
    this.#view.setBigInt64(at, value);
  }

  /** @param value in Kafka's notation: base64url, 22 characters */
  uuid(value: string): void {
    const bytes = Buffer.from(value, 'base64url');
    assert(bytes.length === UUID_BYTES, 'a uuid is 22 characters of base64url');
    this.copy(bytes);
  }

  unsignedVarint(value: number): void {
    assert(value === value >>> 0, 'an unsigned varint has 32 bits');
    let rest = value;
    while (rest >= 0x80) {
      const at = this.#claim(1);
      this.#view.setUint8(at, (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    const at = this.#claim(1);
    this.#view.setUint8(at, rest);
  }

  /** Zigzag, 32 bits. */
  varint(value: number): void {
    assert(value === (value | 0), 'a varint has 32 bits');
    this.unsignedVarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** Zigzag, 64 bits. */
  varlong(value: bigint): void {
    assert(value === BigInt.asIntN(64, value), 'a varlong has 64 bits');
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (rest >= 0x80n) {
      const at = this.#claim(1);
      this.#view.setUint8(at, Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    const at = this.#claim(1);
    this.#view.setUint8(at, Number(rest));
  }

  /** Copies: for short ranges. */
  copy(bytes: Uint8Array): void {
    const at = this.#claim(bytes.byteLength);
    this.#bytes.set(bytes, at);
  }

  /** By reference, never copied: `bytes` must stay as they are until the fragments are written. */
  reference(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#references.push({ at: this.#at, bytes });
    this.#referencedBytes += bytes.byteLength;
  }

  string(value: string | null, compact: boolean): void {
    const length = value === null ? -1 : Buffer.byteLength(value);
    if (compact) this.unsignedVarint(length + 1);
    else this.int16(length);
    if (value === null || length === 0) return;
    const at = this.#claim(length);
    this.#bytes.write(value, at, length, 'utf8');
  }

  /** Short bytes, copied. */
  bytes(value: Uint8Array | null, compact: boolean): void {
    this.lengthOf(value === null ? -1 : value.byteLength, compact);
    if (value !== null) this.copy(value);
  }

  /** Record batches by reference, in one piece or in several that follow each other. */
  records(value: Uint8Array | readonly Uint8Array[] | null, compact: boolean): void {
    if (value === null) {
      this.lengthOf(-1, compact);
      return;
    }
    const pieces = value instanceof Uint8Array ? [value] : value;
    this.lengthOf(
      pieces.reduce((sum, piece) => sum + piece.byteLength, 0),
      compact,
    );
    for (const piece of pieces) this.reference(piece);
  }

  /** Length of bytes or count of an array; -1 for null. */
  lengthOf(length: number, compact: boolean): void {
    if (compact) this.unsignedVarint(length + 1);
    else this.int32(length);
  }

  /** Puts a value into bytes written before, such as a length that was not known yet. */
  patchInt32(at: number, value: number): void {
    assert(at + 4 <= this.#at, 'a patch lies inside what is written');
    this.#view.setInt32(at, value);
  }

  /** The fragments in order. The writer must not be used afterwards. */
  finish(): Uint8Array[] {
    if (this.#references.length === 0) return [this.#bytes.subarray(0, this.#at)];
    const fragments: Uint8Array[] = [];
    let from = 0;
    for (const { at, bytes } of this.#references) {
      if (at > from) fragments.push(this.#bytes.subarray(from, at));
      fragments.push(bytes);
      from = at;
    }
    if (this.#at > from) fragments.push(this.#bytes.subarray(from, this.#at));
    return fragments;
  }

  /** May replace buffer and view: take them after the claim, never in the same expression. */
  #claim(length: number): number {
    const from = this.#at;
    const to = from + length;
    if (to > this.#bytes.length) this.#grow(to);
    this.#at = to;
    return from;
  }

  #grow(bytesMin: number): void {
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, bytesMin));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
