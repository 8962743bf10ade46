import { assert } from '../shared/assert.ts';
import { SetupError } from '../shared/errors.ts';

const WASM_PAGE_BYTES = 65_536;
/** Addresses stay positive 32-bit integers, with room behind the last one. */
export const MEMORY_BYTES_MAX = 2 ** 31 - 64 * 2 ** 20;

/** The one memory that main thread, workers, kernel, codecs and sockets share. Its size never changes, so views stay whole. */
export interface SharedMemory {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Buffer<SharedArrayBuffer>;
  readonly data: DataView<SharedArrayBuffer>;
  view(address: number, length: number): Uint8Array<SharedArrayBuffer>;
  /** As `view`, with Buffer's methods. */
  buffer(address: number, length: number): Buffer<SharedArrayBuffer>;
}

/**
 * Reserves the memory. Only pages that are touched cost anything.
 *
 * @param bytes at most `MEMORY_BYTES_MAX`; rounded up to whole pages of 64 KB
 * @throws {SetupError} when the process may not have so much address space
 */
export function allocateSharedMemory(bytes: number): SharedMemory {
  assert(bytes > 0 && bytes <= MEMORY_BYTES_MAX, 'buffer.memory was checked against its range');
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  try {
    return adoptSharedMemory(
      new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }),
    );
  } catch (error) {
    throw new SetupError(
      'config',
      `buffer.memory: the system does not give ${bytes} bytes of shared memory; Node reserves about 10 GB of address space beside them: ` +
        'raise the limit (ulimit -v, LimitAS=), or start Node with --disable-wasm-trap-handler',
      { cause: error },
    );
  }
}

/** The same memory as another thread sees it. */
export function adoptSharedMemory(memory: WebAssembly.Memory): SharedMemory {
  const shared = memory.buffer;
  const bytes = Buffer.from(shared);
  return {
    memory,
    bytes,
    data: new DataView(shared),
    view: (address, length) => new Uint8Array(shared, address, length),
    buffer: (address, length) => Buffer.from(shared, address, length),
  };
}
