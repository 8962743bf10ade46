import { assert } from '../shared/assert.ts';
import { PAGE_BYTES } from './arena.ts';
import { LINE_BYTES, RING_BYTES } from './ring-layout.ts';

/** The kernel is linked for 64 KB; it keeps its constants there. */
const KERNEL_STATICS_BYTES = 65_536;
/** Hash tables, blocks and answers of the kernel, and what it may read beyond the records. */
const KERNEL_SCRATCH_BYTES = 212_992;
const RAW_BYTES_MIN = 2 * 2 ** 20;
/** Longer chunks cost less, up to here: docs/decisions/cpu-per-gigabyte.md. */
const RAW_BYTES_MAX = 3.25 * 2 ** 20;
/** Of all memory, so that most of it is left for what is on its way. */
const RAW_SHARE_MAX = 1 / 5;

export interface RingPairLayout {
  /** Main writes, the worker reads. */
  readonly submission: number;
  /** The worker writes, main reads. */
  readonly completion: number;
}

/** Memory of one encoder for what lives no longer than one encode: tables, and records before compression. */
export interface ScratchLayout {
  readonly address: number;
  readonly bytes: number;
}

export interface MemoryLayout {
  /** One word that every worker rings when it has completed something. */
  readonly doorbell: number;
  readonly rings: readonly RingPairLayout[];
  /** Index 0 is main's, 1 and on the workers'. */
  readonly scratch: readonly ScratchLayout[];
  /** Of each scratch, for records before compression. */
  readonly rawBytes: number;
  readonly arena: { readonly address: number; readonly bytes: number };
}

/**
 * Divides the shared memory.
 *
 *     0             64 KB
 *     | kernel's    | doorbell | rings, one pair  | scratch: main,     | arena                       |
 *     | statics     |          | for each worker  | then each worker   | to the end                  |
 *
 * @param recordBytesMax longest record with its overhead: each scratch holds at least one
 */
export function layoutMemory(
  totalBytes: number,
  workers: number,
  recordBytesMax = 0,
): MemoryLayout {
  let next = KERNEL_STATICS_BYTES;
  const take = (bytes: number, align: number): number => {
    const address = Math.ceil(next / align) * align;
    next = address + bytes;
    return address;
  };
  const doorbell = take(2 * LINE_BYTES, LINE_BYTES);
  const rings = Array.from({ length: workers }, () => ({
    submission: take(RING_BYTES, LINE_BYTES),
    completion: take(RING_BYTES, LINE_BYTES),
  }));
  const rawBytes = rawBytesOf(totalBytes, workers, recordBytesMax);
  const scratchBytes = KERNEL_SCRATCH_BYTES + rawBytes;
  const scratch = Array.from({ length: workers + 1 }, () => ({
    address: take(scratchBytes, PAGE_BYTES),
    bytes: scratchBytes,
  }));
  const address = take(0, PAGE_BYTES);
  assert(address < totalBytes, 'buffer.memory is larger than what the encoders need');
  return { doorbell, rings, scratch, rawBytes, arena: { address, bytes: totalBytes - address } };
}

function rawBytesOf(totalBytes: number, workers: number, recordBytesMax: number): number {
  // Records that come ready are compressed from where they are.
  if (recordBytesMax === 0) return RAW_BYTES_MIN;
  const share = Math.floor((totalBytes * RAW_SHARE_MAX) / (workers + 1));
  return Math.max(recordBytesMax, RAW_BYTES_MIN, Math.min(RAW_BYTES_MAX, share));
}
