// LZ4 block compression, and the frame around the blocks as Kafka's Java client writes it:
//
//   |04 22 4d 18|60 40 82| |size u32|block| ... |0 u32|
//    magic       version 1, independent blocks of 64 KB, no checksums; end mark
//
// A block that would not shrink is stored raw, with the high bit of its size set.

import { copy } from './copy';
import { copyLiterals, hashOf, matchEnd, prepareTable, SKIP_TRIGGER } from './match';

const BLOCK_BYTES: usize = 65536;
const STORED_RAW: u32 = 0x80000000;

/** The format's own rules: the last 5 bytes are literals, the last match begins 12 bytes before the end or earlier. */
const LAST_LITERALS: usize = 5;
const MATCH_FIND_LIMIT: usize = 12;
const MATCH_MIN: usize = 4;

/** The rest of a length that does not fit into its half of the token: 255 as often as it goes, then what is left. */
function putLength(at: usize, length: u32): usize {
  while (length >= 255) {
    store<u8>(at++, 255);
    length -= 255;
  }
  store<u8>(at, length);
  return at + 1;
}

/**
 * Compresses one block of at most 64 KB from `source` to `target`. Reads up to 31 bytes beyond it, writes nothing beyond
 * `targetEnd`.
 * `table` is MATCH_TABLE_BYTES of scratch.
 *
 * @returns bytes written; 0 when the block would not shrink or there is no room for it
 */
export function lz4Block(source: usize, length: usize, target: usize, targetEnd: usize, table: usize): usize {
  assert(length <= BLOCK_BYTES);
  const shift = prepareTable(table, length);
  const end = source + length;
  let anchor = source;
  let out = target;

  if (length > MATCH_FIND_LIMIT) {
    const searchEnd = end - MATCH_FIND_LIMIT;
    const matchLimit = end - LAST_LITERALS;
    let at = source + 1;
    let hash = hashOf(at, shift);
    for (;;) {
      // Search. Slots of the table are offsets into the block; an empty one says 0, and that is as good a candidate as any.
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
      // Token, lengths, offset, and up to 15 bytes of overrun of the literals.
      if (out + literals + (literals >> 7) + 32 > targetEnd) return 0;
      let token = out++;
      let tokenValue = literals << 4;
      if (literals >= 15) {
        tokenValue = 15 << 4;
        out = putLength(out, literals - 15);
      }
      out = copyLiterals(anchor, out, literals);

      for (;;) {
        store<u16>(out, <u32>(at - match));
        out += 2;
        const next = matchEnd(at + MATCH_MIN, match + MATCH_MIN, matchLimit);
        let matched = <u32>(next - at - MATCH_MIN);
        at = next;
        if (matched < 15) {
          store<u8>(token, tokenValue | matched);
        } else {
          if (out + (matched >> 7) + 32 > targetEnd) return 0;
          store<u8>(token, tokenValue | 15);
          out = putLength(out, matched - 15);
        }
        anchor = at;
        if (at > searchEnd) break;

        const slot = table + (hashOf(at, shift) << 1);
        match = source + load<u16>(slot);
        store<u16>(slot, <u32>(at - source));
        if (load<u32>(match) != load<u32>(at)) break;
        // A match right behind a match: a token without literals.
        if (out + 32 > targetEnd) return 0;
        token = out++;
        tokenValue = 0;
      }
      if (at > searchEnd) break;
      at++;
      hash = hashOf(at, shift);
    }
  }

  const literals = <u32>(end - anchor);
  if (out + literals + literals / 255 + 2 > targetEnd) return 0;
  if (literals >= 15) {
    store<u8>(out, 15 << 4);
    out = putLength(out + 1, literals - 15);
  } else {
    store<u8>(out++, literals << 4);
  }
  copy(anchor, out, literals);
  out += literals;
  assert(out <= targetEnd);
  return out - target < length ? out - target : 0;
}

/**
 * Compresses `length` bytes from `source` to one LZ4 frame at `target`. Writes nothing beyond `targetEnd`.
 * `table` is MATCH_TABLE_BYTES of scratch.
 *
 * @returns bytes of the frame; 0 when there is no room for it
 */
export function lz4Frame(source: usize, length: usize, target: usize, targetEnd: usize, table: usize): usize {
  if (target + 11 > targetEnd) return 0;
  store<u32>(target, 0x184d2204);
  store<u32>(target, 0x824060, 4);
  let out = target + 7;
  const end = source + length;
  while (source < end) {
    const blockBytes = min(end - source, BLOCK_BYTES);
    // The block's own size and the end mark.
    if (out + 8 > targetEnd) return 0;
    const bodyEnd = targetEnd - 4;
    const written = lz4Block(source, blockBytes, out + 4, bodyEnd, table);
    if (written != 0) {
      store<u32>(out, <u32>written);
      out += 4 + written;
    } else {
      if (out + 4 + blockBytes > bodyEnd) return 0;
      store<u32>(out, <u32>blockBytes | STORED_RAW);
      copy(source, out + 4, blockBytes);
      out += 4 + blockBytes;
    }
    source += blockBytes;
  }
  store<u32>(out, 0);
  return out + 4 - target;
}
