// What the LZ4 and the Snappy compressor share: where an earlier occurrence may lie, and how far it reaches.

/** 16 KB of table, half of the nearest cache: 2 % faster than 14 bits, at 0.7 % of the ratio. */
const HASH_BITS_MAX: u32 = 13;
const HASH_BITS_MIN: u32 = 8;
/** Multiplies six bytes: on log lines faster than five and 3 % smaller; matches of four and five bytes hardly pay. */
const HASH_PRIME: u64 = 227718039650203;

/** The search takes longer steps the longer it finds nothing: one byte more every 64 tries. */
export const SKIP_TRIGGER: u32 = 6;

/** Clears the part of the table that a block of `length` bytes needs, and returns the shift for `hashOf`. */
export function prepareTable(table: usize, length: usize): u64 {
  // A small block needs, and clears, a small table only.
  let hashBits = HASH_BITS_MIN;
  while (hashBits < HASH_BITS_MAX && (<usize>1 << hashBits) < length) hashBits++;
  memory.fill(table, 0, <usize>2 << hashBits);
  return <u64>(64 - hashBits);
}

// @ts-ignore: decorator
@inline
export function hashOf(address: usize, shift: u64): usize {
  return <usize>(((load<u64>(address) << 16) * HASH_PRIME) >> shift);
}

/** The first address from `at` on where the bytes differ from those at `match`, at most `limit`. Reads up to 15 bytes beyond. */
// @ts-ignore: decorator
@inline
export function matchEnd(at: usize, match: usize, limit: usize): usize {
  // Most matches end within the first eight bytes, and one word is compared sooner than a vector.
  const word = load<u64>(at) ^ load<u64>(match);
  if (word != 0) {
    at += <usize>(ctz(word) >> 3);
    return at < limit ? at : limit;
  }
  at += 8;
  match += 8;
  while (at < limit) {
    const differing = i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(match))) ^ 0xffff;
    if (differing != 0) {
      at += <usize>ctz(differing);
      break;
    }
    at += 16;
    match += 16;
  }
  return at < limit ? at : limit;
}
