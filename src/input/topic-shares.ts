import { NOTHING_KEPT, SHARE_OF_ARENA, type Arena, type Kept, type Run } from '../ring/arena.ts';
import { assert } from '../shared/assert.ts';

/** A line is longer as a record in a batch, and takes whole pages. */
const AROUND_FRAME_BYTES = 64 * 1024;

/** Of a share: kept for the batches of the oldest chunk, without which no younger one can go on. */
const OLDEST_OF_SHARE = 1 / 2;

/** What memory is claimed for: to read into, for the next batch of the topic's oldest chunk, or for one of a younger chunk. */
export type MemoryUse = 'read' | 'encodeOldest' | 'encodeYounger';

/** Bytes of the arena: of chunks until they are encoded, of batches until they are settled. */
interface Held {
  routes: number;
  bytes: number;
  /** Of these, batches of what was the oldest chunk. */
  oldestBytes: number;
}

/**
 * Who may fill the arena. As long as there is room, anybody; but a topic that is stuck (it does not exist, or has no leader) fills all that it may,
 * and does not give it back. So each topic has a share that the others leave free for it, and goes on with that, however many of them are stuck.
 *
 *     | for whoever comes, while this much is free: headroom (encoders), shares (their topics) | room for all shares |
 *       low                                                                                             in one piece, high
 *
 * What lies between the lines of a stuck topic comes back in holes, too short for a long line: so the shares have a place where nothing else is claimed.
 * Half of a share is for the oldest chunk of its topic, or the topic could fill its share with what waits for that chunk.
 */
export class TopicShares {
  readonly #arena: Arena;
  readonly #headroomBytes: number;
  readonly #held = new Map<string, Held>();
  /** By all topics. What is claimed besides, for sockets to read into and for the encoders' reserve, is shared out to none. */
  #heldBytes = 0;
  /** Of any route: a share holds it twice, as it is read and as it is encoded. */
  #frameBytesMax = 0;
  /** Will be claimed for no topic: it is free, and not to be had. */
  #setAsideBytes = 0;
  /** Was set aside, and lies where the shares do since it was claimed. */
  #reserveBytes = 0;

  constructor(arena: Arena, headroomBytes: number) {
    this.#arena = arena;
    this.#headroomBytes = headroomBytes;
  }

  /** A route of the topic is in use. */
  open(topic: string, frameBytesMax: number): void {
    const held = this.#held.get(topic) ?? { routes: 0, bytes: 0, oldestBytes: 0 };
    held.routes += 1;
    this.#held.set(topic, held);
    this.#frameBytesMax = Math.max(this.#frameBytesMax, frameBytesMax);
  }

  close(topic: string): void {
    const held = this.#heldBy(topic);
    held.routes -= 1;
    this.#forget(topic);
  }

  /** Whether the topic has less than its share: it can have more of it, however full the arena is. */
  hasLess(topic: string): boolean {
    const share = this.#shareBytes();
    return this.#heldBy(topic).bytes < share * (1 - OLDEST_OF_SHARE);
  }

  /** @returns undefined when the topic may not have so much now, or the arena has it in no place that is not kept for others */
  claim(topic: string, bytes: number, use: MemoryUse): Run | undefined {
    const run = this.#arena.claim(bytes, this.#keptFrom(topic, bytes, use));
    if (run !== undefined) this.#take(topic, run.bytes, use);
    return run;
  }

  /**
   * What lies ready for the oldest chunk of whichever topic finds no place for a batch: out of its share alone, unless there is no other topic.
   *
   * @returns whether the topic has it now
   */
  takeReserve(topic: string, bytes: number): boolean {
    const isShare = isOfShare(this.#heldBy(topic), this.#shareBytes(), bytes, 'encodeOldest');
    if (!isShare && !this.#isAlone) return false;
    this.#take(topic, bytes, 'encodeOldest');
    return true;
  }

  /** @param use what it was claimed for; a batch that was settled may have been any */
  give(topic: string, bytes: number, use: MemoryUse): void {
    const held = this.#heldBy(topic);
    held.bytes -= bytes;
    this.#heldBytes -= bytes;
    if (use === 'encodeOldest') held.oldestBytes = Math.max(0, held.oldestBytes - bytes);
    assert(held.bytes >= 0, 'a topic gives back what it took');
    this.#forget(topic);
  }

  /** So many free bytes will be claimed by somebody who asks nobody. 0: they are claimed. */
  setAside(bytes: number): void {
    this.#setAsideBytes = bytes;
    this.#reserveBytes = Math.max(this.#reserveBytes, bytes);
  }

  get #isAlone(): boolean {
    return this.#held.size === 1;
  }

  #take(topic: string, bytes: number, use: MemoryUse): void {
    const held = this.#heldBy(topic);
    held.bytes += bytes;
    this.#heldBytes += bytes;
    if (use === 'encodeOldest') held.oldestBytes += bytes;
  }

  /** What a topic that claims so much has to leave to the others: nothing, as long as it is its own share. */
  #keptFrom(topic: string, bytes: number, use: MemoryUse): Kept {
    const share = this.#shareBytes();
    const held = this.#heldBy(topic);
    if (isOfShare(held, share, bytes, use)) return NOTHING_KEPT;
    const forOldest = share * OLDEST_OF_SHARE;
    const oldestBytes = held.oldestBytes + (use === 'encodeOldest' ? bytes : 0);
    let freeBytes = Math.max(0, forOldest - oldestBytes);
    for (const [other, its] of this.#held) {
      if (other === topic || its.routes === 0) continue;
      freeBytes += Math.max(0, share - its.bytes, forOldest - its.oldestBytes);
    }
    if (use === 'read') freeBytes += this.#headroomBytes;
    const highBytes = this.#isAlone ? 0 : share * this.#held.size + this.#reserveBytes;
    return { freeBytes: freeBytes + this.#setAsideBytes, highBytes };
  }

  #shareBytes(): number {
    const { totalBytes, freeBytes } = this.#arena;
    const wanted = Math.max(
      totalBytes * SHARE_OF_ARENA,
      2 * (this.#frameBytesMax + AROUND_FRAME_BYTES),
    );
    // Half of what is there stays for whoever comes, however many topics there are.
    const ours = freeBytes + this.#heldBytes - this.#headroomBytes - this.#setAsideBytes;
    return Math.max(0, Math.min(wanted, ours / 2 / this.#held.size));
  }

  #heldBy(topic: string): Held {
    const held = this.#held.get(topic);
    assert(held !== undefined, 'a topic is known as long as it has routes or bytes');
    return held;
  }

  #forget(topic: string): void {
    const held = this.#held.get(topic);
    if (held?.routes === 0 && held.bytes === 0) this.#held.delete(topic);
  }
}

/** Whether a topic that holds so much has so many bytes more for its own, whatever the others hold. */
function isOfShare(held: Held, share: number, bytes: number, use: MemoryUse): boolean {
  const forOldest = share * OLDEST_OF_SHARE;
  if (use !== 'encodeOldest') return held.bytes + bytes <= share - forOldest;
  return held.bytes + bytes <= share || held.oldestBytes + bytes <= forOldest;
}
