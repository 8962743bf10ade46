import { assert } from '../shared/assert.ts';
import type { SharedMemory } from './shared-memory.ts';

export const PAGE_BYTES = 4096;
/** Behind each run: the kernel reads and stores 16 bytes at a time and shared memory does not trap. */
export const GUARD_BYTES = 64;
const CANARY = 0xa7;
const POISON = 0xdd;

/** Whole pages of the arena, `GUARD_BYTES` of them behind `bytes`. Belongs to whoever claimed it, until it is freed. */
export interface Run {
  readonly address: number;
  /** Usable bytes. */
  readonly bytes: number;
  /** Differs from that of every other run that was ever at this address. */
  readonly generation: number;
}

interface OwnedRun extends Run {
  bytes: number;
  pages: number;
}

export interface ArenaOptions {
  readonly address: number;
  readonly bytes: number;
  /** `check`: canaries in the guard bytes are checked whenever a run changes, and freed runs are poisoned. For tests. */
  readonly guard?: 'off' | 'check';
}

/**
 * Runs of 4 KB pages, first fit from the lowest address, so that low pages are used again while they are warm and high ones are never touched.
 * Runs are freed in any order: a batch that is stuck blocks nobody. Owned by the main thread alone; workers get addresses, never runs.
 *
 *     span   [ 3 . 3 ][ -2 -2 ][ 1 ][ -9 . . . . . . . -9 ]      first and last page of each stretch hold its length, negative when free
 */
export class Arena {
  readonly totalBytes: number;
  readonly #memory: SharedMemory;
  readonly #address: number;
  readonly #span: Int32Array;
  readonly #generations: Uint32Array;
  readonly #isChecked: boolean;
  readonly #listeners: (() => void)[] = [];
  /** No free page lies below it. */
  #lowest = 0;
  #freePages: number;

  constructor(memory: SharedMemory, options: ArenaOptions) {
    const pages = Math.floor(options.bytes / PAGE_BYTES);
    assert(pages > 0, 'an arena has a page');
    this.totalBytes = pages * PAGE_BYTES;
    this.#memory = memory;
    this.#address = options.address;
    this.#span = new Int32Array(pages);
    this.#generations = new Uint32Array(pages);
    this.#isChecked = options.guard === 'check';
    this.#freePages = pages;
    this.#mark(0, -pages);
  }

  get freeBytes(): number {
    return this.#freePages * PAGE_BYTES;
  }

  /** @returns a run of at least `bytes` usable bytes, or undefined when no stretch is long enough now: wait for `onFree` */
  claim(bytes: number): Run | undefined {
    assert(bytes > 0, 'a run holds at least a byte');
    const pages = Math.ceil((bytes + GUARD_BYTES) / PAGE_BYTES);
    const page = this.#firstFit(pages);
    if (page === undefined) return undefined;
    const rest = -this.#at(page) - pages;
    if (rest > 0) this.#mark(page + pages, -rest);
    this.#mark(page, pages);
    this.#freePages -= pages;
    if (page === this.#lowest) this.#lowest = page + pages;
    const generation = ((this.#generations[page] ?? 0) + 1) >>> 0;
    this.#generations[page] = generation;
    const usable = pages * PAGE_BYTES - GUARD_BYTES;
    const run: OwnedRun = { address: this.#addressOf(page), bytes: usable, pages, generation };
    if (this.#isChecked) this.#guardOf(run).fill(CANARY);
    return run;
  }

  /** Gives back the pages behind the first `bytes`; the run stays the same run. */
  trim(run: Run, bytes: number): Run {
    const owned = this.#owned(run);
    assert(bytes > 0 && bytes <= owned.bytes, 'a run is trimmed to a part of itself');
    if (this.#isChecked) this.#checkCanary(owned);
    const pages = Math.ceil((bytes + GUARD_BYTES) / PAGE_BYTES);
    const page = this.#pageOf(owned.address);
    const surplus = owned.pages - pages;
    owned.bytes = pages * PAGE_BYTES - GUARD_BYTES;
    owned.pages = pages;
    if (this.#isChecked) this.#guardOf(owned).fill(CANARY);
    if (surplus === 0) return run;
    this.#mark(page, pages);
    this.#giveBack(page + pages, surplus);
    return run;
  }

  free(run: Run): void {
    const owned = this.#owned(run);
    const page = this.#pageOf(owned.address);
    if (this.#isChecked) {
      this.#checkCanary(owned);
      this.#memory.bytes.fill(POISON, owned.address, owned.address + owned.pages * PAGE_BYTES);
    }
    this.#generations[page] = (owned.generation + 1) >>> 0;
    this.#giveBack(page, owned.pages);
  }

  /** @throws {Bug} when the run was freed, whether or not somebody else has its pages now */
  assertLive(run: Run): void {
    this.#owned(run);
  }

  /** Calls the listener after every free. It must be quick; it may claim. */
  onFree(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #firstFit(pages: number): number | undefined {
    if (pages > this.#freePages) return undefined;
    const end = this.#span.length;
    for (let page = this.#lowest; page < end;) {
      const span = this.#at(page);
      if (-span >= pages) return page;
      page += span < 0 ? -span : span;
    }
    return undefined;
  }

  #giveBack(page: number, pages: number): void {
    this.#freePages += pages;
    let first = page;
    let length = pages;
    const before = page > 0 ? this.#at(page - 1) : 0;
    if (before < 0) {
      first += before;
      length -= before;
    }
    const after = page + pages < this.#span.length ? this.#at(page + pages) : 0;
    if (after < 0) length -= after;
    this.#mark(first, -length);
    if (first < this.#lowest) this.#lowest = first;
    for (const listener of this.#listeners) listener();
  }

  #mark(page: number, span: number): void {
    const length = span < 0 ? -span : span;
    this.#span[page] = span;
    this.#span[page + length - 1] = span;
  }

  #at(page: number): number {
    return this.#span[page] ?? 0;
  }

  #owned(run: Run): OwnedRun {
    const page = this.#pageOf(run.address);
    assert(this.#generations[page] === run.generation, 'the run is live: it was not freed');
    return run as OwnedRun;
  }

  #addressOf(page: number): number {
    return this.#address + page * PAGE_BYTES;
  }

  #pageOf(address: number): number {
    return (address - this.#address) / PAGE_BYTES;
  }

  #guardOf(run: Run): Uint8Array {
    return this.#memory.view(run.address + run.bytes, GUARD_BYTES);
  }

  #checkCanary(run: Run): void {
    const whole = this.#guardOf(run).every((byte) => byte === CANARY);
    assert(whole, `the guard bytes of the run at ${run.address} are as they were`);
  }
}
