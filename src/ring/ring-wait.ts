import { LINE_BYTES } from './ring-layout.ts';
import type { RingReader } from './ring.ts';
import type { SharedMemory } from './shared-memory.ts';

/**
 * Waiting, apart from the rings: a sleeper raises its flag, looks once more, and sleeps until the word moves; who moves the word looks at the
 * flag. With sequentially consistent atomics one of the two always sees the other, so no wake-up is lost.
 *
 * `waitAsync` keeps no event loop alive, and a timeout would outlive the wake-up: there is none, and who waits for work that is under way
 * holds a referenced handle.
 */
async function sleepUntilMoved(
  words: Int32Array<SharedArrayBuffer>,
  word: number,
  flag: number,
  seen: number,
): Promise<void> {
  Atomics.store(words, flag, 1);
  // `waitAsync` itself looks once more: it does not sleep when the word is not `seen` any more.
  const wait = Atomics.waitAsync(words, word, seen);
  if (wait.async) await wait.value;
  Atomics.store(words, flag, 0);
}

/** Resolves when the ring has a descriptor that its reader has not seen. */
export function waitForDescriptor(reader: RingReader): Promise<void> {
  const { words, word, flag, seen } = reader.sleepWords;
  return sleepUntilMoved(words, word, flag, seen);
}

/** One word for all workers together: main sleeps on it, whoever has completed something rings it. */
export class Doorbell {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #count: number;
  readonly #flag: number;

  constructor(memory: SharedMemory, address: number) {
    this.#words = new Int32Array(memory.bytes.buffer);
    this.#count = address / 4;
    this.#flag = (address + LINE_BYTES) / 4;
  }

  ring(): void {
    Atomics.add(this.#words, this.#count, 1);
    if (Atomics.load(this.#words, this.#flag) === 1) Atomics.notify(this.#words, this.#count);
  }

  /** Read before looking at the rings; `wait` then misses nothing that came since. */
  read(): number {
    return Atomics.load(this.#words, this.#count);
  }

  wait(seen: number): Promise<void> {
    return sleepUntilMoved(this.#words, this.#count, this.#flag, seen);
  }
}
