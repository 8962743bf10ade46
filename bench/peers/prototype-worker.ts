/** A worker of prototype.ts. */
import { openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { encodeFlags } from '../../src/encode/encode-task.ts';
import { encodeInfo, loadKernel } from '../../src/encode/kernel.ts';
import { codecs } from '../../src/kafka/compression.ts';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { BATCH_HEADER_BYTES, stamp } from '../../src/kafka/record-batch.ts';
import { adoptSharedMemory } from '../../src/ring/shared-memory.ts';
import { assert, present } from '../../src/shared/assert.ts';
import { createCompressor } from './prototype-codecs.ts';
import type { MadeBatch, PrototypeTask } from './prototype-task.ts';

const { memory: shared, file, fileBytes, codec, nextChunk } = workerData as PrototypeTask;
const memory = adoptSharedMemory(shared);
const kernel = await loadKernel(shared);
const compress = createCompressor(codec);
const port = present(parentPort, 'a worker has a port');
const descriptor = openSync(file, 'r');
const chunkCounter = new Int32Array(nextChunk);

/** Lines that are not compressed become longer, and must fit into a batch. */
const CHUNK_BYTES = codec === 'none' ? 900_000 : 1 << 20;
/** The longest line that may reach over the end of a chunk. */
const LINE_BYTES_MAX = 64 * 1024;
const BATCH_BYTES_MAX = 1_048_000;
const NEWLINE = 10;

const INFO = 64 * 1024;
const TRAILER = INFO + 64;
const SOURCE = 1 << 20;
const RECORDS = 4 << 20;
const SLOTS = 12 << 20;
const SLOT_BYTES = 4 << 20;
memory.bytes[TRAILER] = 0;

const free = [0, 1, 2, 3];
let wake: (() => void) | undefined;
port.on('message', (slot: number) => {
  free.push(slot);
  wake?.();
});

for (let from = takeChunk(); from < fileBytes; from = takeChunk()) {
  const [first, end] = readLines(from);
  for (let at = first; at < end;) {
    while (free.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    const slot = present(free.pop(), 'a slot is free');
    at += makeBatch(slot, at, end - at);
    await setImmediate();
  }
}
port.postMessage(undefined);

function takeChunk(): number {
  return Atomics.add(chunkCounter, 0, 1) * CHUNK_BYTES;
}

/** The lines that begin in the chunk: from the first newline before it, or in it, to the last one that one of them ends with. */
function readLines(from: number): [from: number, to: number] {
  const before = from === 0 ? 0 : 1;
  const length = Math.min(CHUNK_BYTES + before + LINE_BYTES_MAX, fileBytes - from + before);
  const read = readSync(descriptor, memory.bytes, SOURCE, length, from - before);
  const first = before === 0 ? SOURCE : memory.bytes.indexOf(NEWLINE, SOURCE) + 1;
  const isLast = from + CHUNK_BYTES >= fileBytes;
  if (isLast) return [first, SOURCE + read];
  return [first, memory.bytes.indexOf(NEWLINE, SOURCE + before + CHUNK_BYTES - 1) + 1];
}

/** @returns bytes of lines that went into it */
function makeBatch(slot: number, source: number, sourceBytes: number): number {
  const address = SLOTS + slot * SLOT_BYTES;
  const payload = address + BATCH_HEADER_BYTES;
  const isPacked = codec !== 'none';
  const target = isPacked ? RECORDS : payload;
  const targetEnd = isPacked ? RECORDS + (8 << 20) - 64 : address + BATCH_BYTES_MAX;
  const flags = encodeFlags.LONG_SPLIT;
  const encodedBytes = kernel.encodeLines(
    ...([source, sourceBytes, target, targetEnd, 0, TRAILER, 1, LINE_BYTES_MAX, flags] as const),
    INFO,
  );
  let payloadBytes = encodedBytes;
  if (isPacked) {
    const packed = compress(memory.bytes.subarray(RECORDS, RECORDS + encodedBytes));
    assert(packed.byteLength < BATCH_BYTES_MAX, 'lines shrink');
    memory.bytes.set(packed, payload);
    payloadBytes = packed.byteLength;
  }
  const bytes = BATCH_HEADER_BYTES + payloadBytes;
  stamp(memory.view(address, bytes), {
    ...{ producerId: -1n, epoch: -1, baseSequence: -1 },
    recordCount: memory.data.getUint32(INFO + encodeInfo.nextOffsetDelta, true),
    attributes: codecs[codec],
    timestampMs: Date.now(),
    payloadCrc: crc32c(memory.view(payload, payloadBytes)),
    batchBytes: bytes,
  });
  port.postMessage({ slot, address, bytes } satisfies MadeBatch);
  return memory.data.getUint32(INFO + encodeInfo.consumedBytes, true);
}
