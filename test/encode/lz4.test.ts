import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import lz4 from 'lz4-napi';
import { MATCH_SCRATCH_BYTES } from '../../src/encode/kernel.ts';
import { logLines } from '../support/log-lines.ts';
import { seededBelow } from '../support/seeded-random.ts';
import { randomBytes, repetitive, samples } from './compressible.ts';
import type { KernelMemory } from './reference-memory.ts';
import { kernelMemory } from './reference-memory.ts';

const SCRATCH = 1 << 18;
const INPUT = 1 << 20;
const OUTPUT = 8 << 20;
const FRAME_HEADER = '04224d18604082';

/** One frame of `input` with `room` bytes to write it to. Undefined when it has no room. */
function frame(at: KernelMemory, input: Buffer, room: number, shift = 0): Buffer | undefined {
  at.bytes.set(input, INPUT + shift);
  at.guard(OUTPUT, room);
  const end = OUTPUT + room;
  const written = at.kernel.lz4Frame(INPUT + shift, input.length, OUTPUT, end, SCRATCH);
  assert.ok(at.unharmed(OUTPUT, room), `nothing is written beyond ${room} bytes`);
  assert.ok(written <= room);
  return written === 0 ? undefined : Buffer.from(at.bytes.subarray(OUTPUT, OUTPUT + written));
}

/** Without compression: each block stored raw. */
function storedBytes(length: number): number {
  const pairs = Math.ceil(length / 131_072);
  return 7 + length + 4 * (length <= 65_536 ? 1 : 2 * pairs) + 4;
}

/** Of a frame: its blocks, as they are stored. */
function blocksOf(compressed: Buffer): { readonly isRaw: boolean; readonly bytes: Buffer }[] {
  const blocks = [];
  let at = 7;
  for (let word = compressed.readUInt32LE(at); word !== 0; word = compressed.readUInt32LE(at)) {
    const size = word & 0x7fffffff;
    blocks.push({ isRaw: word !== size, bytes: compressed.subarray(at + 4, at + 4 + size) });
    at += 4 + size;
  }
  return blocks;
}

/**
 * Holds a block against what the format asks of who writes it, and readers do not look at: the last match begins 12 bytes before the end or
 * earlier, the last 5 bytes are literals, no match begins before the block, and the block is shorter than what it stands for.
 */
function checkBlock(bytes: Buffer, label: string): void {
  let at = 0;
  let made = 0;
  let lastMatchAt = -Infinity;
  const lengthOf = (half: number): number => {
    let length = half;
    let more = half === 15 ? 255 : 0;
    while (more === 255) {
      more = bytes[at] ?? 0;
      at += 1;
      length += more;
    }
    return length;
  };
  for (;;) {
    const token = bytes[at] ?? 0;
    at += 1;
    const literals = lengthOf(token >> 4);
    at += literals;
    made += literals;
    if (at >= bytes.length) {
      assert.equal(at, bytes.length, label);
      const isEnd = lastMatchAt < 0 || (literals >= 5 && made - lastMatchAt >= 12);
      assert.ok(isEnd, `${label}: the end of a block is literals`);
      assert.ok(bytes.length < made, `${label}: what would not shrink is stored raw`);
      return;
    }
    const offset = bytes.readUInt16LE(at);
    at += 2;
    assert.ok(offset >= 1 && offset <= made, `${label}: offset ${offset} at ${made}`);
    lastMatchAt = made;
    made += 4 + lengthOf(token & 15);
  }
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
      const input = sample.subarray(0, 70_000 + random(120_000));
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

test('random input of any length and place is read back by lz4-napi', async () => {
  const at = await kernelMemory('release', 32);
  const random = seededBelow(10);
  for (let round = 0; round < 1500; round += 1) {
    const input = repetitive(random, random(round % 10 === 0 ? 300_000 : 600));
    const compressed = frame(at, input, 400_000, random(16));
    assert.ok(compressed && lz4.decompressFrameSync(compressed).equals(input), `round ${round}`);
  }
});

test('input is cut into one block, or an even number of blocks that are as long as each other', async () => {
  const at = await kernelMemory('release', 32);
  const noise = randomBytes(seededBelow(16), 300_000, 256);
  const cuts: [number, number[]][] = [
    [0, []],
    [1, [1]],
    [65_536, [65_536]],
    [65_537, [32_769, 32_768]],
    [131_072, [65_536, 65_536]],
    [131_073, [32_769, 32_769, 32_769, 32_766]],
    [300_000, [50_000, 50_000, 50_000, 50_000, 50_000, 50_000]],
  ];
  for (const [length, blocks] of cuts) {
    const compressed = frame(at, noise.subarray(0, length), 4 << 20);
    assert.ok(compressed);
    const sizes = blocksOf(compressed).map(({ bytes }) => bytes.length);
    assert.deepEqual(sizes, blocks, `${length} bytes`);
  }
});

test('blocks are as the format asks, also where readers are generous', async () => {
  const at = await kernelMemory('release', 32);
  const random = seededBelow(17);
  const some = Array.from({ length: 3000 }, (_, round) => {
    const length = random(round % 50 === 0 ? 200_000 : 200);
    return [`round ${round}`, repetitive(random, length)] as const;
  });
  let checked = 0;
  for (const [name, input] of [...samples(seededBelow(8)), ...some]) {
    const compressed = frame(at, input, 4 << 20);
    assert.ok(compressed);
    for (const { isRaw, bytes } of blocksOf(compressed)) {
      if (isRaw) continue;
      checkBlock(bytes, name);
      checked += 1;
    }
  }
  assert.ok(checked > 1000, String(checked));
});

test('a frame is written exactly where there is room for it', async () => {
  const at = await kernelMemory('release', 32);
  for (const [name, input] of samples(seededBelow(18))) {
    const needed = frame(at, input, 4 << 20)?.length ?? 0;
    assert.equal(frame(at, input, needed)?.length, needed, name);
    assert.equal(frame(at, input, needed - 1), undefined, name);
  }
});

test('what the blocks before are like changes how far matches are compared at once, and nothing that is written', async () => {
  const at = await kernelMemory('release', 32);
  const pair = 131_072;
  for (const seed of [19, 20, 21]) {
    const input = repetitive(seededBelow(seed), pair);
    const behind = [Buffer.alloc(pair), randomBytes(seededBelow(seed), pair, 256)].map((before) => {
      const whole = Buffer.concat([before, input]);
      const compressed = frame(at, whole, 4 << 20);
      assert.ok(compressed && lz4.decompressFrameSync(compressed).equals(whole), `seed ${seed}`);
      return blocksOf(compressed).slice(2);
    });
    assert.equal(behind[0]?.length, 2);
    assert.deepEqual(behind[0], behind[1], `seed ${seed}`);
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

test('no more scratch is written than there is', async () => {
  const at = await kernelMemory('debug', 32);
  at.guard(SCRATCH, MATCH_SCRATCH_BYTES);
  frame(at, logLines({ bytes: 300_000, lineBytes: 228, seed: 13 }), 4 << 20);
  frame(at, randomBytes(seededBelow(13), 131_072, 256), 4 << 20);
  assert.ok(at.unharmed(SCRATCH, MATCH_SCRATCH_BYTES));
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
