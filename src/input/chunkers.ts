import type { Kernel } from '../encode/kernel.ts';
import { claimLess, type Arena, type Run } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert, present } from '../shared/assert.ts';
import type { Chunk } from './chunk.ts';
import type { ChunkLimits, ChunkerDoor } from './chunker.ts';
import { Chunker } from './chunker.ts';
import type { InputClock } from './clock.ts';
import type { Route, RouteSpec } from './route.ts';
import { TrailerStore, encodeTrailer, routeKey } from './route.ts';
import { TopicShares } from './topic-shares.ts';

export interface ChunkersOptions {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly kernel: Pick<Kernel, 'copy'>;
  readonly clock: InputClock;
  readonly lingerMs: number;
  /** Default 16 KB. */
  readonly chunkBytesMin?: number;
  /** Default 1 MB. */
  readonly chunkBytesMax?: number;
  /** Of the arena, left to the encoders and to batches in flight: reading waits below it. Default a quarter. */
  readonly headroomBytes?: number;
  /** Each has its share of the arena from the start, before its first line comes. */
  readonly topics?: readonly Pick<RouteSpec, 'topic' | 'recordBytesMax'>[];
  /** Takes ownership of `chunk.input`. Call `encoded(chunk)` when nobody reads the chunk any more. */
  readonly dispatch: (chunk: Chunk) => void;
}

/** A route goes when no input holds it open and no chunk of it is being encoded. */
interface Tenancy {
  readonly key: string;
  readonly chunker: Chunker;
  inputs: number;
  encoding: number;
}

/** How long a chunk that has lingered waits before it asks again whether the one before it is encoded. */
const BACKLOG_RETRY_MS = 2;

/** All routes with their open chunks; hands closed chunks on, numbered; wakes who waits for room. */
export class Chunkers {
  readonly #options: ChunkersOptions;
  readonly #limits: ChunkLimits;
  readonly #trailers: TrailerStore;
  readonly #headroomBytes: number;
  /** Who may have how much of the arena; batches of chunks take from it, too, until they are `settled`. */
  readonly shares: TopicShares;
  readonly #byKey = new Map<string, Tenancy>();
  readonly #byRoute = new Map<Route, Tenancy>();
  readonly #lingering = new Set<Chunker>();
  readonly #roomWaiters = new Set<() => void>();
  #nextNumber = 0;
  #nextRouteId = 0;
  #cancelTimer: (() => void) | undefined;
  #isWaking = false;

  constructor(options: ChunkersOptions) {
    this.#options = options;
    this.#limits = {
      chunkBytesMin: options.chunkBytesMin ?? 16 * 1024,
      chunkBytesMax: options.chunkBytesMax ?? 1024 * 1024,
      lingerMs: options.lingerMs,
    };
    this.#trailers = new TrailerStore(options.memory, options.arena);
    this.#headroomBytes = options.headroomBytes ?? Math.floor(options.arena.totalBytes / 4);
    this.shares = new TopicShares(options.arena, this.#headroomBytes);
    for (const { topic, recordBytesMax } of options.topics ?? []) {
      this.shares.open(topic, recordBytesMax + 1);
    }
    options.arena.onFree(() => {
      this.#wakeWaiters();
    });
  }

  /** @returns the chunker of the specification's route, shared by all who ask for an equal one; undefined when there is no room */
  open(spec: RouteSpec): Chunker | undefined {
    const frameBytesMax = spec.recordBytesMax + 1 + this.#headroomBytes;
    assert(frameBytesMax <= this.#options.arena.totalBytes, 'the longest line fits the arena');
    const key = routeKey(spec);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.inputs += 1;
      return known.chunker;
    }
    const trailer = encodeTrailer(spec.headers);
    const trailerAddress = this.#trailers.put(trailer);
    if (trailerAddress === undefined) return undefined;
    const route: Route = {
      ...spec,
      id: this.#nextRouteId++,
      trailerAddress,
      trailerBytes: trailer.length,
    };
    const chunker = new Chunker(route, this.#limits, this.#door(spec.topic));
    const tenancy: Tenancy = { key, chunker, inputs: 1, encoding: 0 };
    this.#byKey.set(key, tenancy);
    this.#byRoute.set(route, tenancy);
    this.shares.open(spec.topic, spec.recordBytesMax + 1);
    return chunker;
  }

  /** The input is done with it. What is open is dispatched; the route goes when its last chunk is encoded. */
  close(chunker: Chunker): void {
    const tenancy = this.#tenancyOf(chunker.route);
    assert(tenancy.inputs > 0, 'a chunker is closed as often as it was opened');
    // First the flush: a chunk of it may be encoded before this goes on.
    if (tenancy.inputs === 1) chunker.flush();
    tenancy.inputs -= 1;
    this.#leaveWhenUnused(tenancy);
  }

  /** Nobody reads the chunk any more, neither its bytes nor its trailer. */
  encoded(chunk: Chunk): void {
    const tenancy = this.#tenancyOf(chunk.route);
    this.shares.give(chunk.route.topic, chunk.input.bytes, 'read');
    tenancy.encoding -= 1;
    this.#leaveWhenUnused(tenancy);
  }

  /** A batch of this topic has its outcome: the topic's share has room again. */
  settled(topic: string, batchBytes: number): void {
    this.shares.give(topic, batchBytes, 'encodeOldest');
    this.#wakeWaiters();
  }

  /** Closes and dispatches everything that is open. */
  flush(): void {
    for (const { chunker } of [...this.#byKey.values()]) chunker.flush();
  }

  /** Calls `listener` once, in a turn of its own, when room has come back. */
  whenRoom(listener: () => void): void {
    this.#roomWaiters.add(listener);
  }

  #door(topic: string): ChunkerDoor {
    const { arena, clock, kernel } = this.#options;
    return {
      claim: (bytesMin, bytesWanted) => this.#claim(topic, bytesMin, bytesWanted),
      trim: (run, bytes) => {
        const before = run.bytes;
        const trimmed = arena.trim(run, bytes);
        this.shares.give(topic, before - trimmed.bytes, 'read');
        return trimmed;
      },
      free: (run) => {
        this.shares.give(topic, run.bytes, 'read');
        arena.free(run);
      },
      copy: (source, target, bytes) => {
        kernel.copy(source, target, bytes);
      },
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
      lingering: (chunker) => {
        this.#lingering.add(chunker);
        if (this.#cancelTimer === undefined) this.#armTimer(this.#limits.lingerMs);
      },
      dispatch: (chunk) => {
        this.#tenancyOf(chunk.route).encoding += 1;
        this.#options.dispatch({ number: this.#nextNumber++, ...chunk });
      },
    };
  }

  /**
   * What is wanted, or nothing: many small chunks cost more than a wait. But a topic with less than its share takes what it can have: perhaps all else
   * is held by topics that give nothing back.
   */
  #claim(topic: string, bytesMin: number, bytesWanted: number): Run | undefined {
    const claim = (bytes: number): Run | undefined => this.shares.claim(topic, bytes, 'read');
    const whole = claim(Math.max(bytesMin, bytesWanted));
    if (whole !== undefined || !this.shares.hasLess(topic)) return whole;
    return claimLess(bytesWanted, bytesMin, claim);
  }

  #armTimer(delayMs: number): void {
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#closeLingering();
    });
  }

  /** While an older chunk of the route waits for its encoder, a chunk grows on: closed, it would wait behind it. */
  #closeLingering(): void {
    const nowMs = this.#options.clock.nowMs();
    let nextMs = Infinity;
    for (const chunker of this.#lingering) {
      const isBacklogged = this.#tenancyOf(chunker.route).encoding > 0;
      const restMs = isBacklogged ? BACKLOG_RETRY_MS : chunker.tick(nowMs);
      if (restMs === undefined) this.#lingering.delete(chunker);
      else nextMs = Math.min(nextMs, restMs);
    }
    if (this.#lingering.size > 0) this.#armTimer(Math.ceil(nextMs));
  }

  #tenancyOf(route: Route): Tenancy {
    return present(this.#byRoute.get(route), 'a route lives as long as its chunks');
  }

  #leaveWhenUnused(tenancy: Tenancy): void {
    if (tenancy.inputs > 0 || tenancy.encoding > 0) return;
    assert(tenancy.chunker.isEmpty, 'a route goes after its last chunk');
    const { route } = tenancy.chunker;
    this.#byKey.delete(tenancy.key);
    this.#byRoute.delete(route);
    this.shares.close(route.topic);
    this.#lingering.delete(tenancy.chunker);
    this.#trailers.release(route.trailerAddress);
  }

  /** A free comes with every batch: only who waits is woken, all of them in one turn. */
  #wakeWaiters(): void {
    if (this.#roomWaiters.size === 0 || this.#isWaking) return;
    this.#isWaking = true;
    this.#options.clock.soon(() => {
      this.#isWaking = false;
      const waiters = [...this.#roomWaiters];
      this.#roomWaiters.clear();
      for (const wake of waiters) wake();
    });
  }
}
