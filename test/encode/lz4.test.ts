import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import lz4 from 'lz4-napi';
import { MATCH_TABLE_BYTES } from '../../src/encode/kernel.ts';
import { logLines } from '../support/log-lines.ts';
import { seededBelow } from '../support/seeded-random.ts';
import { randomBytes, repetitive, samples } from './compressible.ts';
import type { KernelMemory } from './reference-memory.ts';
import { kernelMemory } from './reference-memory.ts';

const TABLE = 1 << 18;
const INPUT = 1 << 20;
const OUTPUT = 8 << 20;
const FRAME_HEADER = '04224d18604082';

/** One frame of `input` with `room` bytes to write it to. Undefined when it has no room. */
function frame(at: KernelMemory, input: Buffer, room: number): Buffer | undefined {
  at.bytes.set(input, INPUT);
  at.guard(OUTPUT, room);
  const written = at.kernel.lz4Frame(INPUT, input.length, OUTPUT, OUTPUT + room, TABLE);
  assert.ok(at.unharmed(OUTPUT, room), `nothing is written beyond ${room} bytes`);
  assert.ok(written <= room);
  return written === 0 ? undefined : Buffer.from(at.bytes.subarray(OUTPUT, OUTPUT + written));
}

/** Without compression: each block stored raw. */
function storedBytes(length: number): number {
  return 7 + length + 4 * Math.ceil(length / 65_536) + 4;
}

for (const variant of ['release', 'debug'] as const) {
  test(`${variant} kernel: lz4-napi reads back each frame, and none is longer than its blocks stored raw`, async () => {
    const at = await kernelMemory(variant, 32);
    for (const [name, input] of samples(seededBelow(8))) {
      const compressed = frame(at, input, 4 << 20);
      assert.ok(compressed, name);
      assert.equal(compressed.toString('hex', 0, 7), FRAME_HEADER);
      assert.ok(compressed.length <= storedBytes(input.length), name);
      assert.ok(lz4.decompressFrameSync(compressed).equals(input), name);
    }
  });

  test(`${variant} kernel: a frame written into any room is right or not written, and never overruns`, async () => {
    const at = await kernelMemory(variant, 32);
    const random = seededBelow(9);
    for (const [name, sample] of samples(random)) {
      const input = sample.subarray(0, 70_000);
      const needed = frame(at, input, 4 << 20)?.length ?? 0;
      const rooms = [0, 1, 10, 11, 15, needed - 1, needed, needed + 1, needed + 40];
      for (let round = 0; round < 12; round += 1) rooms.push(random(needed + 100));
      for (const room of rooms.filter((bytes) => bytes >= 0)) {
        const compressed = frame(at, input, room);
        if (compressed)
          assert.ok(lz4.decompressFrameSync(compressed).equals(input), `${name} in ${room}`);
        assert.ok(
          compressed !== undefined || room < storedBytes(input.length) + 40,
          `${name} in ${room}`,
        );
      }
    }
  });
}

test('random blocks of any length are read back by lz4-napi', async () => {
  const at = await kernelMemory('release', 32);
  const random = seededBelow(10);
  for (let round = 0; round < 1500; round += 1) {
    const input = repetitive(random, random(round % 20 === 0 ? 65_537 : 600));
    const address = INPUT + random(16);
    at.bytes.set(input, address);
    at.guard(OUTPUT, 80_000);
    const written = at.kernel.lz4Block(address, input.length, OUTPUT, OUTPUT + 80_000, TABLE);
    assert.ok(at.unharmed(OUTPUT, 80_000));
    assert.ok(written < input.length || written === 0);
    if (written === 0) continue;
    const prefixed = Buffer.alloc(4 + written);
    prefixed.writeUInt32LE(input.length);
    prefixed.set(at.bytes.subarray(OUTPUT, OUTPUT + written), 4);
    assert.ok(lz4.uncompressSync(prefixed).equals(input), `round ${round}`);
  }
});

test('noise costs four bytes a block', async () => {
  const at = await kernelMemory('release', 32);
  const noise = randomBytes(seededBelow(11), 200_000, 256);
  assert.equal(frame(at, noise, 4 << 20)?.length, storedBytes(noise.length));
});

test('logs shrink at least as much as with lz4-napi', async () => {
  const at = await kernelMemory('release', 32);
  const logs = logLines({ bytes: 1 << 20, lineBytes: 228, seed: 12 });
  let reference = 0;
  for (let from = 0; from < logs.length; from += 65_536) {
    reference += lz4.compressSync(logs.subarray(from, from + 65_536)).length;
  }
  const compressed = frame(at, logs, 4 << 20);
  assert.ok(
    compressed && compressed.length < reference,
    `${compressed?.length} against ${reference}`,
  );
});

test('the hash table is all the scratch that is written', async () => {
  const at = await kernelMemory('debug', 32);
  at.guard(TABLE, MATCH_TABLE_BYTES);
  frame(at, logLines({ bytes: 300_000, lineBytes: 228, seed: 13 }), 4 << 20);
  assert.ok(at.unharmed(TABLE, MATCH_TABLE_BYTES));
});

test('the lz4 command reads the frames, where it is installed', async (t) => {
  if (spawnSync('lz4', ['--version']).error) {
    t.diagnostic('no lz4 command on this machine: lz4-napi alone was the judge');
    return;
  }
  const at = await kernelMemory('release', 32);
  for (const [name, input] of samples(seededBelow(14)).slice(-9)) {
    const compressed = frame(at, input, 4 << 20);
    assert.ok(compressed, name);
    const read = spawnSync('lz4', ['-d', '-c'], { input: compressed, maxBuffer: 1 << 24 });
    assert.ok(read.stdout.equals(input), `${name}: ${read.stderr.toString()}`);
  }
});
