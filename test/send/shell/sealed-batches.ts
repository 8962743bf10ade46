/** Sealed batches in a small arena, as the encoder leaves them: for tests of what comes after it. */
import { ProducerBatch } from '../../../src/accumulate/producer-batch.ts';
import { codecs, decompress, createCompressor } from '../../../src/kafka/compression.ts';
import type { CodecName } from '../../../src/kafka/compression.ts';
import { crc32c } from '../../../src/kafka/crc32c.ts';
import { BATCH_HEADER_BYTES } from '../../../src/kafka/record-batch.ts';
import { decodeRecords, encodeRecords } from '../../../src/kafka/record.ts';
import { Arena } from '../../../src/ring/arena.ts';
import { allocateSharedMemory } from '../../../src/ring/shared-memory.ts';
import type { SharedMemory } from '../../../src/ring/shared-memory.ts';
import { bytesOf } from '../../../src/send/batch-memory.ts';
import type { BatchPayload, SealedBatch } from '../../../src/send/batch-memory.ts';
import { present } from '../../../src/shared/assert.ts';

/** The ranges of a test's batch: its lines. */
export type Lines = readonly string[];

export interface Workshop {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  seal(lines: Lines, codec?: CodecName): SealedBatch;
  batch(id: number, topic: string, lines: Lines, options?: BatchChoices): LineBatch;
}

export type LineBatch = ProducerBatch<BatchPayload<Lines>>;

export interface BatchChoices {
  readonly partition?: number;
  readonly codec?: CodecName;
  readonly createdMs?: number;
}

const ARENA_AT = 65_536;

/** @param arenaBytes of runs; guard bytes are checked and freed runs poisoned */
export function workshop(arenaBytes = 8 * 1024 * 1024): Workshop {
  const memory = allocateSharedMemory(ARENA_AT + arenaBytes);
  const arena = new Arena(memory, { address: ARENA_AT, bytes: arenaBytes, guard: 'check' });
  const seal = (lines: Lines, codec: CodecName = 'none'): SealedBatch => {
    const raw = encodeRecords(lines.map((line) => ({ key: null, value: Buffer.from(line) })));
    const payload = createCompressor(codec).compress(raw);
    const batchBytes = BATCH_HEADER_BYTES + payload.byteLength;
    const run = present(arena.claim(batchBytes), 'the arena of the test has room');
    memory.view(run.address, batchBytes).set(payload, BATCH_HEADER_BYTES);
    return {
      ...{ run, batchBytes, recordCount: lines.length, payloadCrc: crc32c(payload) },
      ...{ attributes: codecs[codec], rawBytes: raw.byteLength, timestampMs: 1_700_000_000_000 },
    };
  };
  return {
    ...{ memory, arena, seal },
    batch(id, topic, lines, { partition, codec, createdMs = 0 } = {}) {
      const sealed = seal(lines, codec);
      const { recordCount, batchBytes, rawBytes } = sealed;
      return new ProducerBatch({
        ...{ id, topic, recordCount, batchBytes, rawBytes, createdMs },
        ...(partition === undefined ? {} : { partition }),
        payload: { sealed, ranges: lines },
      });
    },
  };
}

/** The lines that a sealed batch holds. */
export function linesOf({ memory }: Workshop, sealed: SealedBatch): string[] {
  const payload = bytesOf(memory, sealed).subarray(BATCH_HEADER_BYTES);
  const codec = sealed.attributes & 7;
  const raw = codec === 0 ? payload : decompress(codec, payload);
  const lines: string[] = [];
  for (const { value, offsetDelta } of decodeRecords(raw, sealed.recordCount)) {
    if (offsetDelta !== lines.length) throw new Error(`offset delta ${offsetDelta}`);
    lines.push(Buffer.from(value ?? []).toString());
  }
  return lines;
}
