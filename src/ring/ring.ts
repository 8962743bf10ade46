/**
 * Stage 2 of 7. Descriptors of chunks go from main to a worker, and what became of them comes back: one ring each way, one writer and one reader.
 * From: the encoder pool. To: the worker's loop. Bounds: SLOT_COUNT; a full ring is said, and never waited for.
 */
import { assert } from '../shared/assert.ts';
import {
  HEAD_OFFSET,
  SLOT_BYTES,
  SLOT_COUNT,
  SLOTS_OFFSET,
  TAIL_OFFSET,
  WAITING_OFFSET,
} from './ring-layout.ts';
import type { SharedMemory } from './shared-memory.ts';

/** The words of one ring as `Atomics` wants them. */
interface RingWords {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly tail: number;
  readonly head: number;
  readonly waiting: number;
}

function wordsOf(memory: SharedMemory, address: number): RingWords {
  const word = (offset: number): number => (address + offset) / 4;
  return {
    words: new Int32Array(memory.bytes.buffer),
    tail: word(TAIL_OFFSET),
    head: word(HEAD_OFFSET),
    waiting: word(WAITING_OFFSET),
  };
}

/** Makes a ring empty. Only while neither side runs: at the start, and when its worker has died. */
export function resetRing(memory: SharedMemory, address: number): void {
  const { words, tail, head, waiting } = wordsOf(memory, address);
  for (const index of [tail, head, waiting]) Atomics.store(words, index, 0);
}

/** The writing side: `claim` a slot, fill it, `commit`. Never waits. */
export class RingWriter {
  readonly #ring: RingWords;
  readonly #slots: number;
  #tail: number;
  /** The reader's index as last seen: read again only when the ring looks full. */
  #headSeen: number;

  constructor(memory: SharedMemory, address: number) {
    this.#ring = wordsOf(memory, address);
    this.#slots = address + SLOTS_OFFSET;
    this.#tail = Atomics.load(this.#ring.words, this.#ring.tail);
    this.#headSeen = Atomics.load(this.#ring.words, this.#ring.head);
  }

  /** @returns address of the next slot, or undefined when the ring is full */
  claim(): number | undefined {
    if (this.#used() === SLOT_COUNT) {
      this.#headSeen = Atomics.load(this.#ring.words, this.#ring.head);
      if (this.#used() === SLOT_COUNT) return undefined;
    }
    return this.#slots + (this.#tail & (SLOT_COUNT - 1)) * SLOT_BYTES;
  }

  /** Publishes the claimed slot, and wakes the reader if it sleeps on this ring. */
  commit(): void {
    assert(this.#used() < SLOT_COUNT, 'only a claimed slot is committed');
    const { words, tail, waiting } = this.#ring;
    this.#tail = (this.#tail + 1) | 0;
    Atomics.store(words, tail, this.#tail);
    if (Atomics.load(words, waiting) === 1) Atomics.notify(words, tail);
  }

  #used(): number {
    return (this.#tail - this.#headSeen) | 0;
  }
}

/** The reading side: `peek` at the oldest slot, read it, `release` it. Never waits by itself: see `ring-wait.ts`. */
export class RingReader {
  readonly #ring: RingWords;
  readonly #slots: number;
  #head: number;
  #tailSeen: number;

  constructor(memory: SharedMemory, address: number) {
    this.#ring = wordsOf(memory, address);
    this.#slots = address + SLOTS_OFFSET;
    this.#head = Atomics.load(this.#ring.words, this.#ring.head);
    this.#tailSeen = Atomics.load(this.#ring.words, this.#ring.tail);
  }

  /** @returns address of the oldest committed slot, or undefined when there is none */
  peek(): number | undefined {
    if (this.#head === this.#tailSeen) {
      this.#tailSeen = Atomics.load(this.#ring.words, this.#ring.tail);
      if (this.#head === this.#tailSeen) return undefined;
    }
    return this.#slots + (this.#head & (SLOT_COUNT - 1)) * SLOT_BYTES;
  }

  /** Gives the slot that `peek` showed back to the writer. */
  release(): void {
    assert(this.#head !== this.#tailSeen, 'only a slot that was read is released');
    this.#head = (this.#head + 1) | 0;
    Atomics.store(this.#ring.words, this.#ring.head, this.#head);
  }

  /** The words to sleep on, and the tail that was seen last: the sleep ends when it has moved. */
  get sleepWords(): {
    words: Int32Array<SharedArrayBuffer>;
    word: number;
    flag: number;
    seen: number;
  } {
    const { words, tail, waiting } = this.#ring;
    return { words, word: tail, flag: waiting, seen: this.#tailSeen };
  }
}
