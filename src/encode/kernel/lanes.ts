// What LZ4 and Snappy share: the search for what was there before, in two blocks at once, a match of the one and a match of the other in turns.
//
// What a match costs is mostly waiting. Where the next search begins is known only when the last match has ended, and how many bytes lie
// between two matches and how many are alike cannot be guessed. So a step looks at four places, compares 32 or 64 bytes, and has branches only
// for what is rare; alone that would be slower, but of two lanes one always has something to do (docs/decisions/two-lanes.md).

/** Compressed by itself, so that two bytes of offset reach its beginning. */
const BLOCK_BYTES: usize = 65536;

const HASH_BITS_MAX: u32 = 14;
const HASH_BITS_MIN: u32 = 8;
/** Takes six of eight bytes: on log lines faster than five and 3 % smaller; matches of four and five bytes hardly pay. */
const HASH_FACTOR: u64 = 227718039650203 << 16;

/** Places that one step looks at. */
const PLACES: usize = 4;
/** LZ4's rule: no match begins later, counted from the end of its block. */
const SEARCH_MARGIN: usize = 12;
export const MATCH_MIN: usize = 4;

/** Where blocks shrink to less than four thirteenths, many matches are longer than 32 bytes: 64 are compared then. */
const WIDE_SHRUNK: usize = 4;
const WIDE_WHOLE: usize = 13;

const LANE_FIELDS_BYTES: usize = 64;
const LANE_TABLE_BYTES: usize = 2 << HASH_BITS_MAX;
/** Snappy grows most: by one byte for each 60 literals with a copy of 4. And what the last vector writes too much. */
const LANE_BODY_BYTES: usize = (BLOCK_BYTES + BLOCK_BYTES / 32 + 128) & ~63;
const LANE_BYTES: usize = LANE_FIELDS_BYTES + LANE_TABLE_BYTES + LANE_BODY_BYTES;

/** A block on its way. Its fields lie in scratch: two lanes are more than the processor has registers for. */
// @ts-ignore: decorator
@unmanaged
export class Lane {
  /** Slots are offsets into the block; an empty one says 0, and that is as good a candidate as any. */
  table: usize;
  hashShift: u64;
  source: usize;
  sourceEnd: usize;
  /** The last address that a step may begin with. */
  searchEnd: usize;
  /** No match reaches beyond it. */
  matchEnd: usize;
  /** Where the next step begins. */
  next: usize;
  /** What lies before it is in the body. */
  anchor: usize;
  /** What the block is compressed to. */
  body: usize;
  out: usize;

  /** Appends the bytes from `anchor` to `at`, and that `match` repeats from there to `end`. */
  put(at: usize, match: usize, end: usize): void {
    unreachable();
  }

  assertFits(): void {
    assert(this.out <= this.body + LANE_BODY_BYTES);
  }

  /** Ends the body and copies it to `target`. Returns its end there; 0 when there is no room before `targetEnd`. */
  finish(target: usize, targetEnd: usize): usize {
    return unreachable();
  }
}

/**
 * Compresses `length` bytes from `source` to `target`, block by block. Reads up to 63 bytes beyond the source, writes nothing beyond
 * `targetEnd`.
 *
 * @param lastLiterals bytes at the end of each block that no match may cover
 * @param scratch MATCH_SCRATCH_BYTES
 * @returns the end of what is written; 0 when there is no room for it
 */
export function compress<L extends Lane>(
  source: usize,
  length: usize,
  lastLiterals: usize,
  target: usize,
  targetEnd: usize,
  scratch: usize,
): usize {
  const end = source + length;
  // An even number of blocks of the same length, but for one that is alone.
  const pairs = (length + 2 * BLOCK_BYTES - 1) / (2 * BLOCK_BYTES);
  const blockBytes = length <= BLOCK_BYTES ? length : (length + 2 * pairs - 1) / (2 * pairs);
  let isWide = false;
  while (source < end) {
    const first = startLane<L>(scratch, source, min(blockBytes, end - source), lastLiterals);
    source = first.sourceEnd;
    const second = startLane<L>(scratch + LANE_BYTES, source, min(blockBytes, end - source), lastLiterals);
    source = second.sourceEnd;
    if (isWide) runPair<L>(first, second, true);
    else runPair<L>(first, second, false);
    const bodyBytes = first.out - first.body + (second.out - second.body);
    isWide = bodyBytes * WIDE_WHOLE < (second.sourceEnd - first.source) * WIDE_SHRUNK;
    target = first.finish(target, targetEnd);
    if (target == 0) return 0;
    if (second.source < second.sourceEnd) target = second.finish(target, targetEnd);
    if (target == 0) return 0;
  }
  assert(target <= targetEnd);
  return target;
}

function startLane<L extends Lane>(address: usize, source: usize, length: usize, lastLiterals: usize): L {
  assert(length <= BLOCK_BYTES);
  const lane = changetype<L>(address);
  lane.table = address + LANE_FIELDS_BYTES;
  lane.body = lane.table + LANE_TABLE_BYTES;
  lane.out = lane.body;
  lane.source = source;
  lane.sourceEnd = source + length;
  lane.searchEnd = lane.sourceEnd - SEARCH_MARGIN - (PLACES - 1);
  lane.matchEnd = lane.sourceEnd - lastLiterals;
  lane.next = source + 1;
  lane.anchor = source;
  // A small block needs, and clears, a small table only.
  let hashBits = HASH_BITS_MIN;
  while (hashBits < HASH_BITS_MAX && (<usize>1 << hashBits) < length) hashBits++;
  lane.hashShift = 64 - hashBits;
  memory.fill(lane.table, 0, <usize>2 << hashBits);
  return lane;
}

// @ts-ignore: decorator
@inline
function runPair<L extends Lane>(first: L, second: L, isWide: bool): void {
  while (<u32>(first.next <= first.searchEnd) & <u32>(second.next <= second.searchEnd)) {
    step<L>(first, isWide);
    step<L>(second, isWide);
  }
  runToEnd<L>(first);
  runToEnd<L>(second);
}

function runToEnd<L extends Lane>(lane: L): void {
  while (lane.next <= lane.searchEnd) step<L>(lane, false);
}

/**
 * Puts the first match that begins at one of the next four places, or goes on behind them: in longer steps the longer nothing is found.
 *
 * @param isWide a constant where it is called, so that there is a loop for each
 */
// @ts-ignore: decorator
@inline
function step<L extends Lane>(lane: L, isWide: bool): void {
  const at = lane.next;
  const source = lane.source;
  const table = lane.table;
  const shift = lane.hashShift;
  const word0 = load<u64>(at);
  const word1 = load<u64>(at, 1);
  const word2 = load<u64>(at, 2);
  const word3 = load<u64>(at, 3);
  const slot0 = slotOf(table, word0, shift);
  const slot1 = slotOf(table, word1, shift);
  const slot2 = slotOf(table, word2, shift);
  const slot3 = slotOf(table, word3, shift);
  // All are read before one is written: no place must find itself.
  const match0 = source + load<u16>(slot0);
  const match1 = source + load<u16>(slot1);
  const match2 = source + load<u16>(slot2);
  const match3 = source + load<u16>(slot3);
  const hit0 = load<u32>(match0) == <u32>word0;
  const hit1 = load<u32>(match1) == <u32>word1;
  const hit2 = load<u32>(match2) == <u32>word2;
  const hit3 = load<u32>(match3) == <u32>word3;
  const offset = <u32>(at - source);
  store<u16>(slot0, offset);
  store<u16>(slot1, offset + 1);
  store<u16>(slot2, offset + 2);
  store<u16>(slot3, offset + 3);
  const hits = <u32>hit0 | (<u32>hit1 << 1) | (<u32>hit2 << 2) | (<u32>hit3 << 3);
  if (hits == 0) {
    const without = at - lane.anchor;
    // Soon a little longer, for an id or a number in the midst of a line; much longer only for what goes on without an end.
    lane.next = at + PLACES + min<usize>(without >> 3, PLACES + (without >> 5));
    return;
  }

  const found = at + <usize>ctz(hits);
  const match = select<usize>(match0, select<usize>(match1, select<usize>(match2, match3, hit2), hit1), hit0);
  const limit = lane.matchEnd;
  const end = min(matchEnd(found + MATCH_MIN, match + MATCH_MIN, limit, isWide), limit);
  lane.put(found, match, end);
  lane.next = end;
  lane.anchor = end;
}

// @ts-ignore: decorator
@inline
function slotOf(table: usize, word: u64, shift: u64): usize {
  return table + (<usize>((word * HASH_FACTOR) >> shift) << 1);
}

/** How far the bytes at both places are the same; what is found beyond `limit` does not count. */
// @ts-ignore: decorator
@inline
function matchEnd(at: usize, match: usize, limit: usize, isWide: bool): usize {
  if (isWide) {
    const differing = <u64>differing32(at, match) | (<u64>differing32(at + 32, match + 32) << 32);
    return differing != 0 ? at + <usize>ctz(differing) : longMatchEnd(at + 64, match + 64, limit);
  }
  const differing = differing32(at, match);
  return differing != 0 ? at + <usize>ctz(differing) : longMatchEnd(at + 32, match + 32, limit);
}

/** Bit n says that byte n of 32 differs. */
// @ts-ignore: decorator
@inline
function differing32(at: usize, match: usize): u32 {
  const low = <u32>i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(match)));
  const high = <u32>i8x16.bitmask(i8x16.eq(v128.load(at, 16), v128.load(match, 16)));
  return ~(low | (high << 16));
}

/** Goes on where so many bytes were not enough. */
function longMatchEnd(at: usize, match: usize, limit: usize): usize {
  while (at < limit) {
    const differing = differing32(at, match);
    if (differing != 0) return at + <usize>ctz(differing);
    at += 32;
    match += 32;
  }
  return limit;
}

/** Copies what no match covers, and up to 16 bytes too many. Returns the end of what counts. */
// @ts-ignore: decorator
@inline
export function copyLiterals(from: usize, to: usize, length: u32): usize {
  const end = to + length;
  do {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  } while (to < end);
  return end;
}
