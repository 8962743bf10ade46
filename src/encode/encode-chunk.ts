/**
 * Stage 3 of 7. One chunk, or the next part of one, to one sealed batch: lines to records, compression, checksum.
 * From: submission ring (in a worker), or main itself for small chunks. To: completion ring, as a result of plain numbers.
 * Bounds: the output run, `batchBytesMax`, the encoder's scratch. Remembers how well the last chunks shrank, nothing else.
 * Crash: the output run is garbage until the result is out; the same task is then encoded again.
 */
import { assert } from '../shared/assert.ts';
import { copyInto } from '../shared/copy-into.ts';
import type { Compressor } from '../kafka/compression.ts';
import { codecs } from '../kafka/compression.ts';
import { BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import { GUARD_BYTES } from '../ring/arena.ts';
import type { ScratchLayout } from '../ring/memory-layout.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import type { EncodeResult, EncodeTask } from './encode-task.ts';
import { encodeFlags, RECORD_OVERHEAD_BYTES_MAX } from './encode-task.ts';
import type { Kernel } from './kernel.ts';
import { encodeInfo, MATCH_SCRATCH_BYTES } from './kernel.ts';
import { PayloadCrc } from './payload-crc.ts';

/** So much is encoded at a time: what is not compressed is summed while it is in the nearest cache. */
const PIECE_BYTES = 128 * 1024;

/** Output after which the expansion of the rest can be foretold. */
const PROBE_BYTES = 32 * 1024;

/** The foretold size is this much too small at most, on logs; a chunk that misses by more leaves a small last part. */
const ESTIMATE_MARGIN = 1.03;

/**
 * How much of a foretold ratio is relied on when the payload before compression is longer than a batch may be: lines of one program vary by a few
 * hundredths. By less, what would have been one batch is two halves, which cost 4 % more (docs/decisions/cpu-per-gigabyte.md).
 */
const RATIO_CAUTION = 0.92;

/** Codecs that need no library on the way out. */
const kernelCodecs = new Map<number, 'lz4Frame' | 'snappyBlock'>([
  [codecs.lz4, 'lz4Frame'],
  [codecs.snappy, 'snappyBlock'],
]);

/** Records of one call, or of several that continue each other. */
interface Encoded {
  consumedBytes: number;
  payloadBytes: number;
  recordCount: number;
  emptyCount: number;
  longCount: number;
  /** CRC-32C of the payload so far; undefined: it will be compressed, and is not summed. */
  crc: number | undefined;
}

/** Encodes chunks one at a time with one codec, on whichever thread it lives. Owns its scratch; the runs belong to the task. */
export class ChunkEncoder {
  readonly #kernel: Kernel;
  readonly #memory: SharedMemory;
  readonly #compressor: Compressor;
  /** Works where the search for matches does, which is over by then. */
  readonly #crc: PayloadCrc;
  readonly #infoAddress: number;
  readonly #matchAddress: number;
  readonly #rawAddress: number;
  readonly #rawBytesMax: number;
  /** Payload over compressed payload, of late. */
  #ratio = Number.POSITIVE_INFINITY;

  /** @param scratch as in `ring/memory-layout`: an info block, what the search for matches needs, and room for records before compression */
  constructor(
    kernel: Kernel,
    memory: SharedMemory,
    scratch: ScratchLayout,
    compressor: Compressor,
  ) {
    this.#kernel = kernel;
    this.#memory = memory;
    this.#compressor = compressor;
    this.#infoAddress = scratch.address;
    this.#matchAddress = scratch.address + GUARD_BYTES;
    this.#crc = new PayloadCrc(kernel, memory, this.#matchAddress);
    this.#rawAddress = this.#matchAddress + MATCH_SCRATCH_BYTES;
    this.#rawBytesMax = scratch.address + scratch.bytes - GUARD_BYTES - this.#rawAddress;
    assert(this.#rawBytesMax > PROBE_BYTES, 'scratch holds more than its tables');
  }

  /**
   * Encodes as much of the input as fits into one batch.
   * Of an input that is not empty it consumes at least one line, or a piece of a long one.
   */
  encode(task: EncodeTask): EncodeResult {
    assert(task.codec === this.#compressor.id, 'the task asks for the codec that was loaded');
    if ((task.flags & encodeFlags.RECORDS) !== 0) return this.#pack(task);
    const payloadMax = Math.min(task.outputBytes, task.batchBytesMax) - BATCH_HEADER_BYTES;
    assert(
      Math.min(task.recordBytesMax, task.inputBytes) +
        RECORD_OVERHEAD_BYTES_MAX +
        task.trailerBytes <=
        payloadMax,
      'the longest record of the input fits into the output run and into a batch',
    );
    if (task.codec !== codecs.none) {
      const compressed = this.#encodeCompressed(task, payloadMax);
      if (compressed !== undefined) return compressed;
    }
    const payload = task.outputAddress + BATCH_HEADER_BYTES;
    const encoded = this.#encodeEvenly(task, payload, payloadMax, 0);
    return this.#sealed(task, encoded, codecs.none, encoded.payloadBytes);
  }

  /** CRC-32C of a payload that is there already. */
  crcOf(address: number, bytes: number): number {
    return this.#crc.of(address, bytes);
  }

  /** Undefined when not even one record fits into the scratch: such a long one goes out as it is. */
  #encodeCompressed(task: EncodeTask, payloadMax: number): EncodeResult | undefined {
    const safeMax = Math.min(payloadMax, this.#rawBytesMax);
    let rawMax = this.#rawMax(payloadMax, safeMax);
    for (;;) {
      const encoded = this.#encodeEvenly(task, this.#rawAddress, rawMax, undefined);
      if (encoded.consumedBytes === 0 && task.inputBytes > 0) {
        if (rawMax === this.#rawBytesMax) return undefined;
        rawMax = this.#rawBytesMax;
        continue;
      }
      if (encoded.payloadBytes === 0) return this.#sealed(task, encoded, codecs.none, 0);

      const compressedBytes = this.#compress(
        task,
        this.#rawAddress,
        encoded.payloadBytes,
        payloadMax,
      );
      const observed = compressedBytes === undefined ? 1 : encoded.payloadBytes / compressedBytes;
      this.#learn(observed);
      const isSafe = encoded.payloadBytes <= payloadMax;
      if (isSafe || (compressedBytes !== undefined && compressedBytes < encoded.payloadBytes)) {
        return this.#shorter(task, encoded, this.#rawAddress, compressedBytes);
      }
      assert(rawMax > safeMax, 'what fits into a batch uncompressed needs no second try');
      rawMax = safeMax;
    }
  }

  /**
   * How long the payload may be before compression. What has shrunk of late will shrink again; where it does not, `safeMax`
   * is next.
   */
  #rawMax(payloadMax: number, safeMax: number): number {
    const hoped = payloadMax * this.#ratio * RATIO_CAUTION;
    return Math.max(safeMax, Math.min(this.#rawBytesMax, Math.floor(hoped)));
  }

  /** Believes a bad ratio at once and a good one slowly: a batch that does not fit is compressed twice. */
  #learn(ratio: number): void {
    this.#ratio = ratio < this.#ratio ? ratio : this.#ratio + (ratio - this.#ratio) / 8;
  }

  /** The input is records: they become the payload, compressed where that makes them shorter. They are one batch, however long. */
  #pack(task: EncodeTask): EncodeResult {
    const { inputAddress, inputBytes, recordCount, codec } = task;
    const payloadMax = task.outputBytes - BATCH_HEADER_BYTES;
    assert(inputBytes <= payloadMax, 'records fit into the output as they are');
    const packed: Encoded = {
      ...{ consumedBytes: inputBytes, payloadBytes: inputBytes, recordCount },
      ...{ emptyCount: 0, longCount: 0, crc: undefined },
    };
    const compressedBytes =
      codec === codecs.none
        ? undefined
        : this.#compress(task, inputAddress, inputBytes, payloadMax);
    return this.#shorter(task, packed, inputAddress, compressedBytes);
  }

  /** The payload as it was compressed into the output run, or as it is at `rawAddress` when that is not longer. */
  #shorter(
    task: EncodeTask,
    encoded: Encoded,
    rawAddress: number,
    compressedBytes: number | undefined,
  ): EncodeResult {
    if (compressedBytes !== undefined && compressedBytes < encoded.payloadBytes) {
      return this.#sealed(task, encoded, task.codec, compressedBytes);
    }
    const payload = task.outputAddress + BATCH_HEADER_BYTES;
    this.#kernel.copy(rawAddress, payload, encoded.payloadBytes);
    return this.#sealed(task, encoded, codecs.none, encoded.payloadBytes);
  }

  /** From `rawAddress` into the output run. Returns the compressed length, undefined when it has no room there. */
  #compress(
    task: EncodeTask,
    rawAddress: number,
    payloadBytes: number,
    payloadMax: number,
  ): number | undefined {
    const payload = task.outputAddress + BATCH_HEADER_BYTES;
    const inKernel = kernelCodecs.get(task.codec);
    if (inKernel !== undefined) {
      const payloadEnd = payload + payloadMax;
      const scratch = this.#matchAddress;
      const written = this.#kernel[inKernel](
        rawAddress,
        payloadBytes,
        payload,
        payloadEnd,
        scratch,
      );
      return written === 0 ? undefined : written;
    }
    const raw = this.#memory.view(rawAddress, payloadBytes);
    const compressed = this.#compressor.compress(raw);
    if (compressed.byteLength > payloadMax) return undefined;
    copyInto(this.#memory.bytes, compressed, payload);
    return compressed.byteLength;
  }

  /**
   * Encodes up to `targetBytes`. Where the input is longer than that, it is cut into even parts: one full batch and a sliver cost
   * the broker and its readers a batch for nothing.
   *
   * @param crc 0 when the payload is to be summed
   */
  #encodeEvenly(
    task: EncodeTask,
    target: number,
    targetBytes: number,
    crc: 0 | undefined,
  ): Encoded {
    const encoded: Encoded = {
      consumedBytes: 0,
      payloadBytes: 0,
      recordCount: 0,
      emptyCount: 0,
      longCount: 0,
      crc,
    };
    let limit = targetBytes;
    if (task.inputBytes > PROBE_BYTES && targetBytes > 2 * PROBE_BYTES) {
      this.#encodePiece(task, target, PROBE_BYTES, encoded);
      if (encoded.consumedBytes > 0) {
        const expansion = encoded.payloadBytes / encoded.consumedBytes;
        const whole = task.inputBytes * expansion * ESTIMATE_MARGIN;
        const parts = Math.ceil(whole / targetBytes);
        if (parts > 1) limit = Math.min(targetBytes, Math.ceil(whole / parts));
      }
    }
    this.#encodeLines(task, target, limit, encoded);
    // The even share was too short for the next line, which alone is longer than the share.
    if (encoded.consumedBytes === 0) this.#encodeLines(task, target, targetBytes, encoded);
    return encoded;
  }

  /** Goes on where `encoded` stands, up to `limit` bytes of payload in all. */
  #encodeLines(task: EncodeTask, target: number, limit: number, encoded: Encoded): void {
    for (let end = encoded.payloadBytes; end < limit;) {
      end = Math.min(limit, end + PIECE_BYTES);
      this.#encodePiece(task, target, end, encoded);
      if (encoded.consumedBytes === task.inputBytes) return;
    }
  }

  #encodePiece(task: EncodeTask, target: number, limit: number, encoded: Encoded): void {
    const written = this.#kernel.encodeLines(
      task.inputAddress + encoded.consumedBytes,
      task.inputBytes - encoded.consumedBytes,
      target + encoded.payloadBytes,
      target + limit,
      encoded.recordCount,
      task.trailerAddress,
      task.trailerBytes,
      task.recordBytesMax,
      task.flags,
      this.#infoAddress,
    );
    const { data } = this.#memory;
    if (encoded.crc !== undefined) {
      encoded.crc = this.#crc.of(target + encoded.payloadBytes, written, encoded.crc);
    }
    encoded.payloadBytes += written;
    encoded.consumedBytes += data.getUint32(this.#infoAddress + encodeInfo.consumedBytes, true);
    encoded.recordCount = data.getUint32(this.#infoAddress + encodeInfo.nextOffsetDelta, true);
    encoded.emptyCount += data.getUint32(this.#infoAddress + encodeInfo.emptyCount, true);
    encoded.longCount += data.getUint32(this.#infoAddress + encodeInfo.longCount, true);
  }

  #sealed(
    task: EncodeTask,
    encoded: Encoded,
    attributes: number,
    payloadBytes: number,
  ): EncodeResult {
    const { consumedBytes, payloadBytes: rawBytes, recordCount, emptyCount, longCount } = encoded;
    assert(consumedBytes > 0 || task.inputBytes === 0, 'every encode makes progress');
    assert((recordCount === 0) === (rawBytes === 0), 'records have bytes');
    return {
      consumedBytes,
      batchBytes: recordCount === 0 ? 0 : BATCH_HEADER_BYTES + payloadBytes,
      recordCount,
      payloadCrc: encoded.crc ?? this.crcOf(task.outputAddress + BATCH_HEADER_BYTES, payloadBytes),
      attributes,
      rawBytes,
      emptyCount,
      longCount,
    };
  }
}
