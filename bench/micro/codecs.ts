import { ChunkEncoder } from '../../src/encode/encode-chunk.ts';
import { encodeFlags } from '../../src/encode/encode-task.ts';
import { loadKernel } from '../../src/encode/kernel.ts';
import type { CodecName, Compressor } from '../../src/kafka/compression.ts';
import { createCompressor } from '../../src/kafka/compression.ts';
import { layoutMemory } from '../../src/ring/memory-layout.ts';
import type { SharedMemory } from '../../src/ring/shared-memory.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { present } from '../../src/shared/assert.ts';
import { logLines } from '../../test/support/log-lines.ts';
import type { MicroRow } from '../micro-row.ts';
import { bestNs, CHUNK_BYTES, LINE_BYTES } from './kernel.ts';

const BATCH_BYTES_MAX = 1_048_588;
const MEMORY_BYTES = 32 << 20;
const { arena, scratch } = layoutMemory(MEMORY_BYTES, 0);
const TRAILER = arena.address;
const INPUT = TRAILER + 65_536;
const OUTPUT = INPUT + (4 << 20);

const CODECS: readonly (readonly [CodecName, number | undefined])[] = [
  ['none', undefined],
  ['lz4', undefined],
  ['snappy', undefined],
  ['zstd', 1],
  ['zstd', 3],
  ['gzip', 1],
  ['gzip', -1],
];

function chunkBench(
  encoder: ChunkEncoder,
  compressor: Compressor,
  memory: SharedMemory,
  lineBytes: number,
): MicroRow[] {
  const input = logLines({ bytes: CHUNK_BYTES, lineBytes, seed: 1 });
  memory.bytes.set(input, INPUT);
  let records = 0;
  let batchBytes = 0;
  const encodeAll = (): void => {
    records = 0;
    batchBytes = 0;
    for (let at = 0; at < input.length;) {
      const result = encoder.encode({
        inputAddress: INPUT + at,
        inputBytes: input.length - at,
        outputAddress: OUTPUT,
        outputBytes: BATCH_BYTES_MAX,
        trailerAddress: TRAILER,
        trailerBytes: 1,
        recordBytesMax: 1_000_000,
        flags: encodeFlags.STRIP_CR | encodeFlags.LONG_SPLIT,
        recordCount: 0,
        batchBytesMax: BATCH_BYTES_MAX,
        codec: compressor.id,
        level: compressor.level ?? 0,
        timestampMs: 0,
      });
      at += result.consumedBytes;
      records += result.recordCount;
      batchBytes += result.batchBytes;
    }
  };
  const ns = bestNs(compressor.codec === 'gzip' ? 4 : 16, encodeAll);
  const { codec } = compressor;
  const level = codec !== 'gzip' && codec !== 'zstd' ? '' : ` ${compressor.level ?? ''}`;
  const name = `chunk to batch, ${codec}${level}, lines of ${lineBytes} bytes`;
  return [
    { name, value: input.length / ns, unit: 'GB/s' },
    { name, value: ns / records, unit: 'ns/record' },
    { name, value: input.length / batchBytes, unit: 'ratio' },
  ];
}

/** Chunk to sealed batch, checksum included: what a worker does all day. GB are of input lines. */
export async function codecBench(): Promise<MicroRow[]> {
  const memory = allocateSharedMemory(MEMORY_BYTES);
  const kernel = await loadKernel(memory.memory);
  memory.bytes[TRAILER] = 0;
  const rows: MicroRow[] = [];
  for (const [codec, level] of CODECS) {
    const compressor = createCompressor(codec, level);
    const scratchOfMain = present(scratch[0], 'main has scratch');
    const encoder = new ChunkEncoder(kernel, memory, scratchOfMain, compressor);
    const sizes = codec === 'gzip' || codec === 'zstd' ? ([228] as const) : LINE_BYTES;
    for (const lineBytes of sizes) rows.push(...chunkBench(encoder, compressor, memory, lineBytes));
  }
  return rows;
}
