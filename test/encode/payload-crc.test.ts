import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FOLD_SCRATCH_BYTES, loadKernel } from '../../src/encode/kernel.ts';
import { PayloadCrc } from '../../src/encode/payload-crc.ts';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { seededBelow } from '../support/seeded-random.ts';
import { randomBytes } from './compressible.ts';
import { kernelMemory } from './reference-memory.ts';

const SCRATCH = 1 << 18;
const SOURCE = 1 << 20;
/** The kernel's own least, our least, and where one stretch of 16 KB ends and the next begins. */
const BORDERS = [5385, 16_384, 5321 + 16_384, 5321 + 2 * 16_384];

for (const variant of ['release', 'debug'] as const) {
  test(`${variant} kernel: what crcFold leaves has the CRC of the whole, at every border, from every address`, async () => {
    const { kernel, bytes } = await kernelMemory(variant, 2);
    const random = seededBelow(11);
    const source = randomBytes(random, 40_000, 256);
    for (const border of BORDERS) {
      for (let length = border - 1; length <= border + 65; length += 1) {
        if (length < 5385) continue;
        const address = SOURCE + random(64);
        const seed = random(2 ** 32);
        bytes.set(source.subarray(0, length), address);
        const left = kernel.crcFold(address, length, ~seed, SCRATCH);
        assert.ok(left < 5400, `${left} of ${length} bytes are left`);
        const rest = bytes.subarray(SCRATCH, SCRATCH + left);
        assert.equal(crc32c(rest, 0xffffffff), crc32c(source.subarray(0, length), seed));
      }
    }
  });

  test(`${variant} kernel: crcFold changes neither its source nor what lies around its scratch`, async () => {
    const at = await kernelMemory(variant, 2);
    const { kernel, bytes } = at;
    const source = randomBytes(seededBelow(12), 100_000, 256);
    bytes.set(source, SOURCE);
    at.guard(SCRATCH, FOLD_SCRATCH_BYTES);
    kernel.crcFold(SOURCE, source.length, 0xffffffff, SCRATCH);
    assert.ok(bytes.subarray(SOURCE, SOURCE + source.length).equals(source));
    assert.ok(at.unharmed(SCRATCH, FOLD_SCRATCH_BYTES));
  });
}

test('the CRC of a payload, whole or in pieces of any length, is that of native code', async () => {
  const memory = allocateSharedMemory(8 << 20);
  const crc = new PayloadCrc(await loadKernel(memory.memory), memory, SCRATCH);
  const random = seededBelow(13);
  const source = randomBytes(random, 1_100_000, 256);
  memory.bytes.set(source, SOURCE);
  for (let round = 0; round < 200; round += 1) {
    const length = random(round % 4 === 0 ? source.length : 100_000);
    const cut = random(length + 1);
    const expected = crc32c(source.subarray(0, length));
    assert.equal(crc.of(SOURCE, length), expected, `${length} bytes`);
    const first = crc.of(SOURCE, cut);
    assert.equal(crc.of(SOURCE + cut, length - cut, first), expected, `${length} cut at ${cut}`);
  }
});
