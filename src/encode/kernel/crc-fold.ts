// CRC-32C of what is long: shorter bytes with the same remainder, for whoever takes the CRC.
//
// Of CRC-32C's polynomial there is a multiple with four terms, whose exponents are whole bytes:
//
//   x^(8 * 5321) + x^(8 * 3574) + x^(8 * 2491) + 1
//
// so bytes may be left out, where at least 5321 others follow, when they are added (XOR) to what stands 1747, 2830 and 5321 bytes
// behind them: the remainder stays as it is. No table, no product; sixteen bytes at a time, of which none waits for the ones before it.
// After Sam Russell, "Chorba: A novel CRC32 implementation", arXiv:2412.16398.

/** The distances. Even the nearest is more than what a processor has written and not stored yet, about a kilobyte. */
const NEAR: usize = 1747;
const MIDDLE: usize = 2830;
const FAR: usize = 5321;

/** Folded bytes that are still needed, in whole lines of the cache. */
const HISTORY: usize = 5376;
/** So many are folded before the history is moved to the front again: the nearest cache holds both. */
const STRETCH: usize = 16384;
const STEP: usize = 64;
/** What is left, in whole lines too. In the scratch it comes first, then the history, the stretch, and zeros for the rest to reach into. */
const REST_BYTES_MAX: usize = 5440;

/** What arrives at the sixteen bytes at `source`, whose folded form is to be at `folded`. */
// @ts-ignore: decorator
@inline
function fold16(source: usize, folded: usize): v128 {
  const near = v128.xor(v128.load(source), v128.load(folded - NEAR));
  return v128.xor(near, v128.xor(v128.load(folded - MIDDLE), v128.load(folded - FAR)));
}

/**
 * Leaves at `scratch` the bytes that have, with a register of zero in the beginning, the same remainder as `length` bytes from
 * `source` with `register`. Reads up to 15 bytes beyond the source.
 *
 * @param length more than what is left, 5.4 KB
 * @param register of the sum, that is the complement of the CRC so far
 * @param scratch 32 KB
 * @returns how many bytes are left
 */
export function crcFold(source: usize, length: usize, register: u32, scratch: usize): usize {
  assert(length >= FAR + STEP, 'there is something to fold');
  const history = scratch + REST_BYTES_MAX;
  const begin = history + HISTORY;
  const foldedBytes = (length - FAR) & ~(STEP - 1);
  const sourceEnd = source + foldedBytes;
  memory.fill(history, 0, HISTORY);
  // From there it arrives at the first four bytes, and nowhere else.
  store<u32>(begin - FAR, register);
  let folded = begin;
  while (true) {
    const stretchEnd = min(source + STRETCH, sourceEnd);
    while (source < stretchEnd) {
      const a = fold16(source, folded);
      const b = fold16(source + 16, folded + 16);
      const c = fold16(source + 32, folded + 32);
      const d = fold16(source + 48, folded + 48);
      v128.store(folded, a);
      v128.store(folded, b, 16);
      v128.store(folded, c, 32);
      v128.store(folded, d, 48);
      source += STEP;
      folded += STEP;
    }
    if (source == sourceEnd) break;
    memory.copy(history, folded - HISTORY, HISTORY);
    folded = begin;
  }
  const rest = length - foldedBytes;
  memory.fill(folded, 0, REST_BYTES_MAX - NEAR);
  for (let at: usize = 0; at < rest; at += 16) v128.store(scratch + at, fold16(source + at, folded + at));
  return rest;
}
