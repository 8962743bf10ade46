/** Slower than this a read has waited for a disk or a network: memory gives several times as much. */
const CACHE_BYTES_PER_MS = 1024 * 1024;
/** The shortest time that says anything. */
const NOISE_MS = 0.5;
/** One slow read may be a processor that had something else to do; two in a row are a disk. */
const SLOW_READS_MAX = 2;
/** So many reads of a slow file are made by the pool, then main tries again whether it has become quick. */
const POOL_READS = 16;

/**
 * Where the next long read of a file is best made. What the page cache has is quicker copied on main than by a thread of the pool: no thread is
 * woken, and the bytes stay in the cache of the processor that encodes them. What comes from a disk would hold main up.
 */
export class ReadPace {
  /** The first read shows nothing, but begins the system's reading ahead. */
  #poolReadsLeft = 1;
  #slowReads = 0;

  /** As far as is known, main need not wait for the next read. */
  get isCached(): boolean {
    return this.#poolReadsLeft === 0;
  }

  /** A thread of the pool has made a read. */
  readOnPool(): void {
    this.#poolReadsLeft = Math.max(0, this.#poolReadsLeft - 1);
  }

  /** Main has made one, of so many bytes in so many milliseconds. */
  readOnMain(bytes: number, ms: number): void {
    const isSlow = ms > NOISE_MS + bytes / CACHE_BYTES_PER_MS;
    this.#slowReads = isSlow ? this.#slowReads + 1 : 0;
    if (this.#slowReads < SLOW_READS_MAX) return;
    this.#poolReadsLeft = POOL_READS;
    this.#slowReads = SLOW_READS_MAX - 1;
  }
}
