// Snappy compression: the length before compression as a varint, then literals and copies
// (github.com/google/snappy, format_description.txt). The low two bits of a tag say what it is:
//
//   xxxxxx00           literal of x + 1 bytes; 60 and 61: one or two bytes of length follow
//   ooolll01 o         copy of l + 4 bytes from o < 2048 back
//   llllll10 o o       copy of l + 1 bytes from o < 65536 back

import { copyLiterals, hashOf, matchEnd, prepareTable, SKIP_TRIGGER } from './match';
import { copy } from './copy';
import { putVarint } from './varint';

/** Compressed by itself, so that every offset has two bytes. Its own output may be longer than this by a sixth. */
const FRAGMENT_BYTES: usize = 65536;

const MATCH_MIN: usize = 4;
/** Room for the hash of the next address. */
const SEARCH_MARGIN: usize = 12;

const COPY_BYTES_MAX: u32 = 64;

/** Tag of a literal and its length, without its bytes. */
// @ts-ignore: decorator
@inline
function putLiteralTag(out: usize, length: u32): usize {
  const rest = length - 1;
  if (rest < 60) {
    store<u8>(out, rest << 2);
    return out + 1;
  }
  if (rest < 256) {
    store<u16>(out, (60 << 2) | (rest << 8));
    return out + 2;
  }
  store<u32>(out, (61 << 2) | (rest << 8));
  return out + 3;
}

// @ts-ignore: decorator
@inline
function putCopy(out: usize, offset: u32, length: u32): usize {
  while (length > COPY_BYTES_MAX) {
    // Never leaves fewer than four bytes: they can be the short form.
    const part = length < COPY_BYTES_MAX + 4 ? COPY_BYTES_MAX - 4 : COPY_BYTES_MAX;
    store<u32>(out, 2 | ((part - 1) << 2) | (offset << 8));
    out += 3;
    length -= part;
  }
  // Which of the two it will be cannot be guessed: both are made, and one is kept.
  const isShort = (length < 12) & (offset < 2048);
  const long = 2 | ((length - 1) << 2) | (offset << 8);
  const short = 1 | ((length - 4) << 2) | ((offset >> 8) << 5) | ((offset & 0xff) << 8);
  store<u32>(out, isShort ? short : long);
  return out + 3 - <usize>isShort;
}

/** Returns the address behind the last element; 0 when there is no room. */
function putFragment(source: usize, length: usize, target: usize, targetEnd: usize, table: usize): usize {
  assert(length <= FRAGMENT_BYTES);
  const shift = prepareTable(table, length);
  const end = source + length;
  let anchor = source;
  let out = target;

  if (length > SEARCH_MARGIN) {
    const searchEnd = end - SEARCH_MARGIN;
    let at = source + 1;
    let hash = hashOf(at, shift);
    for (;;) {
      // Search. Slots of the table are offsets into the fragment; an empty one says 0, and that is as good a candidate as any.
      let match: usize;
      let next = at;
      let tries: u32 = 1 << SKIP_TRIGGER;
      let found = true;
      do {
        at = next;
        next += tries++ >> SKIP_TRIGGER;
        if (next > searchEnd) {
          found = false;
          break;
        }
        const slot = table + (hash << 1);
        match = source + load<u16>(slot);
        hash = hashOf(next, shift);
        store<u16>(slot, <u32>(at - source));
      } while (load<u32>(match) != load<u32>(at));
      if (!found) break;

      while (at > anchor && match > source && load<u8>(at - 1) == load<u8>(match - 1)) {
        at--;
        match--;
      }

      const literals = <u32>(at - anchor);
      // Tag and length, up to 15 bytes of overrun of the literals, and a copy.
      if (out + literals + 32 > targetEnd) return 0;
      if (literals > 0) {
        out = putLiteralTag(out, literals);
        out = copyLiterals(anchor, out, literals);
      }

      for (;;) {
        const copyEnd = matchEnd(at + MATCH_MIN, match + MATCH_MIN, end);
        const copied = <u32>(copyEnd - at);
        if (out + (copied >> 6) * 3 + 32 > targetEnd) return 0;
        out = putCopy(out, <u32>(at - match), copied);
        at = copyEnd;
        anchor = at;
        if (at > searchEnd) break;

        // A match right behind a match: no literals between.
        const slot = table + (hashOf(at, shift) << 1);
        match = source + load<u16>(slot);
        store<u16>(slot, <u32>(at - source));
        if (load<u32>(match) != load<u32>(at)) break;
      }
      if (at > searchEnd) break;
      at++;
      hash = hashOf(at, shift);
    }
  }

  const literals = <u32>(end - anchor);
  if (literals == 0) return out;
  if (out + literals + 4 > targetEnd) return 0;
  out = putLiteralTag(out, literals);
  copy(anchor, out, literals);
  return out + literals;
}

/**
 * Compresses `length` bytes from `source` to one raw Snappy block at `target`. Reads up to 31 bytes beyond the source, writes
 * nothing beyond `targetEnd`. `table` is MATCH_TABLE_BYTES of scratch.
 *
 * @returns bytes of the block; 0 when there is no room for it
 */
export function snappyBlock(source: usize, length: usize, target: usize, targetEnd: usize, table: usize): usize {
  if (target + 5 > targetEnd) return 0;
  let out = putVarint(target, <u32>length);
  const end = source + length;
  while (source < end) {
    const fragmentBytes = min(end - source, FRAGMENT_BYTES);
    out = putFragment(source, fragmentBytes, out, targetEnd, table);
    if (out == 0) return 0;
    source += fragmentBytes;
  }
  assert(out <= targetEnd);
  return out - target;
}
