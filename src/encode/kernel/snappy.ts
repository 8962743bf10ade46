// Snappy compression: the length before compression as a varint, then literals and copies
// (github.com/google/snappy, format_description.txt). The low two bits of a tag say what it is:
//
//   xxxxxx00           literal of x + 1 bytes; 60 and 61: one or two bytes of length follow
//   ooolll01 o         copy of l + 4 bytes from o < 2048 back
//   llllll10 o o       copy of l + 1 bytes from o < 65536 back

import { copy } from './copy';
import { compress, copyLiterals, Lane } from './lanes';
import { putVarint } from './varint';

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

// @ts-ignore: decorator
@unmanaged
class SnappyLane extends Lane {
  // @ts-ignore: decorator
  @inline
  put(at: usize, match: usize, end: usize): void {
    const literals = <u32>(at - this.anchor);
    let out = this.out;
    if (literals <= 16) {
      // Written whether there are any or not.
      store<u8>(out, (literals - 1) << 2);
      v128.store(out, v128.load(this.anchor), 1);
      out += literals + <u32>(literals > 0);
    } else {
      out = copyLiterals(this.anchor, putLiteralTag(out, literals), literals);
    }
    this.out = putCopy(out, <u32>(at - match), <u32>(end - at));
  }

  finish(target: usize, targetEnd: usize): usize {
    const literals = <u32>(this.sourceEnd - this.anchor);
    let out = this.out;
    if (literals > 0) {
      out = putLiteralTag(out, literals);
      copy(this.anchor, out, literals);
      out += literals;
    }
    this.out = out;
    this.assertFits();
    const bytes = out - this.body;
    if (target + bytes > targetEnd) return 0;
    copy(this.body, target, bytes);
    return target + bytes;
  }
}

/**
 * Compresses `length` bytes from `source` to one raw Snappy block at `target`. Reads up to 63 bytes beyond the source, writes
 * nothing beyond `targetEnd`. `scratch` is MATCH_SCRATCH_BYTES.
 *
 * @returns bytes of the block; 0 when there is no room for it
 */
export function snappyBlock(source: usize, length: usize, target: usize, targetEnd: usize, scratch: usize): usize {
  if (target + 5 > targetEnd) return 0;
  const end = compress<SnappyLane>(source, length, 0, putVarint(target, <u32>length), targetEnd, scratch);
  return end == 0 ? 0 : end - target;
}
