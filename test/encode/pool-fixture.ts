/** An encoder pool with everything around it: memory, a source of chunks, and somebody who takes the batches and reads them. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChunkToEncode, EncodedPart } from '../../src/encode/encode-order.ts';
import { encodeFlags } from '../../src/encode/encode-task.ts';
import { EncoderPool, type EncoderPoolOptions } from '../../src/encode/encoder-pool.ts';
import { type KernelVariant, loadKernel } from '../../src/encode/kernel.ts';
import { type CodecName, decompress, createCompressor } from '../../src/kafka/compression.ts';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { decodeRecords } from '../../src/kafka/record.ts';
import { BATCH_HEADER_BYTES } from '../../src/kafka/record-batch.ts';
import { Arena, type Run } from '../../src/ring/arena.ts';
import { layoutMemory } from '../../src/ring/memory-layout.ts';
import { allocateSharedMemory, type SharedMemory } from '../../src/ring/shared-memory.ts';
import { present } from '../../src/shared/assert.ts';

export interface PoolFixtureOptions {
  readonly workers: number;
  readonly codec?: CodecName;
  readonly memoryBytes?: number;
  readonly batchBytesMax?: number;
  /** Default 10,000. */
  readonly recordBytesMax?: number;
  readonly inlineBytesMax?: number;
  readonly isMainIdle?: () => boolean;
  readonly lanes?: EncoderPoolOptions<ChunkToEncode>['lanes'];
  readonly workerFile?: URL;
  /** Default: the one that checks itself. */
  readonly kernel?: KernelVariant;
  /** Takes a part over, with its sealed run. Default: reads the values and frees the run. */
  readonly onPart?: (fixture: PoolFixture, part: EncodedPart) => void;
}

export interface PoolFixture {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly pool: EncoderPool<ChunkToEncode>;
  readonly faults: Error[];
  /** Chunks that a fault left behind. */
  readonly left: ChunkToEncode[];
  /** Text of all records so far, each with a newline, in the order in which they were handed on. */
  readonly values: string[];
  readonly parts: EncodedPart[];
  /** A chunk with these lines, if the arena has room for them. */
  submit(lines: Buffer): boolean;
  /** Ends the pool and checks that nothing of the arena is missing. */
  close(): Promise<void>;
}

export async function poolFixture(options: PoolFixtureOptions): Promise<PoolFixture> {
  const { workers, memoryBytes = 48 << 20, batchBytesMax = 1_000_000, codec = 'lz4' } = options;
  const memory = allocateSharedMemory(memoryBytes);
  const layout = layoutMemory(memoryBytes, workers);
  const arena = new Arena(memory, { ...layout.arena, guard: 'check' });
  const variant = options.kernel ?? 'debug';
  process.env['MILLRACE_KERNEL'] = variant;
  const trailer = present(arena.claim(1), 'a new arena has room');
  memory.bytes[trailer.address] = 0;
  const faults: Error[] = [];
  const left: ChunkToEncode[] = [];
  const takePart = options.onPart ?? readPart;
  const { inlineBytesMax, isMainIdle, lanes, workerFile } = options;
  const poolOptions: EncoderPoolOptions<ChunkToEncode> = {
    memory,
    layout,
    arena,
    kernel: await loadKernel(memory.memory, variant),
    compressor: createCompressor(codec, codec === 'gzip' ? 1 : undefined),
    batchBytesMax,
    onPart: (part) => {
      takePart(fixture, part);
    },
    onFault: (error, chunks) => {
      faults.push(error);
      left.push(...chunks);
    },
    ...(inlineBytesMax !== undefined && { inlineBytesMax }),
    isMainIdle,
    ...(lanes !== undefined && { lanes }),
    ...(workerFile !== undefined && { workerFile }),
  };
  const pool = new EncoderPool<ChunkToEncode>(poolOptions);
  let number = 0;
  const fixture: PoolFixture = {
    memory,
    arena,
    pool,
    faults,
    left,
    values: [],
    parts: [],
    submit: (lines) => {
      const input = arena.claim(lines.length);
      if (input === undefined) return false;
      memory.bytes.set(lines, input.address);
      number += 1;
      pool.submit(chunkOf(number, input, lines.length, trailer, options.recordBytesMax));
      return true;
    },
    close: async () => {
      await pool.close();
      arena.free(trailer);
      assert.equal(arena.freeBytes, arena.totalBytes, 'every run came back');
    },
  };
  return fixture;
}

function chunkOf(
  number: number,
  input: Run,
  bytes: number,
  trailer: Run,
  recordBytesMax = 10_000,
): ChunkToEncode {
  return {
    number,
    input,
    bytes,
    trailerAddress: trailer.address,
    trailerBytes: 1,
    flags: encodeFlags.LONG_SPLIT,
    recordBytesMax,
    timestampMs: 1_795_000_000_000,
  };
}

export function readPart(fixture: PoolFixture, part: EncodedPart): void {
  fixture.parts.push(part);
  if (part.sealed === undefined) return;
  fixture.values.push(textOf(fixture, part.sealed));
  fixture.arena.free(part.sealed.run);
}

export function textOf(
  { memory, arena }: PoolFixture,
  sealed: NonNullable<EncodedPart['sealed']>,
): string {
  const { run, batchBytes, recordCount, payloadCrc, attributes } = sealed;
  arena.assertLive(run);
  const bytes = batchBytes - BATCH_HEADER_BYTES;
  const payload = memory.buffer(run.address + BATCH_HEADER_BYTES, bytes);
  assert.equal(crc32c(payload), payloadCrc);
  const records = decodeRecords(decompress(attributes, payload), recordCount);
  const lines = [...records].map(({ value }) => Buffer.from(present(value, 'no value is null')));
  return lines.map((line) => `${line.toString('latin1')}\n`).join('');
}

/** Submits all of them, waiting for room where there is none, and waits until they are handed on. */
export async function encodeAll(fixture: PoolFixture, chunks: readonly Buffer[]): Promise<void> {
  for (const lines of chunks) {
    while (!fixture.submit(lines)) await sleep(1);
    // Now and then the workers run dry.
    if (Math.random() < 0.1) await sleep(3);
  }
  await fixture.pool.idle();
}

/** `count` chunks of `bytesMin` to `bytesMax`, of lines that differ from all others. */
export function randomChunks(
  count: number,
  bytesMin: number,
  bytesMax: number,
  random: () => number,
): Buffer[] {
  return Array.from({ length: count }, (_, chunk) => {
    const bytes = bytesMin + Math.floor(random() * (bytesMax - bytesMin));
    const lines: string[] = [];
    for (let length = 0, line = 0; length < bytes; line += 1) {
      const text = `${chunk}/${line} ${'payload of a line '.repeat(Math.floor(random() * 12))}\n`;
      lines.push(text);
      length += text.length;
    }
    return Buffer.from(lines.join(''), 'latin1');
  });
}
