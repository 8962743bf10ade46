import type { Arena } from '../ring/arena.ts';
import { assert } from '../shared/assert.ts';

/** Of the arena, for each topic whatever the others hold: as the design has it for partitions. */
const SHARE_OF_ARENA = 1 / 32;

/** Of the headroom: the encoders have it alone, whoever else has no room. */
const SHARE_OF_HEADROOM = 1 / 2;

/** A shorter part says nothing of how lines grow: what it takes is mostly the rest of a page. */
const GROWTH_BYTES_MIN = 64 * 1024;

/** Bytes of the arena. */
interface Held {
  routes: number;
  /** Of chunks, from their claim until they are encoded. */
  chunkBytes: number;
  /** Of batches, from then until they are settled. */
  batchBytes: number;
  /** Batches over the chunks that they were, of late; at least 1. */
  growth: number;
}

/**
 * Who may fill the arena. As long as there is room, anybody; but a topic that is stuck (it does not exist, or has no leader) fills all that it may,
 * and does not give it back. So each topic has a share that the others leave free for it, and goes on with that.
 *
 *     | headroom: encoders, batches | shares that their topics do not use now | for whoever comes |
 *
 * Lines become longer when they become records, short ones several times as long: what is read now is counted as what it will be.
 */
export class TopicShares {
  readonly #arena: Arena;
  readonly #headroomBytes: number;
  readonly #held = new Map<string, Held>();
  /** Of any route: a share holds at least one. */
  #frameBytesMax = 0;

  constructor(arena: Arena, headroomBytes: number) {
    this.#arena = arena;
    this.#headroomBytes = headroomBytes;
  }

  /** A route of the topic is in use. */
  open(topic: string, frameBytesMax: number): void {
    const held = this.#held.get(topic) ?? { routes: 0, chunkBytes: 0, batchBytes: 0, growth: 1 };
    held.routes += 1;
    this.#held.set(topic, held);
    this.#frameBytesMax = Math.max(this.#frameBytesMax, frameBytesMax);
  }

  close(topic: string): void {
    const held = this.#heldBy(topic);
    held.routes -= 1;
    this.#forget(topic);
  }

  /** Nothing of the topic is under way: no answer will bring it room. */
  isUnused(topic: string): boolean {
    return bytesOf(this.#heldBy(topic)) === 0;
  }

  /** Whether the topic may claim so much for a chunk now. */
  allows(topic: string, bytes: number): boolean {
    const held = this.#heldBy(topic);
    const willBeBytes = bytes * held.growth;
    const free = this.#arena.freeBytes - willBeBytes - this.#growthToCome();
    if (bytesOf(held) === 0 && free >= this.#headroomBytes * SHARE_OF_HEADROOM) return true;
    const spare = free - this.#headroomBytes;
    if (spare < 0) return false;
    const share = this.#shareBytes();
    if (bytesOf(held) + willBeBytes <= share) return true;
    let kept = 0;
    for (const [other, of] of this.#held) {
      if (other !== topic && of.routes > 0) kept += Math.max(0, share - bytesOf(of));
    }
    return spare >= kept;
  }

  /** A chunk was claimed. */
  take(topic: string, bytes: number): void {
    this.#heldBy(topic).chunkBytes += bytes;
  }

  /** So much of a chunk is not used, or it is encoded. */
  give(topic: string, bytes: number): void {
    const held = this.#heldBy(topic);
    held.chunkBytes -= bytes;
    assert(held.chunkBytes >= 0, 'a topic gives back what it took');
    this.#forget(topic);
  }

  /** @param partBytes of the chunk, which became a batch of `batchBytes` */
  sealed(topic: string, partBytes: number, batchBytes: number): void {
    const held = this.#heldBy(topic);
    held.batchBytes += batchBytes;
    if (partBytes < GROWTH_BYTES_MIN) return;
    const growth = Math.max(1, batchBytes / partBytes);
    // The worst is believed at once, the better slowly.
    held.growth = growth > held.growth ? growth : held.growth + (growth - held.growth) / 8;
  }

  /** A batch has its outcome. */
  settled(topic: string, batchBytes: number): void {
    const held = this.#heldBy(topic);
    held.batchBytes -= batchBytes;
    assert(held.batchBytes >= 0, 'a batch is settled once');
    this.#forget(topic);
  }

  /** What the chunks that are not encoded yet will take besides. */
  #growthToCome(): number {
    let bytes = 0;
    for (const { chunkBytes, growth } of this.#held.values()) bytes += chunkBytes * (growth - 1);
    return bytes;
  }

  #shareBytes(): number {
    const { totalBytes } = this.#arena;
    const wanted = Math.max(totalBytes * SHARE_OF_ARENA, this.#frameBytesMax);
    // Half of what is there stays for whoever comes, however many topics there are.
    return Math.min(wanted, (totalBytes - this.#headroomBytes) / 2 / this.#held.size);
  }

  #heldBy(topic: string): Held {
    const held = this.#held.get(topic);
    assert(held !== undefined, 'a topic is known as long as it has routes or bytes');
    return held;
  }

  #forget(topic: string): void {
    const held = this.#held.get(topic);
    if (held?.routes === 0 && bytesOf(held) === 0) this.#held.delete(topic);
  }
}

function bytesOf({ chunkBytes, batchBytes }: Held): number {
  return chunkBytes + batchBytes;
}
