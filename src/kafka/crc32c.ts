/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) of bytes, and of two byte ranges from their CRCs alone.
 * The only door to @node-rs/crc32.
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32';
import { assert } from '../shared/assert.ts';

const POLYNOMIAL_REVERSED = 0x82f63b78;

/** Remainder of one byte: for short ranges, where the call into native code costs more than the sum. */
const byteTable = new Uint32Array(256).map((_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL_REVERSED : remainder >>> 1;
  }
  return remainder;
});

/**
 * CRC-32C of `bytes`, which may lie in shared memory.
 *
 * @param seed CRC of what comes before `bytes`; 0 at the start
 * @returns unsigned 32 bits
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return nativeCrc32c(bytes, seed);
}

/**
 * The same for a range of some ten bytes, without a call into native code and without a view of the range.
 *
 * @param from first byte, inside `view`
 * @param to one behind the last byte, inside `view`
 */
export function crc32cOfRange(view: DataView, from: number, to: number): number {
  let crc = 0xffffffff;
  for (let at = from; at < to; at += 1) {
    crc = (crc >>> 8) ^ (byteTable[(crc ^ view.getUint8(at)) & 0xff] ?? 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * Operators "append 2^k zero bytes", k = 0, 1, 2…: linear maps of the 32 CRC bits, each as four tables of 256 words, one for
 * each byte of the operand (4 KB an operator). Made when a length first needs them: 31 for the longest range.
 */
const zeroOperators: Uint32Array[] = [];

/** CRC-32C of A followed by B, from the CRCs of both and the length of B. Costs four look-ups for each set bit of the length. */
export function combineCrc32c(crcA: number, crcB: number, lengthB: number): number {
  assert(Number.isInteger(lengthB) && lengthB >= 0 && lengthB < 2 ** 31, 'a length has 31 bits');
  let crc = crcA;
  for (let power = 0, rest = lengthB; rest !== 0; power += 1, rest >>>= 1) {
    if (rest & 1) crc = apply(zeroOperators[power] ?? makeZeroOperator(power), crc);
  }
  return (crc ^ crcB) >>> 0;
}

function apply(operator: Uint32Array, crc: number): number {
  return (
    (operator[crc & 0xff] ?? 0) ^
    (operator[256 + ((crc >>> 8) & 0xff)] ?? 0) ^
    (operator[512 + ((crc >>> 16) & 0xff)] ?? 0) ^
    (operator[768 + (crc >>> 24)] ?? 0)
  );
}

function makeZeroOperator(power: number): Uint32Array {
  const half = power === 0 ? undefined : (zeroOperators[power - 1] ?? makeZeroOperator(power - 1));
  const appendZeros = (crc: number): number =>
    half === undefined ? (crc >>> 8) ^ (byteTable[crc & 0xff] ?? 0) : apply(half, apply(half, crc));
  const operator = new Uint32Array(1024).map((_, index) =>
    appendZeros(((index & 0xff) << (8 * (index >>> 8))) >>> 0),
  );
  zeroOperators[power] = operator;
  return operator;
}
