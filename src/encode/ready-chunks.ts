import type { ChunkToEncode, OpenChunk } from './encode-order.ts';

/** Chunks with bytes to encode that nobody encodes now, oldest first. A lane that finds no memory is passed over, and stops no other. */
export class ReadyChunks<Chunk extends ChunkToEncode> {
  readonly #chunks: OpenChunk<Chunk>[] = [];
  /** Names of lanes that found no memory in this round. */
  readonly #stopped = new Set<string>();
  /** Before it are chunks of stopped lanes alone. */
  #at = 0;

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Whether a chunk is there that did not stop for want of memory: it waits for a worker. */
  get hasWaiting(): boolean {
    return this.#chunks.length > this.#at;
  }

  /** Whether the lane found no memory in the last round. */
  isStopped(lane: string): boolean {
    return this.#stopped.has(lane);
  }

  /** By age: the oldest of a lane alone may have its last memory, so nothing younger may stand before it. */
  add(open: OpenChunk<Chunk>): void {
    const younger = this.#chunks.findLastIndex((other) => other.age < open.age) + 1;
    this.#chunks.splice(younger, 0, open);
  }

  /** Every lane is asked again. */
  beginRound(): void {
    this.#stopped.clear();
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

  /** What `next` gave finds no memory. */
  stop({ lane }: OpenChunk<Chunk>): void {
    this.#stopped.add(lane.name);
  }
}
