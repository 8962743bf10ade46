// The hash of Kafka's default partitioner (org.apache.kafka.common.utils.Utils.murmur2), over shared memory.

const M: u32 = 0x5bd1e995;
const SEED: u32 = 0x9747b28c;

/** murmur2 of `length` bytes, as Java returns it: a signed 32-bit number. Reads nothing beyond them. */
export function murmur2(address: usize, length: u32): i32 {
  let hash = SEED ^ length;
  const wordsEnd = address + (length & ~3);
  while (address < wordsEnd) {
    let word = load<u32>(address) * M;
    word ^= word >>> 24;
    hash = (hash * M) ^ (word * M);
    address += 4;
  }
  const rest = length & 3;
  if (rest == 3) hash ^= <u32>load<u8>(address, 2) << 16;
  if (rest >= 2) hash ^= <u32>load<u8>(address, 1) << 8;
  if (rest >= 1) hash = (hash ^ <u32>load<u8>(address)) * M;
  hash ^= hash >>> 13;
  hash *= M;
  return <i32>(hash ^ (hash >>> 15));
}
