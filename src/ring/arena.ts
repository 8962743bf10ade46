import { assert } from '../shared/assert.ts';
import { FreePages } from './free-pages.ts';
import type { SharedMemory } from './shared-memory.ts';

export const PAGE_BYTES = 4096;
/** Behind each run: the kernel reads and stores 16 bytes at a time and shared memory does not trap. */
export const GUARD_BYTES = 64;
/** Of an arena, for one topic of the daemon or one partition of the library, whatever the others hold: as the design has it for partitions. */
export const SHARE_OF_ARENA = 1 / 32;
const CANARY = 0xa7;
const POISON = 0xdd;
const POISONED_PAGE = Buffer.alloc(PAGE_BYTES, POISON);

/**
 * Less than `wantedBytes`, for want of room: half of it, half of that, and so on, at last `leastBytes`.
 *
 * @param claim gives a run of so many bytes, or says that there is none now
 */
export function claimLess(
  wantedBytes: number,
  leastBytes: number,
  claim: (bytes: number) => Run | undefined,
): Run | undefined {
  for (let bytes = wantedBytes; bytes > leastBytes;) {
    bytes = Math.max(leastBytes, Math.floor(bytes / 2));
    const run = claim(bytes);
    if (run !== undefined) return run;
  }
  return undefined;
}

/** Whole pages of the arena, `GUARD_BYTES` of them behind `bytes`. Belongs to whoever claimed it, until it is freed. */
export interface Run {
  readonly address: number;
  /** Usable bytes. */
  readonly bytes: number;
  /** Differs from that of every other run that was ever at this address. */
  readonly generation: number;
}

/** What a claim has to leave. */
export interface Kept {
  /** Bytes that are free after it, wherever they lie. */
  readonly freeBytes: number;
  /** At the high end of the arena: none of these are claimed, so that they stay in one piece. */
  readonly highBytes: number;
}

export const NOTHING_KEPT: Kept = { freeBytes: 0, highBytes: 0 };

interface OwnedRun extends Run {
  bytes: number;
  pages: number;
}

export interface ArenaOptions {
  readonly address: number;
  readonly bytes: number;
  /**
   * `check`: canaries in the guard bytes are checked whenever a run changes; freed pages are poisoned, and checked when they are claimed
   * again. For tests.
   */
  readonly guard?: 'off' | 'check';
}

/**
 * Runs of 4 KB pages, first fit from the lowest address, so that low pages are used again while they are warm and high ones are never touched.
 * Runs are freed in any order: a batch that is stuck blocks nobody. Owned by the main thread alone; workers get addresses, never runs.
 *
 *     | run: bytes ......................... | guard | run: bytes ...... | guard | free pages ...
 *       address, on a page                     64 bytes, to the end of the run's last page
 */
export class Arena {
  readonly totalBytes: number;
  readonly #memory: SharedMemory;
  readonly #address: number;
  readonly #free: FreePages;
  /** Of the run that begins at a page; a free makes it another one, so that what kept the run is found out. */
  readonly #generations: Uint32Array;
  /** Pages that were freed since they were last claimed; undefined when nothing is checked. */
  readonly #poisoned: Uint8Array | undefined;
  readonly #listeners: (() => void)[] = [];
  #freePages: number;

  constructor(memory: SharedMemory, options: ArenaOptions) {
    const pages = Math.floor(options.bytes / PAGE_BYTES);
    assert(pages > 0, 'an arena has a page');
    this.totalBytes = pages * PAGE_BYTES;
    this.#memory = memory;
    this.#address = options.address;
    this.#free = new FreePages(pages);
    this.#generations = new Uint32Array(pages);
    this.#poisoned = options.guard === 'check' ? new Uint8Array(pages) : undefined;
    this.#freePages = pages;
  }

  get freeBytes(): number {
    return this.#freePages * PAGE_BYTES;
  }

  /**
   * @param keep what is not for whoever claims; left out: nothing
   * @returns a run of at least `bytes` usable bytes, or undefined when no stretch is long enough now: wait for `onFree`
   */
  claim(bytes: number, keep: Kept = NOTHING_KEPT): Run | undefined {
    assert(bytes > 0, 'a run holds at least a byte');
    const pages = Math.ceil((bytes + GUARD_BYTES) / PAGE_BYTES);
    const page = this.#free.find(pages);
    if (page === undefined) return undefined;
    if ((page + pages) * PAGE_BYTES + keep.highBytes > this.totalBytes) return undefined;
    if (this.freeBytes - pages * PAGE_BYTES < keep.freeBytes) return undefined;
    this.#free.take(page, pages);
    this.#freePages -= pages;
    const generation = ((this.#generations[page] ?? 0) + 1) >>> 0;
    this.#generations[page] = generation;
    const usable = pages * PAGE_BYTES - GUARD_BYTES;
    const run: OwnedRun = { address: this.#addressOf(page), bytes: usable, pages, generation };
    this.#checkPoison(page, pages);
    this.#drawCanary(run);
    return run;
  }

  /** Gives back the pages behind the first `bytes`; the run stays the same run. */
  trim(run: Run, bytes: number): Run {
    const owned = this.#owned(run);
    assert(bytes > 0 && bytes <= owned.bytes, 'a run is trimmed to a part of itself');
    this.#checkCanary(owned);
    const pages = Math.ceil((bytes + GUARD_BYTES) / PAGE_BYTES);
    const surplus = owned.pages - pages;
    if (surplus === 0) return run;
    owned.bytes = pages * PAGE_BYTES - GUARD_BYTES;
    owned.pages = pages;
    this.#drawCanary(owned);
    this.#giveBack(this.#pageOf(owned.address) + pages, surplus);
    return run;
  }

  free(run: Run): void {
    const owned = this.#owned(run);
    const page = this.#pageOf(owned.address);
    this.#checkCanary(owned);
    this.#generations[page] = (owned.generation + 1) >>> 0;
    this.#giveBack(page, owned.pages);
  }

  /** @throws {Bug} when the run was freed, whether or not somebody else has its pages now */
  assertLive(run: Run): void {
    this.#owned(run);
  }

  /**
   * Calls the listener whenever pages became free, from within `free` and `trim`. It must be quick; it may claim.
   *
   * @param place `first`: before those that are there already, so that what is free is offered to it before them
   */
  onFree(listener: () => void, place: 'first' | 'last' = 'last'): void {
    if (place === 'first') this.#listeners.unshift(listener);
    else this.#listeners.push(listener);
  }

  #giveBack(page: number, pages: number): void {
    this.#poison(page, pages);
    this.#free.giveBack(page, pages);
    this.#freePages += pages;
    for (const listener of this.#listeners) listener();
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

  #drawCanary(run: Run): void {
    if (this.#poisoned !== undefined) this.#guardOf(run).fill(CANARY);
  }

  #checkCanary(run: Run): void {
    if (this.#poisoned === undefined) return;
    const isWhole = this.#guardOf(run).every((byte) => byte === CANARY);
    assert(isWhole, `the guard bytes of the run at ${run.address} are as they were`);
  }

  #poison(page: number, pages: number): void {
    if (this.#poisoned === undefined) return;
    const address = this.#addressOf(page);
    this.#memory.bytes.fill(POISON, address, address + pages * PAGE_BYTES);
    this.#poisoned.fill(1, page, page + pages);
  }

  #checkPoison(page: number, pages: number): void {
    if (this.#poisoned === undefined) return;
    for (let next = page; next < page + pages; next += 1) {
      if (this.#poisoned[next] !== 1) continue;
      const address = this.#addressOf(next);
      const isUntouched = this.#memory.buffer(address, PAGE_BYTES).equals(POISONED_PAGE);
      assert(isUntouched, `nobody wrote to the page at ${address} after it was freed`);
    }
    this.#poisoned.fill(0, page, page + pages);
  }
}
