// LZ4 block compression, and the frame around the blocks as Kafka's Java client writes it:
//
//   |04 22 4d 18|60 40 82| |size u32|block| ... |0 u32|
//    magic       version 1, independent blocks of 64 KB or less, no checksums; end mark
//
// A block that would not shrink is stored raw, with the high bit of its size set.

import { copy } from './copy';
import { compress, copyLiterals, Lane, MATCH_MIN } from './lanes';

const STORED_RAW: u32 = 0x80000000;

/** In front of each block. */
const SIZE_BYTES: usize = 4;

/** The format's rule: the last 5 bytes of a block are literals. */
const LAST_LITERALS: usize = 5;

/** The rest of a length that does not fit into its half of the token: 255 as often as it goes, then what is left. */
function putLength(at: usize, length: u32): usize {
  while (length >= 255) {
    store<u8>(at++, 255);
    length -= 255;
  }
  store<u8>(at, length);
  return at + 1;
}

// @ts-ignore: decorator
@unmanaged
class Lz4Lane extends Lane {
  // @ts-ignore: decorator
  @inline
  put(at: usize, match: usize, end: usize): void {
    const literals = <u32>(at - this.anchor);
    const matched = <u32>(end - at - MATCH_MIN);
    let out = this.out;
    if (literals < 15) {
      store<u8>(out, (literals << 4) | min(matched, 15));
      v128.store(out, v128.load(this.anchor), 1);
      out += 1 + literals;
    } else {
      store<u8>(out, (15 << 4) | min(matched, 15));
      out = copyLiterals(this.anchor, putLength(out + 1, literals - 15), literals);
    }
    store<u16>(out, <u32>(at - match));
    if (matched < 15 + 255) {
      // The byte that a longer match needs is written in any case.
      store<u8>(out, matched - 15, 2);
      out += 2 + <usize>(matched >= 15);
    } else {
      out = putLength(out + 2, matched - 15);
    }
    this.out = out;
  }

  finish(target: usize, targetEnd: usize): usize {
    const sourceBytes = this.sourceEnd - this.source;
    this.out = this.putLast();
    this.assertFits();
    const bodyBytes = this.out - this.body;
    const isShorter = bodyBytes < sourceBytes;
    const bytes = isShorter ? bodyBytes : sourceBytes;
    if (target + SIZE_BYTES + bytes > targetEnd) return 0;
    store<u32>(target, isShorter ? <u32>bytes : <u32>bytes | STORED_RAW);
    copy(isShorter ? this.body : this.source, target + SIZE_BYTES, bytes);
    return target + SIZE_BYTES + bytes;
  }

  /** What no match covers at the end of the block. */
  private putLast(): usize {
    const literals = <u32>(this.sourceEnd - this.anchor);
    let out = this.out;
    if (literals >= 15) {
      store<u8>(out, 15 << 4);
      out = putLength(out + 1, literals - 15);
    } else {
      store<u8>(out++, literals << 4);
    }
    copy(this.anchor, out, literals);
    return out + literals;
  }
}

/**
 * Compresses `length` bytes from `source` to one LZ4 frame at `target`. Reads up to 63 bytes beyond the source, writes nothing
 * beyond `targetEnd`. `scratch` is MATCH_SCRATCH_BYTES.
 *
 * @returns bytes of the frame; 0 when there is no room for it
 */
export function lz4Frame(source: usize, length: usize, target: usize, targetEnd: usize, scratch: usize): usize {
  if (target + 11 > targetEnd) return 0;
  store<u32>(target, 0x184d2204);
  store<u32>(target, 0x824060, 4);
  const end = compress<Lz4Lane>(source, length, LAST_LITERALS, target + 7, targetEnd - 4, scratch);
  if (end == 0) return 0;
  store<u32>(end, 0);
  return end + 4 - target;
}
