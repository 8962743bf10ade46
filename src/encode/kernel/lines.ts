// Newline-framed bytes to v2 records.
//
//   |length|attributes 0|timestampDelta 0|offsetDelta|key -1|valueLength|value|trailer|
//    varint     1 byte        1 byte        varint   1 byte    varint          header count and headers
//
// Two ways: the fast one takes runs of common lines and writes beyond their ends where the next record comes anyway;
// the exact one takes a single line of any kind, near a limit, empty, long or the last, and writes nothing beyond it.

import { copy, copy64 } from './copy';
import { putVarint, varintBytes, varintWord } from './varint';

// The bits of encode-task.ts.
const STRIP_CR: u32 = 1;
const SKIP_EMPTY: u32 = 2;
const LONG_TRUNCATE: u32 = 8;
const LONG_DROP: u32 = 16;

const NEWLINE: u8 = 10;
const CARRIAGE_RETURN: u8 = 13;

/** Room the fast way wants behind value and trailer: 10 bytes before the value and 63 of overrun, or 16 of trailer. */
const FAST_SLACK: usize = 96;

/** The fast way's values, with body: both lengths take at most two bytes (trailer at most 1 KB there). */
const FAST_VALUE_MAX: u32 = 7000;
const FAST_TRAILER_MAX: u32 = 1024;

/** The fast way's offset deltas take at most three bytes. */
const FAST_DELTA_END: u32 = 1 << 20;

// Where the encode stands. The two ways hand it to each other; it is written when one of them ends, not by the record.
let line: usize = 0; // first byte not consumed
let scanned: usize = 0; // no newline from `line` to here
let target: usize = 0;
let offsetDelta: u32 = 0;
let emptyCount: u32 = 0;
let longCount: u32 = 0;

/** A bit for each of the 64 bytes at `address` that is a newline. */
// @ts-ignore: decorator
@inline
function newlines(address: usize): u64 {
  const newline = i8x16.splat(NEWLINE);
  return (
    <u64>i8x16.bitmask(i8x16.eq(v128.load(address), newline)) |
    (<u64>i8x16.bitmask(i8x16.eq(v128.load(address, 16), newline)) << 16) |
    (<u64>i8x16.bitmask(i8x16.eq(v128.load(address, 32), newline)) << 32) |
    (<u64>i8x16.bitmask(i8x16.eq(v128.load(address, 48), newline)) << 48)
  );
}

/** A varint of two bytes, as it lies in memory. */
// @ts-ignore: decorator
@inline
function twoByteVarint(value: u32): u32 {
  return (value & 0x7f) | 0x80 | ((value << 1) & 0x7f00);
}

/** What stands between the two lengths: attributes 0, timestampDelta 0, offsetDelta, null key. */
function middleWord(delta: u32): u64 {
  const keyShift = (2 + varintBytes(delta << 1)) << 3;
  return (varintWord(delta << 1) << 16) | ((<u64>1) << keyShift);
}

// @ts-ignore: decorator
@inline
function park(lineStart: usize, block: usize, at: usize, delta: u32): void {
  line = lineStart;
  scanned = block;
  target = at;
  offsetDelta = delta;
}

/**
 * Takes lines as long as they are common: terminated, not empty, not long, far from the ends of input and output.
 * Hands over in front of the first line that is not. Reads up to 63 bytes beyond the input, writes nothing beyond `targetEnd`.
 */
function encodeCommonLines(
  sourceEnd: usize,
  targetEnd: usize,
  trailer: usize,
  trailerBytes: u32,
  valueBytesMax: u32,
  strip: bool,
): void {
  let at = target;
  let delta = offsetDelta;
  let lineStart = line;
  let block = scanned;

  const trailerHead = v128.load(trailer);
  const fastEnd = targetEnd - FAST_SLACK - trailerBytes;
  let deltaBytes = varintBytes(delta << 1);
  let middle = middleWord(delta);

  const newline = i8x16.splat(NEWLINE);
  while (block + 64 <= sourceEnd) {
    const a = i8x16.eq(v128.load(block), newline);
    const b = i8x16.eq(v128.load(block, 16), newline);
    const c = i8x16.eq(v128.load(block, 32), newline);
    const d = i8x16.eq(v128.load(block, 48), newline);
    if (!v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) {
      block += 64;
      continue;
    }
    let mask =
      <u64>i8x16.bitmask(a) |
      (<u64>i8x16.bitmask(b) << 16) |
      (<u64>i8x16.bitmask(c) << 32) |
      (<u64>i8x16.bitmask(d) << 48);
    while (mask != 0) {
      const lineEnd = block + <usize>ctz(mask);
      let valueBytes = <u32>(lineEnd - lineStart);
      if (strip && valueBytes != 0 && load<u8>(lineEnd - 1) == CARRIAGE_RETURN) valueBytes--;
      // Empty or long, in one comparison: 0 - 1 is the largest of all.
      if (valueBytes - 1 >= valueBytesMax || at + valueBytes > fastEnd) {
        park(lineStart, block, at, delta);
        return;
      }
      mask &= mask - 1;

      const body = valueBytes + trailerBytes + deltaBytes + 4;
      if (body < 64) {
        const word = (<u64>body << 1) | (middle << 8);
        store<u64>(at, word | (<u64>valueBytes << (((deltaBytes + 4) << 3) + 1)));
        at += deltaBytes + 5;
        v128.store(at, v128.load(lineStart));
        if (valueBytes > 16) copy64(lineStart, at);
      } else {
        const two = u32(valueBytes >= 64);
        const length = (body + two) << 1;
        store<u16>(at, select(twoByteVarint(length), length, length >= 0x80));
        at += 1 + usize(length >= 0x80);
        const valueTwice = valueBytes << 1;
        const valueWord = <u64>select(twoByteVarint(valueTwice), valueTwice, valueBytes >= 64);
        store<u64>(at, middle | (valueWord << ((deltaBytes + 3) << 3)));
        at += deltaBytes + 4 + two;
        copy64(lineStart, at);
        let from = lineStart + 64;
        let to = at + 64;
        const copyEnd = lineStart + valueBytes;
        while (from < copyEnd) {
          copy64(from, to);
          from += 64;
          to += 64;
        }
      }
      at += valueBytes;
      v128.store(at, trailerHead);
      if (trailerBytes > 16) copyTrailer(trailer, at, trailerBytes);
      at += trailerBytes;
      assert(at <= targetEnd);

      lineStart = lineEnd + 1;
      delta++;
      middle += 2 << 16;
      if ((delta & 63) == 0) {
        if (delta >= FAST_DELTA_END) {
          park(lineStart, block, at, delta);
          return;
        }
        middle = middleWord(delta);
        deltaBytes = varintBytes(delta << 1);
      }
    }
    block += 64;
  }
  park(lineStart, block, at, delta);
}

function copyTrailer(trailer: usize, at: usize, trailerBytes: u32): void {
  for (let done: u32 = 16; done < trailerBytes; done += 16) {
    v128.store(at + done, v128.load(trailer + done));
  }
}

/** One record with exact bounds: writes nothing beyond `targetEnd`. False when it does not fit. */
function putRecord(
  value: usize,
  valueBytes: u32,
  targetEnd: usize,
  trailer: usize,
  trailerBytes: u32,
): bool {
  let at = target;
  const deltaTwice = offsetDelta << 1;
  const body = 3 + varintBytes(deltaTwice) + varintBytes(valueBytes << 1) + valueBytes + trailerBytes;
  if (<usize>varintBytes(body << 1) + body > targetEnd - at) return false;
  at = putVarint(at, body << 1);
  const bodyStart = at;
  store<u16>(at, 0);
  at = putVarint(at + 2, deltaTwice);
  store<u8>(at, 1);
  at = putVarint(at + 1, valueBytes << 1);
  copy(value, at, valueBytes);
  at += valueBytes;
  copy(trailer, at, trailerBytes);
  at += trailerBytes;
  assert(at - bodyStart == body && at <= targetEnd);
  target = at;
  offsetDelta++;
  return true;
}

/** The end of the line that starts at `line`: its newline, or the end of the input. */
function findLineEnd(sourceEnd: usize): usize {
  let block = scanned > line ? scanned : line;
  while (block < sourceEnd) {
    const mask = newlines(block);
    if (mask != 0) {
      const lineEnd = block + <usize>ctz(mask);
      return lineEnd < sourceEnd ? lineEnd : sourceEnd;
    }
    block += 64;
  }
  return sourceEnd;
}

/** Takes one line of any kind. False when the output has no room for a record of it; pieces of it may have been taken. */
function encodeLine(
  sourceEnd: usize,
  targetEnd: usize,
  trailer: usize,
  trailerBytes: u32,
  valueBytesMax: u32,
  flags: u32,
): bool {
  const lineEnd = findLineEnd(sourceEnd);
  let valueBytes = <u32>(lineEnd - line);
  if (flags & STRIP_CR && valueBytes != 0 && load<u8>(lineEnd - 1) == CARRIAGE_RETURN) valueBytes--;

  if (valueBytes == 0 && flags & SKIP_EMPTY) {
    emptyCount++;
  } else if (valueBytes > valueBytesMax && flags & LONG_DROP) {
    longCount++;
  } else if (valueBytes > valueBytesMax && flags & LONG_TRUNCATE) {
    if (!putRecord(line, valueBytesMax, targetEnd, trailer, trailerBytes)) return false;
    longCount++;
  } else {
    while (valueBytes > valueBytesMax) {
      if (!putRecord(line, valueBytesMax, targetEnd, trailer, trailerBytes)) return false;
      longCount++;
      line += valueBytesMax;
      valueBytes -= valueBytesMax;
    }
    if (!putRecord(line, valueBytes, targetEnd, trailer, trailerBytes)) return false;
  }
  line = lineEnd < sourceEnd ? lineEnd + 1 : sourceEnd;
  scanned = line;
  return true;
}

/**
 * Encodes lines from `source` to `output` until the input ends or a record would cross `outputEnd`.
 * Writes nothing beyond `outputEnd`; reads up to 63 bytes beyond the input and 15 beyond the trailer.
 *
 * @returns bytes written. `info` receives four u32: bytes consumed, next offset delta, lines skipped as empty, long lines
 *   (truncated and dropped ones, and each cut of a split one)
 */
export function encodeLines(
  source: usize,
  sourceBytes: usize,
  output: usize,
  outputEnd: usize,
  firstOffsetDelta: u32,
  trailer: usize,
  trailerBytes: u32,
  valueBytesMax: u32,
  flags: u32,
  info: usize,
): usize {
  assert(valueBytesMax > 0 && trailerBytes > 0 && output <= outputEnd);
  const sourceEnd = source + sourceBytes;
  const strip = (flags & STRIP_CR) != 0;
  const commonMax = trailerBytes > FAST_TRAILER_MAX ? 0 : min(valueBytesMax, FAST_VALUE_MAX);
  line = source;
  scanned = source;
  target = output;
  offsetDelta = firstOffsetDelta;
  emptyCount = 0;
  longCount = 0;

  while (line < sourceEnd) {
    const room = outputEnd - target > FAST_SLACK + trailerBytes;
    if (room && commonMax != 0 && offsetDelta < FAST_DELTA_END && sourceEnd - line >= 64) {
      encodeCommonLines(sourceEnd, outputEnd, trailer, trailerBytes, commonMax, strip);
      if (line == sourceEnd) break;
    }
    if (!encodeLine(sourceEnd, outputEnd, trailer, trailerBytes, valueBytesMax, flags)) break;
  }

  store<u32>(info, <u32>(line - source));
  store<u32>(info, offsetDelta, 4);
  store<u32>(info, emptyCount, 8);
  store<u32>(info, longCount, 12);
  return target - output;
}
