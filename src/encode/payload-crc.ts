import { crc32c } from '../kafka/crc32c.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { FOLD_SCRATCH_BYTES, MATCH_SCRATCH_BYTES, type Kernel } from './kernel.ts';
import { assert } from '../shared/assert.ts';

/** From here on the kernel makes it shorter first, which is two to three times as fast: docs/decisions/crc-fold.md. */
const FOLDED_BYTES_MIN = 16 * 1024;
/** The CRC so far that stands for a register of zero. */
const ZERO_REGISTER = 0xffffffff;

assert(FOLD_SCRATCH_BYTES <= MATCH_SCRATCH_BYTES, 'the CRC has room in the scratch of an encoder');

/** CRC-32C of what lies in the shared memory, on whichever thread it lives. */
export class PayloadCrc {
  readonly #kernel: Kernel;
  readonly #memory: SharedMemory;
  readonly #scratchAddress: number;

  /** @param scratchAddress `FOLD_SCRATCH_BYTES`, which nobody else uses during a call */
  constructor(kernel: Kernel, memory: SharedMemory, scratchAddress: number) {
    this.#kernel = kernel;
    this.#memory = memory;
    this.#scratchAddress = scratchAddress;
  }

  /**
   * @param seed CRC of what comes before; 0 at the start
   * @returns unsigned 32 bits
   */
  of(address: number, bytes: number, seed = 0): number {
    if (bytes < FOLDED_BYTES_MIN) return crc32c(this.#memory.view(address, bytes), seed);
    const restBytes = this.#kernel.crcFold(address, bytes, ~seed, this.#scratchAddress);
    return crc32c(this.#memory.view(this.#scratchAddress, restBytes), ZERO_REGISTER);
  }
}
