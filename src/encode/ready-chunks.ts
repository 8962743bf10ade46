import type { ChunkToEncode, OpenChunk } from './encode-order.ts';

/** Chunks with bytes to encode that nobody encodes now, oldest first. A lane that finds no memory or no worker is passed over, and stops no other. */
export class ReadyChunks<Chunk extends ChunkToEncode> {
  readonly #chunks: OpenChunk<Chunk>[] = [];
  /** Names of lanes that found none in this round. */
  readonly #stopped = new Set<string>();
  /** Before it are chunks of stopped lanes alone. */
  #at = 0;

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** By age: the oldest of a lane alone may have its last memory, so nothing younger may stand before it. */
  add(open: OpenChunk<Chunk>): void {
    const younger = this.#chunks.findLastIndex((other) => other.age < open.age) + 1;
    this.#chunks.splice(younger, 0, open);
  }

  /** Every lane is asked again. */
  beginRound(): void {
    // To clear an empty one makes a new table, too.
    if (this.#stopped.size > 0) this.#stopped.clear();
    this.#at = 0;
  }

  /** The oldest whose lane has not stopped in this round. */
  next(): OpenChunk<Chunk> | undefined {
    for (;;) {
      const open = this.#chunks[this.#at];
      if (open === undefined || !this.#stopped.has(open.lane.name)) return open;
      this.#at += 1;
    }
  }

  /** What `next` gave is taken. */
  take(): void {
    this.#chunks.splice(this.#at, 1);
  }

  /** What `next` gave cannot be encoded now. */
  stop({ lane }: OpenChunk<Chunk>): void {
    this.#stopped.add(lane.name);
  }
}
