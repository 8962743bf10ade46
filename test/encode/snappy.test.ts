import assert from 'node:assert/strict';
import { test } from 'node:test';
import snappy from '@napi-rs/snappy';
import { MATCH_SCRATCH_BYTES } from '../../src/encode/kernel.ts';
import { logLines } from '../support/log-lines.ts';
import { seededBelow } from '../support/seeded-random.ts';
import { randomBytes, repetitive, samples } from './compressible.ts';
import type { KernelMemory } from './reference-memory.ts';
import { kernelMemory } from './reference-memory.ts';

const SCRATCH = 1 << 18;
const INPUT = 1 << 20;
const OUTPUT = 8 << 20;

/** One block of `input` with `room` bytes to write it to. Undefined when it has no room. */
function block(at: KernelMemory, input: Buffer, room: number, shift = 0): Buffer | undefined {
  at.bytes.set(input, INPUT + shift);
  at.guard(OUTPUT, room);
  const end = OUTPUT + room;
  const written = at.kernel.snappyBlock(INPUT + shift, input.length, OUTPUT, end, SCRATCH);
  assert.ok(at.unharmed(OUTPUT, room), `nothing is written beyond ${room} bytes`);
  assert.ok(written <= room);
  return written === 0 ? undefined : Buffer.from(at.bytes.subarray(OUTPUT, OUTPUT + written));
}

function readBack(compressed: Buffer): Buffer {
  const output = snappy.uncompressSync(compressed, { asBuffer: true });
  assert.ok(typeof output !== 'string');
  return output;
}

/** Nothing found: the length in front, and a literal of three bytes of tag for each fragment. */
function literalBytes(length: number): number {
  return 5 + length + 3 * 2 * Math.ceil(length / 131_072);
}

for (const variant of ['release', 'debug'] as const) {
  test(`${variant} kernel: another implementation reads back each block, and none is longer than its literals`, async () => {
    const at = await kernelMemory(variant, 32);
    for (const [name, input] of samples(seededBelow(8))) {
      const compressed = block(at, input, 4 << 20);
      assert.ok(compressed, name);
      assert.ok(readBack(compressed).equals(input), name);
      assert.ok(compressed.length <= literalBytes(input.length), name);
    }
  });

  test(`${variant} kernel: a block written into any room is right or not written, and never overruns`, async () => {
    const at = await kernelMemory(variant, 32);
    const random = seededBelow(9);
    for (const [name, sample] of samples(random)) {
      const input = sample.subarray(0, 70_000 + random(120_000));
      const needed = block(at, input, 4 << 20)?.length ?? 0;
      const rooms = [0, 1, 4, 5, 6, 10, needed - 1, needed, needed + 1, needed + 40];
      for (let round = 0; round < 12; round += 1) rooms.push(random(needed + 100));
      for (const room of rooms.filter((bytes) => bytes >= 0)) {
        const compressed = block(at, input, room);
        if (compressed) assert.ok(readBack(compressed).equals(input), `${name} in ${room}`);
        assert.ok(compressed !== undefined || room < needed + 40, `${name} in ${room}`);
      }
    }
  });
}

test('random blocks of any length and place are read back', async () => {
  const at = await kernelMemory('release', 32);
  const random = seededBelow(10);
  for (let round = 0; round < 1500; round += 1) {
    const input = repetitive(random, random(round % 20 === 0 ? 140_000 : 600));
    const compressed = block(at, input, 200_000, random(16));
    assert.ok(compressed && readBack(compressed).equals(input), `round ${round}`);
  }
});

test('literals of every length are read back, and a block is written exactly where there is room for it', async () => {
  const at = await kernelMemory('release', 32);
  const noise = randomBytes(seededBelow(16), 700, 256);
  for (let length = 0; length <= noise.length; length += 1) {
    const input = noise.subarray(0, length);
    const compressed = block(at, input, 4 << 20);
    assert.ok(compressed && readBack(compressed).equals(input), `${length}`);
  }
  for (const [name, input] of samples(seededBelow(18))) {
    const needed = Math.max(5, block(at, input, 4 << 20)?.length ?? 0);
    assert.ok(block(at, input, needed), name);
    assert.equal(block(at, input, needed - 1), undefined, name);
  }
});

test('lengths and distances at the borders of their forms', async () => {
  const at = await kernelMemory('release', 32);
  const noise = randomBytes(seededBelow(15), 70_000, 256);
  for (const literal of [1, 59, 60, 61, 255, 256, 257, 2047, 2048, 2049, 65_000]) {
    for (const copied of [4, 11, 12, 63, 64, 65, 66, 67, 68, 69, 128, 132, 400]) {
      const head = noise.subarray(0, literal + copied);
      const input = Buffer.concat([head, noise.subarray(0, copied), noise.subarray(69_900)]);
      const compressed = block(at, input, 200_000);
      assert.ok(compressed && readBack(compressed).equals(input), `${literal}, ${copied}`);
    }
  }
});

test('logs shrink at least as much as with the native library', async () => {
  const at = await kernelMemory('release', 32);
  const logs = logLines({ bytes: 1 << 20, lineBytes: 228, seed: 12 });
  const reference = snappy.compressSync(logs).length;
  const compressed = block(at, logs, 4 << 20);
  assert.ok(compressed && compressed.length < reference, `against ${reference}`);
});

test('no more scratch is written than there is', async () => {
  const at = await kernelMemory('debug', 32);
  at.guard(SCRATCH, MATCH_SCRATCH_BYTES);
  block(at, logLines({ bytes: 300_000, lineBytes: 228, seed: 13 }), 4 << 20);
  block(at, randomBytes(seededBelow(13), 131_072, 256), 4 << 20);
  assert.ok(at.unharmed(SCRATCH, MATCH_SCRATCH_BYTES));
});
