import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MATCH_SCRATCH_BYTES } from '../../src/encode/kernel.ts';
import { GUARD_BYTES, PAGE_BYTES } from '../../src/ring/arena.ts';
import { layoutMemory } from '../../src/ring/memory-layout.ts';
import { LINE_BYTES, RING_BYTES } from '../../src/ring/ring-layout.ts';
import { allocateSharedMemory, MEMORY_BYTES_MAX } from '../../src/ring/shared-memory.ts';

const MEGABYTE = 2 ** 20;
const KERNEL_BYTES = 65_536;

for (const workers of [0, 1, 2, 4, 16]) {
  test(`with ${workers} workers every part has its own place, aligned, and the arena has the rest`, () => {
    const totalBytes = 64 * MEGABYTE;
    const { doorbell, rings, scratch, arena } = layoutMemory(totalBytes, workers);
    assert.equal(rings.length, workers);
    assert.equal(scratch.length, workers + 1);
    const parts = [
      { address: doorbell, bytes: 2 * LINE_BYTES },
      ...rings.flatMap((pair) =>
        [pair.submission, pair.completion].map((address) => ({ address, bytes: RING_BYTES })),
      ),
      ...scratch,
      arena,
    ];
    let end = KERNEL_BYTES;
    for (const { address, bytes } of parts) {
      assert.equal(address % LINE_BYTES, 0);
      assert.ok(address >= end, 'nothing lies over anything else');
      end = address + bytes;
    }
    assert.equal(end, totalBytes);
    assert.equal(arena.address % PAGE_BYTES, 0);
    assert.ok(arena.bytes > totalBytes - KERNEL_BYTES - (workers + 1) * 2.25 * MEGABYTE);
  });
}

test('scratch has room for what the kernel needs beside the records', () => {
  const { scratch, rawBytes } = layoutMemory(64 * MEGABYTE, 1, 1000);
  for (const { bytes } of scratch) {
    assert.ok(bytes - rawBytes >= MATCH_SCRATCH_BYTES + 2 * GUARD_BYTES);
  }
});

test('scratch grows with the longest record, and a memory that has no room for the encoders is refused', () => {
  const [main] = layoutMemory(64 * MEGABYTE, 1, 10 * MEGABYTE).scratch;
  assert.ok(main !== undefined && main.bytes > 10 * MEGABYTE);
  assert.throws(() => layoutMemory(4 * MEGABYTE, 2), /larger than what the encoders need/);
});

test('where lines become records an encoder has room for long chunks, but a fifth of the memory at most', () => {
  const rawBytes = (megabytes: number, workers: number): number =>
    layoutMemory(megabytes * MEGABYTE, workers, 1000).rawBytes / MEGABYTE;
  assert.equal(rawBytes(64, 1), 3.25);
  assert.ok(Math.abs(rawBytes(64, 4) - 64 / 5 / 5) < 0.01);
  assert.equal(rawBytes(14, 1), 2);
  assert.equal(layoutMemory(64 * MEGABYTE, 1, 0).rawBytes, 2 * MEGABYTE);
});

test('the memory has the size that was asked for, and both kinds of view show the same bytes', () => {
  const memory = allocateSharedMemory(3 * KERNEL_BYTES - 1);
  assert.equal(memory.bytes.length, 3 * KERNEL_BYTES);
  memory.buffer(1000, 4).writeInt32LE(-2);
  assert.deepEqual([...memory.view(1000, 4)], [0xfe, 0xff, 0xff, 0xff]);
  assert.equal(memory.data.getInt32(1000, true), -2);
  assert.throws(() => allocateSharedMemory(MEMORY_BYTES_MAX + 1), /checked against its range/);
});
