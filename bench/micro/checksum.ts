import { loadKernel } from '../../src/encode/kernel.ts';
import { PayloadCrc } from '../../src/encode/payload-crc.ts';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import type { MicroRow } from '../micro-row.ts';
import { bestNs } from './kernel.ts';

const SCRATCH = 65_536;
const PAYLOAD = 1 << 20;
const SIZES = [16_384, 131_072, 1_000_000];

/** CRC-32C of a payload by native code, and made shorter by the kernel before. */
export async function checksumBench(): Promise<MicroRow[]> {
  const memory = allocateSharedMemory(4 << 20);
  const folding = new PayloadCrc(await loadKernel(memory.memory), memory, SCRATCH);
  return SIZES.flatMap((bytes) => {
    const row = (how: string, sum: () => number): MicroRow => {
      const value = bytes / bestNs(400, sum);
      return { name: `CRC-32C of ${bytes} bytes, ${how}`, value, unit: 'GB/s' };
    };
    return [
      row('native', () => crc32c(memory.view(PAYLOAD, bytes))),
      row('folded first', () => folding.of(PAYLOAD, bytes)),
    ];
  });
}
