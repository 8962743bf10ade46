import type { Run } from '../ring/arena.ts';
import { assert } from '../shared/assert.ts';
import type { Chunk, Segment } from './chunk.ts';
import type { Route } from './route.ts';
import type { Source } from './source.ts';

/** A stretch of shared memory that one read may fill; ends with `commit` or `cancel`, one of them, once. */
export interface Reservation {
  readonly address: number;
  readonly bytes: number;
}

/** What a chunker needs of its surroundings: memory, time, and somewhere to send closed chunks. */
export interface ChunkerDoor {
  /** A run of at least `bytesMin`, and mostly of `bytesWanted`; undefined when there is no room now. */
  claim(bytesMin: number, bytesWanted: number): Run | undefined;
  /** Gives back what lies behind the first `bytes`. */
  trim(run: Run, bytes: number): Run;
  free(run: Run): void;
  /** `memory.copy` of the kernel. */
  copy(source: number, target: number, bytes: number): void;
  nowMs(): number;
  wallMs(): number;
  /** The chunker has an open chunk with bytes since now: somebody must call `tick`. */
  lingering(chunker: Chunker): void;
  /** Takes ownership of the chunk's run. */
  dispatch(chunk: Omit<Chunk, 'number'>): void;
}

export interface ChunkLimits {
  /** Smallest run that is claimed, bytes. */
  readonly chunkBytesMin: number;
  /** Chunks grow to this under backlog, bytes; only a single frame longer than it makes a longer one. */
  readonly chunkBytesMax: number;
  readonly lingerMs: number;
}

interface OpenChunk {
  readonly run: Run;
  readonly segments: Segment[];
  used: number;
  openedMs: number;
  timestampMs: number;
  reservation: Reservation | undefined;
  closing: boolean;
}

/** A chunk with less room than this behind its bytes is full, when it has grown to its maximum. */
const TAIL_BYTES_MIN = 16 * 1024;

/**
 * The open chunk of one route, which all of the route's sources fill. It closes when it is full, when `lingerMs` have passed
 * since its first bytes, or by `flush`. A read that is under way keeps its chunk open; sources that come meanwhile get a
 * younger chunk, and chunks are dispatched in the order in which they were opened, so each source's order holds.
 */
export class Chunker {
  readonly route: Route;
  readonly #limits: ChunkLimits;
  readonly #door: ChunkerDoor;
  /** Oldest first. Only the youngest takes new bytes. */
  readonly #opened: OpenChunk[] = [];
  /** Size of the next run: learned from how full the last ones were. */
  #targetBytes: number;

  constructor(route: Route, limits: ChunkLimits, door: ChunkerDoor) {
    this.route = route;
    this.#limits = limits;
    this.#door = door;
    this.#targetBytes = limits.chunkBytesMin;
  }

  /** Nothing is open, nothing is being read. */
  get isEmpty(): boolean {
    return this.#opened.length === 0;
  }

  /**
   * Room for the next bytes of a source, at the end of the open chunk or in a new one.
   *
   * @param bytesMin less is of no use: a whole frame, or a block worth a system call
   * @param bytesWanted what is known to wait; a new chunk is made at least as long, up to the chunk maximum
   * @returns undefined when there is no room: wait for it
   */
  reserve(bytesMin: number, bytesWanted: number = bytesMin): Reservation | undefined {
    const open = this.#takingChunk(bytesMin) ?? this.#openChunk(bytesMin, bytesWanted);
    if (open === undefined) return undefined;
    open.reservation = { address: open.run.address + open.used, bytes: open.run.bytes - open.used };
    return open.reservation;
  }

  /**
   * The first `bytes` of the reservation are whole frames of `source`, positions `positionFrom` to `positionTo`. They are as
   * many, or one more when the last line got the newline that it lacked.
   */
  commit(
    reservation: Reservation,
    source: Source,
    bytes: number,
    positionFrom: number,
    positionTo: number,
  ): void {
    const length = positionTo - positionFrom;
    assert(bytes > 0 && bytes <= reservation.bytes, 'committed bytes were reserved');
    assert(bytes === length || bytes === length + 1, 'chunk and positions cover the same bytes');
    const open = this.#release(reservation);
    if (open.used === 0) this.#beginLinger(open);
    addSegment(open, source, bytes, positionFrom, positionTo);
    if (this.#isFull(open)) this.#closeFull(open);
    this.#dispatchClosed();
  }

  /** Nothing came of it. */
  cancel(reservation: Reservation): void {
    const open = this.#release(reservation);
    if (open.used === 0) open.closing = true;
    this.#dispatchClosed();
  }

  /** Copies whole frames in. @returns false when there is no room: nothing was taken, wait for it */
  append(
    source: Source,
    fromAddress: number,
    bytes: number,
    positionFrom: number,
    positionTo: number,
  ): boolean {
    const reservation = this.reserve(bytes);
    if (reservation === undefined) return false;
    this.#door.copy(fromAddress, reservation.address, bytes);
    this.commit(reservation, source, bytes, positionFrom, positionTo);
    return true;
  }

  /** Closes what is open; a chunk that is being read into follows when its read ends. */
  flush(): void {
    for (const open of this.#opened) open.closing = true;
    this.#dispatchClosed();
  }

  /** Closes what has lingered long enough. @returns milliseconds until the next call is due, undefined when nothing lingers */
  tick(nowMs: number): number | undefined {
    const open = this.#opened.at(-1);
    if (open === undefined || open.used === 0 || open.closing) return undefined;
    const restMs = open.openedMs + this.#limits.lingerMs - nowMs;
    if (restMs > 0) return restMs;
    this.#targetBytes = Math.max(
      this.#limits.chunkBytesMin,
      Math.min(this.#targetBytes, open.used),
    );
    open.closing = true;
    this.#dispatchClosed();
    return undefined;
  }

  #takingChunk(bytesMin: number): OpenChunk | undefined {
    const open = this.#opened.at(-1);
    if (open === undefined || open.closing || open.reservation !== undefined) return undefined;
    return open.run.bytes - open.used >= bytesMin ? open : undefined;
  }

  #openChunk(bytesMin: number, bytesWanted: number): OpenChunk | undefined {
    const { chunkBytesMin, chunkBytesMax } = this.#limits;
    const target = Math.min(chunkBytesMax, Math.max(chunkBytesMin, this.#targetBytes, bytesWanted));
    const run = this.#door.claim(bytesMin, target);
    if (run === undefined) return undefined;
    const older = this.#opened.at(-1);
    if (older !== undefined && !older.closing) this.#closeFull(older);
    const open: OpenChunk = {
      run,
      segments: [],
      used: 0,
      openedMs: 0,
      timestampMs: 0,
      reservation: undefined,
      closing: false,
    };
    this.#opened.push(open);
    this.#dispatchClosed();
    return open;
  }

  #beginLinger(open: OpenChunk): void {
    open.openedMs = this.#door.nowMs();
    open.timestampMs = this.#door.wallMs();
    this.#door.lingering(this);
  }

  #isFull(open: OpenChunk): boolean {
    const room = open.run.bytes - open.used;
    return room === 0 || (open.run.bytes >= this.#limits.chunkBytesMax && room < TAIL_BYTES_MIN);
  }

  /** Filled before it had lingered: there is a backlog, so the next one may be larger. */
  #closeFull(open: OpenChunk): void {
    open.closing = true;
    this.#targetBytes = Math.min(
      this.#limits.chunkBytesMax,
      Math.max(this.#targetBytes, open.run.bytes) * 2,
    );
  }

  #release(reservation: Reservation): OpenChunk {
    const open = this.#opened.find((chunk) => chunk.reservation === reservation);
    assert(open !== undefined, 'a reservation ends once');
    open.reservation = undefined;
    return open;
  }

  #dispatchClosed(): void {
    for (let open = this.#opened[0]; open !== undefined; open = this.#opened[0]) {
      if (!open.closing || open.reservation !== undefined) return;
      this.#opened.shift();
      if (open.used === 0) this.#door.free(open.run);
      else this.#dispatch(open);
    }
  }

  #dispatch(open: OpenChunk): void {
    const { trailerAddress, trailerBytes, flags, recordBytesMax } = this.route;
    this.#door.dispatch({
      route: this.route,
      input: this.#door.trim(open.run, open.used),
      bytes: open.used,
      segments: open.segments,
      timestampMs: open.timestampMs,
      trailerAddress,
      trailerBytes,
      flags,
      recordBytesMax,
    });
  }
}

/** Consecutive bytes of one source stay one segment. */
function addSegment(
  open: OpenChunk,
  source: Source,
  bytes: number,
  positionFrom: number,
  positionTo: number,
): void {
  const chunkFrom = open.used;
  open.used += bytes;
  const last = open.segments.at(-1);
  const follows =
    last?.source === source &&
    last.positionTo === positionFrom &&
    last.chunkTo - last.chunkFrom === last.positionTo - last.positionFrom;
  if (follows) {
    open.segments[open.segments.length - 1] = { ...last, chunkTo: open.used, positionTo };
  } else {
    open.segments.push({ source, chunkFrom, chunkTo: open.used, positionFrom, positionTo });
  }
}
