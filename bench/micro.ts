import { codecBench } from './micro/codecs.ts';
import { checksumBench } from './micro/checksum.ts';
import { copyIntoBench } from './micro/copy-into.ts';
import { kernelBench } from './micro/kernel.ts';
import { ringBench } from './micro/ring.ts';
import { stampBench } from './micro/stamp.ts';
import type { MicroRow } from './micro-row.ts';

/** The parts alone, one after the other: kernel, codecs, checksum, stamp, copies, ring. */
export async function microBenches(): Promise<MicroRow[]> {
  return [
    ...(await kernelBench()),
    ...(await codecBench()),
    ...(await checksumBench()),
    ...stampBench(),
    ...copyIntoBench(),
    ...(await ringBench()),
  ];
}
