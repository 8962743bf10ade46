/**
 * Loads the kernel: the one part of millrace that touches every byte. It is AssemblyScript (src/encode/kernel), stateless between
 * calls, and works inside the one shared memory that it is given: main and every worker instantiate it over the same memory.
 */
import { readFileSync } from 'node:fs';
import { Bug } from '../shared/assert.ts';
import { SetupError } from '../shared/errors.ts';
import type {} from '../shared/web-assembly.d.ts';

/** Scratch of the LZ4 and Snappy functions: of each of two blocks a hash table, and what it is compressed to. */
export const MATCH_SCRATCH_BYTES = 197 * 1024;

/** Scratch of `crcFold`. */
export const FOLD_SCRATCH_BYTES = 32 * 1024;

/** Four u32 that `encodeLines` leaves behind, by their offsets. */
export const encodeInfo = {
  consumedBytes: 0,
  nextOffsetDelta: 4,
  emptyCount: 8,
  longCount: 12,
  bytes: 16,
} as const;

/** `debug` checks its own invariants at each step and is some ten times slower: for tests. */
export type KernelVariant = 'release' | 'debug';

/**
 * Compresses from `source` to `target`, writes nothing beyond `targetEnd`, reads up to 63 bytes beyond the source.
 *
 * @param scratch `MATCH_SCRATCH_BYTES`
 * @returns bytes written; 0 when there is no room
 */
export type Compress = (
  source: number,
  sourceBytes: number,
  target: number,
  targetEnd: number,
  scratch: number,
) => number;

/** The functions of the kernel. All addresses and lengths are bytes of the shared memory; none is checked against its size. */
export interface Kernel {
  readonly variant: KernelVariant;

  /**
   * Encodes newline-framed bytes to v2 records, until the input ends or a record would cross `targetEnd`.
   * Writes nothing beyond `targetEnd`; reads up to 63 bytes beyond the input and 15 beyond the trailer.
   *
   * @param flags bits of `encodeFlags`
   * @param info receives `encodeInfo`
   * @returns bytes written
   */
  encodeLines(
    source: number,
    sourceBytes: number,
    target: number,
    targetEnd: number,
    firstOffsetDelta: number,
    trailer: number,
    trailerBytes: number,
    valueBytesMax: number,
    flags: number,
    info: number,
  ): number;

  /** A whole LZ4 frame of independent blocks of 64 KB or less, as Kafka's Java client writes it. */
  readonly lz4Frame: Compress;

  /** One raw Snappy block, which every reader of Kafka takes; it may be longer than `sourceBytes`. */
  readonly snappyBlock: Compress;

  /**
   * Leaves at `scratch` fewer bytes with the same remainder in CRC-32C, for a register that begins with zero. Reads up to 15 bytes beyond the source.
   *
   * @param sourceBytes more than 5.4 KB, which are left
   * @param register what the register holds before the source: the complement of the CRC so far
   * @param scratch `FOLD_SCRATCH_BYTES`
   * @returns how many bytes are left
   */
  crcFold(source: number, sourceBytes: number, register: number, scratch: number): number;

  /** The hash of Kafka's default partitioner, signed 32 bits. */
  murmur2(address: number, bytes: number): number;

  /** Exact copy; the ranges may overlap. Several times faster than `Buffer.copy` between shared bytes. */
  copy(source: number, target: number, bytes: number): void;

  fill(target: number, bytes: number, value: number): void;
}

const compiled = new Map<KernelVariant, WebAssembly.Module>();

/**
 * Instantiates the kernel over `memory`; compiles it once per thread and variant.
 *
 * @param memory shared, its maximum at most 4 GB
 * @param variant the environment variable `MILLRACE_KERNEL=debug` changes the default
 * @throws {SetupError} when the kernel was not built
 */
export async function loadKernel(
  memory: WebAssembly.Memory,
  variant: KernelVariant = defaultVariant(),
): Promise<Kernel> {
  const module = compiled.get(variant) ?? (await WebAssembly.compile(readKernel(variant)));
  compiled.set(variant, module);
  const abort = (message: number, file: number, line: number): never => {
    throw new Bug(
      `kernel ${assemblyString(memory, file)}:${line}: ${assemblyString(memory, message)}`,
    );
  };
  const instance = await WebAssembly.instantiate(module, { env: { memory, abort } });
  return { ...(instance.exports as unknown as Omit<Kernel, 'variant'>), variant };
}

function defaultVariant(): KernelVariant {
  return process.env['MILLRACE_KERNEL'] === 'debug' ? 'debug' : 'release';
}

function readKernel(variant: KernelVariant): Buffer<ArrayBuffer> {
  const name = variant === 'debug' ? 'kernel.debug.wasm' : 'kernel.wasm';
  // The build leaves it in dist, beside the compiled form of this file; from source it is looked for there too.
  const folder = import.meta.url.endsWith('.ts') ? '../../dist/src/encode/kernel/' : './kernel/';
  const file = new URL(folder + name, import.meta.url);
  try {
    return readFileSync(file);
  } catch (error) {
    throw new SetupError(
      'internal',
      `kernel: cannot read ${file.pathname}; build it with \`npm run build:kernel\``,
      { cause: error },
    );
  }
}

/** A string constant of the kernel: UTF-16, its length in bytes in front of it. */
function assemblyString(memory: WebAssembly.Memory, address: number): string {
  if (address === 0) return 'an assertion failed';
  const view = new DataView(memory.buffer);
  const units = view.getUint32(address - 4, true) / 2;
  return Array.from({ length: units }, (_, index) =>
    String.fromCharCode(view.getUint16(address + 2 * index, true)),
  ).join('');
}
