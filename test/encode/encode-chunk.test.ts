import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { ChunkEncoder } from '../../src/encode/encode-chunk.ts';
import type { EncodeResult, EncodeTask } from '../../src/encode/encode-task.ts';
import { encodeFlags } from '../../src/encode/encode-task.ts';
import type { Kernel } from '../../src/encode/kernel.ts';
import { loadKernel } from '../../src/encode/kernel.ts';
import type { CodecName } from '../../src/kafka/compression.ts';
import { codecs, decompress, createCompressor } from '../../src/kafka/compression.ts';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { decodeRecords } from '../../src/kafka/record.ts';
import { BATCH_HEADER_BYTES } from '../../src/kafka/record-batch.ts';
import { GUARD_BYTES } from '../../src/ring/arena.ts';
import { layoutMemory } from '../../src/ring/memory-layout.ts';
import type { SharedMemory } from '../../src/ring/shared-memory.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { logLines } from '../support/log-lines.ts';
import { seededBelow } from '../support/seeded-random.ts';

const MEMORY_BYTES = 64 << 20;
const layout = layoutMemory(MEMORY_BYTES, 1);
const TRAILER = layout.arena.address;
const INPUT = TRAILER + 65_536;
const OUTPUT = INPUT + (16 << 20);
const BATCH_BYTES_MAX = 1_000_000;
const CANARY = 0xa5;
const everyCodec = Object.keys(codecs) as CodecName[];

let memory: SharedMemory;
let kernel: Kernel;

before(async () => {
  memory = allocateSharedMemory(MEMORY_BYTES);
  kernel = await loadKernel(memory.memory, 'debug');
  memory.bytes[TRAILER] = 0;
});

function encoderOf(codec: CodecName, scratchBytes?: number): ChunkEncoder {
  const main = layout.scratch[0];
  assert.ok(main);
  const scratch = { address: main.address, bytes: scratchBytes ?? main.bytes };
  return new ChunkEncoder(
    kernel,
    memory,
    scratch,
    createCompressor(codec, codec === 'gzip' ? 1 : undefined),
  );
}

function taskOf(codec: CodecName, input: Buffer, changes: Partial<EncodeTask> = {}): EncodeTask {
  memory.bytes.set(input, INPUT);
  return {
    inputAddress: INPUT,
    inputBytes: input.length,
    outputAddress: OUTPUT,
    outputBytes: BATCH_BYTES_MAX + 1000,
    trailerAddress: TRAILER,
    trailerBytes: 1,
    recordBytesMax: 900_000,
    flags: encodeFlags.LONG_SPLIT,
    recordCount: 0,
    batchBytesMax: BATCH_BYTES_MAX,
    codec: codecs[codec],
    level: 0,
    timestampMs: 0,
    ...changes,
  };
}

/** The values in the output run, checked on the way: checksum, codec, sizes, record count, and that nobody wrote elsewhere. */
function valuesOf(task: EncodeTask, result: EncodeResult): Buffer[] {
  const payload = memory.buffer(
    OUTPUT + BATCH_HEADER_BYTES,
    result.batchBytes - BATCH_HEADER_BYTES,
  );
  assert.ok(result.batchBytes <= Math.min(task.batchBytesMax, task.outputBytes));
  assert.equal(result.payloadCrc, crc32c(payload));
  const records = decompress(result.attributes, payload);
  assert.equal(records.byteLength, result.rawBytes);
  if (result.attributes !== codecs.none) assert.ok(payload.byteLength < result.rawBytes);
  const values = [...decodeRecords(records, result.recordCount)].map((record) => {
    assert.ok(record.value);
    return Buffer.from(record.value);
  });
  return values;
}

/** Encodes part after part until the input is consumed. */
function encodeAll(
  encoder: ChunkEncoder,
  task: EncodeTask,
): { parts: EncodeResult[]; values: Buffer[] } {
  const parts: EncodeResult[] = [];
  const values: Buffer[] = [];
  for (let at = 0; at < task.inputBytes;) {
    const rest = { ...task, inputAddress: INPUT + at, inputBytes: task.inputBytes - at };
    memory.bytes.fill(CANARY, OUTPUT, OUTPUT + BATCH_HEADER_BYTES);
    memory.bytes.fill(CANARY, OUTPUT + task.outputBytes, OUTPUT + task.outputBytes + GUARD_BYTES);
    const part = encoder.encode(rest);
    assert.ok(part.consumedBytes > 0, 'progress');
    assert.ok(allCanary(OUTPUT, BATCH_HEADER_BYTES), 'the header stays blank for the wire');
    assert.ok(allCanary(OUTPUT + task.outputBytes, GUARD_BYTES), 'guard bytes stay as they are');
    parts.push(part);
    if (part.recordCount > 0) values.push(...valuesOf(rest, part));
    at += part.consumedBytes;
  }
  return { parts, values };
}

function allCanary(address: number, length: number): boolean {
  return memory.view(address, length).every((byte) => byte === CANARY);
}

function linesOf(input: Buffer): string {
  return input.toString('latin1');
}

function joined(values: readonly Buffer[]): string {
  return values.map((value) => `${value.toString('latin1')}\n`).join('');
}

function noise(bytes: number, lineBytes: number, seed: number): Buffer {
  const random = seededBelow(seed);
  const output = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; at += 1) {
    const byte = random(256);
    output[at] = at % lineBytes === lineBytes - 1 ? 10 : byte === 10 ? 11 : byte;
  }
  output[bytes - 1] = 10;
  return output;
}

for (const codec of everyCodec) {
  test(`${codec}: what goes in as lines comes out as values, from a chunk of any size`, () => {
    const encoder = encoderOf(codec);
    for (const [bytes, lineBytes] of [
      [200, 20],
      [4000, 10],
      [70_000, 100],
      [1 << 20, 228],
      [1 << 20, 10],
      [3 << 20, 1000],
      [1 << 20, 10_000],
    ] as const) {
      const input = logLines({ bytes, lineBytes, seed: bytes });
      const { values } = encodeAll(encoder, taskOf(codec, input));
      assert.equal(joined(values), linesOf(input));
    }
  });

  test(`${codec}: what cannot shrink is sent uncompressed, and stays under the limit of a batch`, () => {
    const encoder = encoderOf(codec);
    const input = noise(3 << 20, 1000, 1);
    for (let round = 0; round < 2; round += 1) {
      const { parts, values } = encodeAll(encoder, taskOf(codec, input));
      assert.equal(joined(values), linesOf(input));
      assert.ok(parts.length <= 5, `${parts.length} batches for 3 MB`);
    }
    const tiny = encodeAll(encoder, taskOf(codec, Buffer.from('x\n')));
    assert.equal(tiny.parts[0]?.attributes, codecs.none);
  });

  test(`${codec}: a chunk that shrinks here and not there loses nothing`, () => {
    const encoder = encoderOf(codec);
    const logs = logLines({ bytes: 600_000, lineBytes: 228, seed: 2 });
    const input = Buffer.concat([
      logs,
      noise(1_500_000, 300, 3),
      logs,
      noise(500_000, 50, 4),
      logs,
    ]);
    const { values } = encodeAll(encoder, taskOf(codec, input));
    assert.equal(joined(values), linesOf(input));
  });

  test(`${codec}: small runs, small batches and long headers end in the same values`, () => {
    const encoder = encoderOf(codec);
    const input = logLines({ bytes: 120_000, lineBytes: 150, seed: 5 });
    const trailer = Buffer.concat([
      Buffer.from([2, 8]),
      Buffer.from('host'),
      Buffer.from([10]),
      Buffer.from('web-1'),
    ]);
    memory.bytes.set(trailer, TRAILER);
    const withHeaders = { trailerBytes: trailer.length, recordBytesMax: 100 };
    for (const changes of [{ outputBytes: 400 }, { outputBytes: 5000 }, { batchBytesMax: 3000 }]) {
      const task = taskOf(codec, input.subarray(0, 20_000), { ...withHeaders, ...changes });
      const { parts, values } = encodeAll(encoder, task);
      const cuts = parts.reduce((sum, part) => sum + part.longCount, 0);
      const newlines = input.subarray(0, 20_000).filter((byte) => byte === 10).length;
      assert.ok(cuts > 0 && values.every((value) => value.length <= 100));
      assert.equal(Buffer.concat(values).length, 20_000 - newlines);
    }
    memory.bytes[TRAILER] = 0;
  });
}

for (const codec of ['none', 'lz4'] as const) {
  test(`${codec}: lines longer than what is encoded at a time fill a batch all the same`, () => {
    const short = logLines({ bytes: 50_000, lineBytes: 100, seed: 7 });
    const long = logLines({ bytes: 300_000, lineBytes: 300_000, seed: 8 });
    const input = Buffer.concat([long, long, short, long]);
    const { parts, values } = encodeAll(encoderOf(codec), taskOf(codec, input));
    assert.equal(joined(values), linesOf(input));
    assert.equal(parts.length, 1);
  });
}

test('a chunk a little longer than a batch is cut into even parts, not into a batch and a sliver', () => {
  for (const [codec, bytes] of [
    ['none', 1 << 20],
    ['lz4', 2_400_000],
  ] as const) {
    const encoder = encoderOf(codec);
    const { parts } = encodeAll(
      encoder,
      taskOf(codec, logLines({ bytes, lineBytes: 228, seed: 6 })),
    );
    const sizes = parts.map((part) => part.rawBytes);
    assert.equal(parts.length, 2);
    assert.ok(Math.min(...sizes) > 0.8 * Math.max(...sizes), sizes.join(' '));
  }
});

test('a chunk of lines like those before, which fills a batch nearly, is one batch', () => {
  // What the inputs read at a time, and a batch may have by default.
  const lines = logLines({ bytes: 2_900_000, lineBytes: 228, seed: 4 });
  for (const codec of ['lz4', 'snappy'] as const) {
    const encoder = encoderOf(codec, layoutMemory(MEMORY_BYTES, 1, 1_000_000).scratch[0]?.bytes);
    const task = taskOf(codec, lines);
    for (let chunk = 0; chunk < 5; chunk += 1) encoder.encode(task);
    const { consumedBytes, batchBytes } = encoder.encode(task);
    assert.equal(consumedBytes, lines.length, `${codec}: ${batchBytes} bytes`);
    assert.ok(batchBytes > 0.75 * BATCH_BYTES_MAX, `${codec}: ${batchBytes} bytes`);
  }
});

test('nothing but empty lines makes no batch, and all of them are counted', () => {
  for (const codec of everyCodec) {
    const encoder = encoderOf(codec);
    const flags = encodeFlags.SKIP_EMPTY | encodeFlags.STRIP_CR | encodeFlags.LONG_DROP;
    const result = encoder.encode(taskOf(codec, Buffer.from('\n\r\n\n'.repeat(50_000)), { flags }));
    assert.deepEqual(result, {
      consumedBytes: 200_000,
      batchBytes: 0,
      recordCount: 0,
      payloadCrc: 0,
      attributes: 0,
      rawBytes: 0,
      emptyCount: 150_000,
      longCount: 0,
    });
  }
});

test('an empty input makes no batch', () => {
  const result = encoderOf('lz4').encode(taskOf('lz4', Buffer.alloc(0)));
  assert.equal(result.consumedBytes, 0);
  assert.equal(result.batchBytes, 0);
});

test('a record longer than the scratch goes out uncompressed', () => {
  const encoder = encoderOf('lz4', 400_000);
  const input = Buffer.from(`${'a'.repeat(500_000)}\n${'b'.repeat(10)}\n`);
  const { parts, values } = encodeAll(encoder, taskOf('lz4', input));
  assert.equal(joined(values), linesOf(input));
  assert.equal(parts[0]?.attributes, codecs.none);
});

test('a run too short for the longest record is a bug that is named', () => {
  const encoder = encoderOf('none');
  const task = taskOf('none', Buffer.from('0123456789\n'), { outputBytes: 70 });
  assert.throws(() => encoder.encode(task), /the longest record of the input fits/);
});

test('random chunks lose no byte with any codec', () => {
  const random = seededBelow(7);
  for (const codec of everyCodec) {
    const encoder = encoderOf(codec);
    for (let round = 0; round < 60; round += 1) {
      const input = noise(1 + random(5000), 1 + random(200), round);
      const changes = { outputBytes: 6000 + random(3000), batchBytesMax: 5400 + random(3000) };
      const { values } = encodeAll(encoder, taskOf(codec, input, changes));
      assert.equal(joined(values), linesOf(input), `${codec}, round ${round}`);
    }
  }
});
