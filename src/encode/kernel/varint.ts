// Kafka's varints: zigzag, seven bits a byte, least first. Values here are never negative, so zigzag is a shift.

/** Bytes of `value` as an unsigned varint. */
// @ts-ignore: decorator
@inline
export function varintBytes(value: u32): u32 {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

/** `value` as an unsigned varint in the low bytes of one word, least byte first, as it lies in memory. */
// @ts-ignore: decorator
@inline
export function varintWord(value: u32): u64 {
  if (value < 0x80) return value;
  let word = <u64>(value & 0x7f) | 0x80 | (<u64>(value & 0x3f80) << 1);
  if (value < 0x4000) return word;
  word |= 0x8000 | (<u64>(value & 0x1fc000) << 2);
  if (value < 0x200000) return word;
  word |= 0x800000 | (<u64>(value & 0xfe00000) << 3);
  if (value < 0x10000000) return word;
  return word | 0x80000000 | (<u64>(value >>> 28) << 32);
}

/** Writes `value` as an unsigned varint and returns the address behind it. */
export function putVarint(target: usize, value: u32): usize {
  while (value >= 0x80) {
    store<u8>(target++, (value & 0x7f) | 0x80);
    value >>>= 7;
  }
  store<u8>(target, value);
  return target + 1;
}
