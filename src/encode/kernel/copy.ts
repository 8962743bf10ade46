// Bytes from here to there, inside the one shared memory.

/**
 * Copies `length` bytes, exactly; the ranges may overlap.
 *
 * Not memory.copy: the C library under it takes `rep movsb` from about 2 KB on, which falls from 80 to 3.5 GB/s on AMD Zen when
 * the two addresses are aligned differently, as those of lines always are.
 */
export function copy(source: usize, target: usize, length: usize): void {
  if (source < target + length && target < source + length) {
    memory.copy(target, source, length);
    return;
  }
  if (length < 16) {
    copyShort(source, target, length);
    return;
  }
  const last = source + length - 16;
  const shift = target - source;
  while (source + 48 <= last) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    const c = v128.load(source, 32);
    const d = v128.load(source, 48);
    v128.store(source + shift, a);
    v128.store(source + shift, b, 16);
    v128.store(source + shift, c, 32);
    v128.store(source + shift, d, 48);
    source += 64;
  }
  while (source < last) {
    v128.store(source + shift, v128.load(source));
    source += 16;
  }
  v128.store(last + shift, v128.load(last));
}

/** Fewer than 16 bytes: two moves that overlap in the middle. */
function copyShort(source: usize, target: usize, length: usize): void {
  if (length >= 8) {
    const tail = load<u64>(source + length - 8);
    store<u64>(target, load<u64>(source));
    store<u64>(target + length - 8, tail);
  } else if (length >= 4) {
    const tail = load<u32>(source + length - 4);
    store<u32>(target, load<u32>(source));
    store<u32>(target + length - 4, tail);
  } else {
    for (let index: usize = 0; index < length; index++) store<u8>(target + index, load<u8>(source + index));
  }
}

/** Sets `length` bytes at `target` to `value`. */
export function fill(target: usize, length: usize, value: u32): void {
  memory.fill(target, <u8>value, length);
}

/** Moves 64 bytes, whatever of them is needed: cheaper than to branch on a length that the processor cannot guess. */
// @ts-ignore: decorator
@inline
export function copy64(source: usize, target: usize): void {
  v128.store(target, v128.load(source));
  v128.store(target, v128.load(source, 16), 16);
  v128.store(target, v128.load(source, 32), 32);
  v128.store(target, v128.load(source, 48), 48);
}
