/**
 * The hash behind Kafka's partition of a key, on the main thread: keys are short, and a call into the kernel would cost more than it saves.
 * Source: org.apache.kafka.common.utils.Utils.murmur2, clients.producer.internals.BuiltInPartitioner.
 *
 * Pure: bytes in, a number out.
 */
const M = 0x5bd1e995;
const SEED = 0x9747b28c;

/** murmur2 of the first `length` bytes, as Java returns it: a signed 32-bit number. */
export function murmur2(key: Uint8Array, length = key.length): number {
  const wordsEnd = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < wordsEnd; at += 4) {
    let word =
      (key[at] ?? 0) |
      ((key[at + 1] ?? 0) << 8) |
      ((key[at + 2] ?? 0) << 16) |
      ((key[at + 3] ?? 0) << 24);
    word = Math.imul(word, M);
    hash = Math.imul(hash, M) ^ Math.imul(word ^ (word >>> 24), M);
  }
  const rest = length & 3;
  if (rest === 3) hash ^= (key[wordsEnd + 2] ?? 0) << 16;
  if (rest >= 2) hash ^= (key[wordsEnd + 1] ?? 0) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ (key[wordsEnd] ?? 0), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}
