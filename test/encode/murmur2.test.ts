import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededBelow } from '../support/seeded-random.ts';
import { murmur2Vectors } from '../support/murmur2-vectors.ts';
import { kernelMemory } from './reference-memory.ts';

const KEY = 1 << 20;

/** The algorithm with signed 32-bit arithmetic, a byte at a time. */
function referenceMurmur2(key: Uint8Array): number {
  const byte = (index: number): number => key[index] ?? 0;
  const m = 0x5bd1e995;
  let hash = 0x9747b28c ^ key.length;
  const words = key.length >> 2;
  for (let word = 0; word < words; word += 1) {
    const at = word * 4;
    let k = byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
    k = Math.imul(k, m);
    k = Math.imul(k ^ (k >>> 24), m);
    hash = Math.imul(hash, m) ^ k;
  }
  const rest = key.length & 3;
  for (let index = rest - 1; index >= 0; index -= 1) hash ^= byte(words * 4 + index) << (8 * index);
  if (rest > 0) hash = Math.imul(hash, m);
  hash = Math.imul(hash ^ (hash >>> 13), m);
  return hash ^ (hash >>> 15);
}

for (const variant of ['release', 'debug'] as const) {
  test(`${variant} kernel: murmur2 of Kafka's own murmur2Vectors`, async () => {
    const { kernel, bytes } = await kernelMemory(variant, 2);
    for (const [key, hash] of murmur2Vectors) {
      bytes.write(key, KEY);
      assert.equal(kernel.murmur2(KEY, key.length), hash, key);
    }
  });
}

test('murmur2 of random keys of every length and alignment is that of the plain algorithm', async () => {
  const { kernel, bytes } = await kernelMemory('release', 2);
  const random = seededBelow(5);
  for (let length = 0; length < 300; length += 1) {
    const key = Buffer.from(Array.from({ length }, () => random(256)));
    const address = KEY + random(16);
    bytes.set(key, address);
    assert.equal(kernel.murmur2(address, length), referenceMurmur2(key), key.toString('hex'));
  }
});
