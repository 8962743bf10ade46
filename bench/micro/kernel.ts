import { encodeFlags } from '../../src/encode/encode-task.ts';
import type { Kernel } from '../../src/encode/kernel.ts';
import { encodeInfo, loadKernel } from '../../src/encode/kernel.ts';
import { layoutMemory } from '../../src/ring/memory-layout.ts';
import type { SharedMemory } from '../../src/ring/shared-memory.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { logLines } from '../../test/support/log-lines.ts';
import type { MicroRow } from '../micro-row.ts';

export const LINE_BYTES = [10, 100, 228, 1000, 10_000] as const;

/** Of lines, in each chunk. */
export const CHUNK_BYTES = 900_000;
const MEMORY_BYTES = 32 << 20;
const { arena, scratch } = layoutMemory(MEMORY_BYTES, 0);
const INFO = scratch[0]?.address ?? 0;
const MATCH_SCRATCH = INFO + 64;
const TRAILER = arena.address;
const INPUT = TRAILER + 65_536;
const RECORDS = INPUT + (4 << 20);
const OUTPUT = RECORDS + (8 << 20);

/** Best of `repeats` in nanoseconds, after warming up. The best, because others share the machine. */
export function bestNs(repeats: number, run: () => void): number {
  for (let repeat = 0; repeat < repeats / 4; repeat += 1) run();
  let best = Infinity;
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const started = process.hrtime.bigint();
    run();
    best = Math.min(best, Number(process.hrtime.bigint() - started));
  }
  return best;
}

interface Bench {
  readonly kernel: Kernel;
  readonly memory: SharedMemory;
}

function encode({ kernel }: Bench, inputBytes: number, trailerBytes: number): number {
  return kernel.encodeLines(
    INPUT,
    inputBytes,
    RECORDS,
    OUTPUT - 4096,
    0,
    TRAILER,
    trailerBytes,
    1 << 20,
    encodeFlags.STRIP_CR | encodeFlags.LONG_SPLIT,
    INFO,
  );
}

function linesBench(bench: Bench, lineBytes: number, trailerBytes: number): MicroRow[] {
  const input = logLines({ bytes: CHUNK_BYTES, lineBytes, seed: 1 });
  bench.memory.bytes.set(input, INPUT);
  bench.memory.bytes.fill(0, TRAILER, TRAILER + trailerBytes);
  const ns = bestNs(60, () => encode(bench, input.length, trailerBytes));
  const records = bench.memory.data.getUint32(INFO + encodeInfo.nextOffsetDelta, true);
  const headers = trailerBytes > 1 ? `, ${trailerBytes} bytes of headers` : '';
  const name = `encode, lines of ${lineBytes} bytes${headers}`;
  return [
    { name, value: input.length / ns, unit: 'GB/s' },
    { name, value: ns / records, unit: 'ns/record' },
  ];
}

/** LZ4 as the encode uses it: over records, not over lines. */
function lz4Bench(bench: Bench, lineBytes: number): MicroRow[] {
  const input = logLines({ bytes: CHUNK_BYTES, lineBytes, seed: 1 });
  bench.memory.bytes.set(input, INPUT);
  bench.memory.bytes[TRAILER] = 0;
  const records = encode(bench, input.length, 1);
  let frame = 0;
  const ns = bestNs(16, () => {
    frame = bench.kernel.lz4Frame(RECORDS, records, OUTPUT, OUTPUT + (4 << 20), MATCH_SCRATCH);
  });
  const name = `lz4 frame, lines of ${lineBytes} bytes`;
  return [
    { name, value: input.length / ns, unit: 'GB/s' },
    { name, value: input.length / frame, unit: 'ratio' },
  ];
}

function copyBench({ kernel }: Bench, bytes: number): MicroRow {
  const ns = bestNs(60, () => {
    for (let round = 0; round < 64; round += 1) kernel.copy(INPUT + 5, RECORDS + round, bytes);
  });
  return { name: `copy, ${bytes} bytes, unaligned`, value: (64 * bytes) / ns, unit: 'GB/s' };
}

function murmur2Bench({ kernel }: Bench, bytes: number): MicroRow {
  const ns = bestNs(60, () => {
    for (let round = 0; round < 256; round += 1) kernel.murmur2(INPUT + round, bytes);
  });
  return { name: `murmur2, keys of ${bytes} bytes`, value: ns / 256, unit: 'ns/key' };
}

/** The kernel alone, one thread. GB are of input lines. */
export async function kernelBench(): Promise<MicroRow[]> {
  const memory = allocateSharedMemory(MEMORY_BYTES);
  const bench = { memory, kernel: await loadKernel(memory.memory) };
  return [
    ...LINE_BYTES.flatMap((lineBytes) => linesBench(bench, lineBytes, 1)),
    ...linesBench(bench, 228, 90),
    ...LINE_BYTES.flatMap((lineBytes) => lz4Bench(bench, lineBytes)),
    ...[228, 4000, 65_000].map((bytes) => copyBench(bench, bytes)),
    ...[8, 36].map((bytes) => murmur2Bench(bench, bytes)),
  ];
}
