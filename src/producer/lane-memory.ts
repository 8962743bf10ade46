import { SHARE_OF_ARENA, type Arena, type Run } from '../ring/arena.ts';
import { assert } from '../shared/assert.ts';

/** Of the arena: for lanes that have less than their share, however much the others would take. */
const KEPT_OF_ARENA = 1 / 4;

/** Records for one partition, or those of a topic that may go to any. */
export interface Lane {
  /** Of the arena, until they have their end. Before compression: what that saves is not counted. */
  bytes: number;
}

/** What a batch holds of its lane's memory. */
export class HeldBytes {
  readonly #memory: LaneMemory;
  readonly #lane: Lane;
  readonly #bytes: number;

  constructor(memory: LaneMemory, lane: Lane, bytes: number) {
    this.#memory = memory;
    this.#lane = lane;
    this.#bytes = bytes;
  }

  /** The batch has its end. */
  give(): void {
    this.#memory.give(this.#lane, this.#bytes);
  }

  /** What the records [from, to) of a batch of `count` hold. All parts give back as much as the batch would have. */
  part(from: number, to: number, count: number): HeldBytes {
    const upTo = (index: number): number => Math.floor((this.#bytes * index) / count);
    return new HeldBytes(this.#memory, this.#lane, upTo(to) - upTo(from));
  }
}

/**
 * Which records may fill the arena. As long as much is free, all; the rest is for those whose partition has less than its share of it. So a partition
 * that is stuck (it has no leader, or that does not answer) holds up nobody but itself.
 */
export class LaneMemory {
  readonly #arena: Arena;
  /** Lanes that hold something. */
  #holding = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  get totalBytes(): number {
    return this.#arena.totalBytes;
  }

  /** Whether every lane may have much more. */
  get isAmple(): boolean {
    return this.#arena.freeBytes >= 2 * this.#keptBytes;
  }

  /**
   * @param needed less is of no use; a lane that holds nothing may have so much as long as there is any
   * @returns undefined when the lane may not have so much now, or there is none
   */
  claim(lane: Lane, bytes: number, needed: number): Run | undefined {
    if (!this.#allows(lane, bytes, needed)) return undefined;
    const run = this.#arena.claim(bytes);
    if (run !== undefined) this.#take(lane, run.bytes);
    return run;
  }

  free(lane: Lane, run: Run): void {
    this.give(lane, run.bytes);
    this.#arena.free(run);
  }

  trim(lane: Lane, run: Run, bytes: number): Run {
    const before = run.bytes;
    const trimmed = this.#arena.trim(run, bytes);
    this.give(lane, before - trimmed.bytes);
    return trimmed;
  }

  give(lane: Lane, bytes: number): void {
    if (bytes === 0) return;
    lane.bytes -= bytes;
    assert(lane.bytes >= 0, 'a lane gives back what it took');
    if (lane.bytes === 0) this.#holding -= 1;
  }

  #allows(lane: Lane, bytes: number, needed: number): boolean {
    const { totalBytes, freeBytes } = this.#arena;
    // Before it is claimed: a whole batch has to fit where a whole one was freed, or each would begin small and be copied as it grows.
    if (freeBytes > this.#keptBytes) return true;
    if (lane.bytes === 0 && bytes <= needed) return true;
    const share = Math.min(totalBytes * SHARE_OF_ARENA, this.#keptBytes / (this.#holding + 1));
    return lane.bytes + bytes <= share;
  }

  get #keptBytes(): number {
    return this.#arena.totalBytes * KEPT_OF_ARENA;
  }

  #take(lane: Lane, bytes: number): void {
    if (lane.bytes === 0) this.#holding += 1;
    lane.bytes += bytes;
  }
}
