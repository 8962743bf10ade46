import type { Kernel, KernelVariant } from '../../src/encode/kernel.ts';
import { loadKernel } from '../../src/encode/kernel.ts';

const PAGE_BYTES = 65536;
const CANARY = 0xa5;
const CANARY_BYTES = 256;
const canary = Buffer.alloc(CANARY_BYTES, CANARY);

/** A kernel over a memory of its own, and what tests put into that memory and take out of it. */
export interface KernelMemory {
  readonly kernel: Kernel;
  readonly memory: WebAssembly.Memory;
  readonly bytes: Buffer<SharedArrayBuffer>;
  readonly data: DataView<SharedArrayBuffer>;
  /** Puts canaries around a range, before the kernel writes into it. */
  guard(address: number, length: number): void;
  /** Whether the canaries around a guarded range are as they were. */
  unharmed(address: number, length: number): boolean;
}

export async function kernelMemory(
  variant: KernelVariant,
  megabytes: number,
): Promise<KernelMemory> {
  const pages = (megabytes * 1024 * 1024) / PAGE_BYTES;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const bytes = Buffer.from(memory.buffer);
  return {
    kernel: await loadKernel(memory, variant),
    memory,
    bytes,
    data: new DataView(memory.buffer),
    guard: (address, length) => {
      bytes.fill(CANARY, address - CANARY_BYTES, address);
      bytes.fill(CANARY, address + length, address + length + CANARY_BYTES);
    },
    unharmed: (address, length) => {
      const after = address + length;
      return (
        bytes.compare(canary, 0, CANARY_BYTES, address - CANARY_BYTES, address) === 0 &&
        bytes.compare(canary, 0, CANARY_BYTES, after, after + CANARY_BYTES) === 0
      );
    },
  };
}
