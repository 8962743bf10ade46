import type { Arena } from '../ring/arena.ts';
import { assert } from '../shared/assert.ts';

/** Of the arena, for each topic whatever the others hold: as the design has it for partitions. */
const SHARE_OF_ARENA = 1 / 32;

/**
 * Who may fill the arena. As long as there is room, anybody; but a topic that is stuck (it does not exist, or has no leader) fills all that it may,
 * and does not give it back. So each topic has a share that the others leave free for it, and goes on with that.
 *
 *     | headroom: encoders, batches | shares that their topics do not use now | for whoever comes |
 *
 * Counted are bytes of input from their claim until they are settled.
 */
export class TopicShares {
  readonly #arena: Arena;
  readonly #headroomBytes: number;
  readonly #held = new Map<string, { bytes: number; routes: number }>();
  /** Of any route: a share holds at least one. */
  #frameBytesMax = 0;

  constructor(arena: Arena, headroomBytes: number) {
    this.#arena = arena;
    this.#headroomBytes = headroomBytes;
  }

  /** A route of the topic is in use. */
  open(topic: string, frameBytesMax: number): void {
    const held = this.#held.get(topic) ?? { bytes: 0, routes: 0 };
    held.routes += 1;
    this.#held.set(topic, held);
    this.#frameBytesMax = Math.max(this.#frameBytesMax, frameBytesMax);
  }

  close(topic: string): void {
    const held = this.#heldBy(topic);
    held.routes -= 1;
    this.#forget(topic);
  }

  /** Whether the topic may claim so much now. */
  allows(topic: string, bytes: number): boolean {
    const free = this.#arena.freeBytes - bytes - this.#headroomBytes;
    if (free < 0) return false;
    const share = this.#shareBytes();
    if (this.#heldBy(topic).bytes + bytes <= share) return true;
    let kept = 0;
    for (const [other, held] of this.#held) {
      if (other !== topic && held.routes > 0) kept += Math.max(0, share - held.bytes);
    }
    return free >= kept;
  }

  take(topic: string, bytes: number): void {
    this.#heldBy(topic).bytes += bytes;
  }

  give(topic: string, bytes: number): void {
    const held = this.#heldBy(topic);
    held.bytes -= bytes;
    assert(held.bytes >= 0, 'a topic gives back what it took');
    this.#forget(topic);
  }

  #shareBytes(): number {
    const { totalBytes } = this.#arena;
    const wanted = Math.max(totalBytes * SHARE_OF_ARENA, this.#frameBytesMax);
    // Half of what is there stays for whoever comes, however many topics there are.
    return Math.min(wanted, (totalBytes - this.#headroomBytes) / 2 / this.#held.size);
  }

  #heldBy(topic: string): { bytes: number; routes: number } {
    const held = this.#held.get(topic);
    assert(held !== undefined, 'a topic is known as long as it has routes or bytes');
    return held;
  }

  #forget(topic: string): void {
    const held = this.#held.get(topic);
    if (held?.routes === 0 && held.bytes === 0) this.#held.delete(topic);
  }
}
