/**
 * Compression of batch payloads. The only door to lz4-napi, snappy and zstd, and to node:zlib's part in it.
 *
 * On the way to the broker lz4 and snappy are the kernel's work (src/encode/kernel); what is here of them serves what is rare: tests,
 * splitting, and all reading. Snappy is written as one raw block, which every client reads, and read in both framings.
 */
import { createRequire } from 'node:module';
import zlib from 'node:zlib';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type * as Snappy from '@napi-rs/snappy';
import type * as Zstd from '@bokuweb/zstd-wasm';
import type * as Lz4 from 'lz4-napi';
import { assert, present } from '../shared/assert.ts';
import { ProtocolError } from '../shared/errors.ts';
import { lz4FrameSizeMax, snappyBlockSize, zstdFrameSizeMax } from './decompressed-size.ts';

/** Names as in `compression.type`, ids as in the attributes of a batch. */
export const codecs = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

export type CodecName = keyof typeof codecs;

/** Levels of KIP-390, with the codec's own default. lz4 has Kafka's default alone: there is one fast method here. */
export const compressionLevels: Readonly<
  Partial<
    Record<CodecName, { readonly min: number; readonly max: number; readonly default: number }>
  >
> = {
  gzip: { min: 1, max: 9, default: -1 },
  lz4: { min: 9, max: 9, default: 9 },
  zstd: { min: -131072, max: 22, default: 3 },
};

/** What a batch may decompress to unless the caller says otherwise: far beyond any broker's `message.max.bytes`. */
export const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;

/** One codec at one level, loaded. */
export interface Compressor {
  readonly codec: CodecName;
  /** For the attributes of a batch. */
  readonly id: number;
  /** Undefined for codecs without levels. */
  readonly level: number | undefined;
  /** Returns new bytes, never a view of `bytes`; for `none` their copy. May be longer than `bytes`. */
  compress(bytes: Uint8Array): Uint8Array;
}

/** The codec with this id in the attributes of a batch, undefined when there is none. */
export function codecNamed(id: number): CodecName | undefined {
  return (Object.keys(codecs) as CodecName[]).find((name) => codecs[name] === id);
}

/** Why `level` does not fit `codec`, undefined when it does. For the configuration, which says it with its place. */
export function levelProblem(codec: CodecName, level: number): string | undefined {
  const range = compressionLevels[codec];
  if (range === undefined) return `${codec} has no levels`;
  if (level === range.default) return undefined;
  if (Number.isInteger(level) && level >= range.min && level <= range.max) return undefined;
  if (codec === 'lz4')
    return `lz4 has one fast method here, which goes by Kafka's default level ${range.default}`;
  return `levels of ${codec} go from ${range.min} to ${range.max}, with ${range.default} as the default`;
}

/**
 * Loads one codec, and no other.
 *
 * @param codec its name, or its id
 * @param level default: the codec's own; see `compressionLevels`. Codecs without levels take any and ignore it
 */
export function createCompressor(codec: CodecName | number, level?: number): Compressor {
  const name = typeof codec === 'number' ? codecNamed(codec) : codec;
  assert(name !== undefined, `there is no codec with the id ${codec}`);
  const range = compressionLevels[name];
  const used = range && (level ?? range.default);
  const problem = used === undefined ? undefined : levelProblem(name, used);
  assert(problem === undefined, problem ?? '');
  const compress = compressFunction(name, used ?? 0);
  return { codec: name, id: codecs[name], level: used, compress };
}

function compressFunction(codec: CodecName, level: number): (bytes: Uint8Array) => Uint8Array {
  switch (codec) {
    case 'none':
      return (bytes) => bytes.slice();
    case 'gzip':
      return (bytes) => counted(zlib.gzipSync(bytes, { level }));
    // These two are not loaded before they are called: workers leave them to the kernel.
    case 'snappy':
      // Without the option each call makes external memory, five times slower and freed late.
      return (bytes) => counted(snappy().compressSync(bytes, { copyOutputData: true }));
    case 'lz4':
      return (bytes) => counted(lz4().compressFrameSync(asBuffer(bytes)));
    case 'zstd':
      return zstdIsInNode ? (bytes) => counted(nodeZstd(bytes, level)) : wasmZstd(level);
  }
}

// zstd is part of Node from 22.15 and 23.8 on; a named import of it would not link before. For Node 20 there is a WebAssembly
// build, loaded at once there, so that decompress() need not wait.
const zstdIsInNode = typeof (zlib.zstdCompressSync as unknown) === 'function';
const zstdWasm = zstdIsInNode ? undefined : await loadZstdWasm();

async function loadZstdWasm(): Promise<typeof Zstd> {
  const zstd = await import('@bokuweb/zstd-wasm');
  await zstd.init();
  return zstd;
}

function wasmZstd(level: number): (bytes: Uint8Array) => Uint8Array {
  const zstd = present(zstdWasm, 'zstd is loaded where Node has none');
  return (bytes) => counted(zstd.compress(bytes, level));
}

/** As large as a block can be without pages of its own from the system each time; the default of 16 KB costs 4 % of the time. */
const ZSTD_OUTPUT_BYTES = 64 * 1024;

/**
 * A window of 128 KB costs 2 % of ratio on logs and saves a tenth of the time.
 * The size is stated for readers that allocate by it.
 */
function nodeZstd(bytes: Uint8Array, level: number): Buffer {
  return zlib.zstdCompressSync(bytes, {
    params: {
      [zlib.constants.ZSTD_c_compressionLevel]: level,
      [zlib.constants.ZSTD_c_windowLog]: 17,
      [zlib.constants.ZSTD_c_contentSizeFlag]: 1,
    },
    pledgedSrcSize: bytes.byteLength,
    chunkSize: ZSTD_OUTPUT_BYTES,
  });
}

/**
 * V8 does not feel the weight of native output until much of it waits: a small collection every 2 MB keeps the pages warm.
 * Measured at the peak: zstd 25 instead of 41 MB, gzip 17 instead of 47, snappy 8 instead of 66.
 * What is in use at a small collection grows old, and old output waits for a whole one, which V8 leaves until there are 64 MB of
 * it in each thread. So every 16th collection is a whole one. Measured: zstd 80 instead of 145 MB resident, for 1.5 % of time.
 */
const OUTPUT_BYTES_PER_COLLECTION = 2 * 1024 * 1024;
const COLLECTIONS_PER_WHOLE_ONE = 16;
let outputBytes = 0;
let collections = 0;
let collect: ((type: 'minor' | 'major') => void) | undefined;

function counted(output: Uint8Array): Uint8Array {
  outputBytes += output.byteLength;
  if (outputBytes >= OUTPUT_BYTES_PER_COLLECTION) {
    outputBytes = 0;
    collections += 1;
    collect ??= collection();
    collect(collections % COLLECTIONS_PER_WHOLE_ONE === 0 ? 'major' : 'minor');
  }
  return output;
}

function collection(): (type: 'minor' | 'major') => void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void;
  return (type) => gc({ type });
}

/**
 * Decompresses a payload: any codec, snappy both raw and in Java's xerial framing.
 *
 * @param codec its name, or its id from the attributes of a batch
 * @param bytesMax what may come out at most
 * @throws {ProtocolError} when the bytes do not follow the codec's format, or more would come out
 */
export function decompress(
  codec: CodecName | number,
  bytes: Uint8Array,
  bytesMax = DECOMPRESSED_BYTES_MAX,
): Uint8Array {
  const name = typeof codec === 'number' ? codecNamed(codec) : codec;
  if (name === undefined) throw new ProtocolError(`there is no codec with the id ${codec}`);
  try {
    return decompressWith(name, bytes, bytesMax);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProtocolError(`${name}: the bytes cannot be decompressed: ${reason}`, {
      cause: error,
    });
  }
}

function decompressWith(codec: CodecName, bytes: Uint8Array, bytesMax: number): Uint8Array {
  switch (codec) {
    case 'none':
      return bytes;
    case 'gzip':
      return zlib.gunzipSync(bytes, { maxOutputLength: bytesMax });
    case 'snappy':
      return isXerial(bytes) ? decompressXerial(bytes, bytesMax) : snappyBlock(bytes, bytesMax);
    case 'lz4':
      checkSize('lz4', lz4FrameSizeMax(bytes), bytesMax);
      return lz4().decompressFrameSync(asBuffer(bytes));
    case 'zstd':
      if (zstdIsInNode) return zlib.zstdDecompressSync(bytes, { maxOutputLength: bytesMax });
      return wasmZstdDecompress(bytes, bytesMax);
  }
}

function checkSize(codec: CodecName, size: number, bytesMax: number): void {
  if (size <= bytesMax) return;
  throw new ProtocolError(`${codec}: ${size} bytes would come out, over the limit of ${bytesMax}`);
}

function wasmZstdDecompress(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const zstd = present(zstdWasm, 'zstd is loaded where Node has none');
  const size = zstdFrameSizeMax(bytes);
  checkSize('zstd', size, bytesMax);
  return zstd.decompress(bytes, { defaultHeapSize: Math.max(1, size) });
}

// The readers are loaded when they are first needed, and at once: decompress() does not wait.
const require = createRequire(import.meta.url);

function lz4(): typeof Lz4 {
  return require('lz4-napi') as typeof Lz4;
}

function snappy(): typeof Snappy {
  return require('@napi-rs/snappy') as typeof Snappy;
}

function snappyBlock(bytes: Uint8Array, bytesMax: number): Uint8Array {
  checkSize('snappy', snappyBlockSize(bytes), bytesMax);
  const output = snappy().uncompressSync(bytes, { asBuffer: true, copyOutputData: true });
  assert(typeof output !== 'string', 'snappy was asked for bytes');
  return output;
}

/** xerial's framing, the Java client's: magic, two int32 of version, then blocks with their int32 length. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

function isXerial(bytes: Uint8Array): boolean {
  return (
    bytes.length >= XERIAL_HEADER_BYTES &&
    XERIAL_MAGIC.every((expected, index) => bytes[index] === expected)
  );
}

function decompressXerial(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  let size = 0;
  let at = XERIAL_HEADER_BYTES;
  while (at < bytes.length) {
    const blockBytes = at + 4 <= bytes.length ? view.getInt32(at) : -1;
    at += 4;
    if (blockBytes < 0 || at + blockBytes > bytes.length) {
      throw new ProtocolError('snappy in xerial framing: a block reaches beyond the bytes');
    }
    const block = snappyBlock(bytes.subarray(at, at + blockBytes), bytesMax - size);
    size += block.byteLength;
    blocks.push(block);
    at += blockBytes;
  }
  return Buffer.concat(blocks, size);
}

/** The native codecs want a Buffer; a view of the same bytes, shared ones too. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}
