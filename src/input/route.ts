import type { Arena, Run } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert, present } from '../shared/assert.ts';

/** What a line over `recordBytesMax` becomes: several records, its beginning, or nothing. Each is counted. */
export type LongLines = 'split' | 'truncate' | 'drop';

/** One constant header of every record of a route. */
export type RouteHeader = readonly [name: string, value: string | Uint8Array];

/** What the configuration says about a route. */
export interface RouteSpec {
  readonly topic: string;
  /** In this order in every record. */
  readonly headers: readonly RouteHeader[];
  /** Bits of the encode stage, handed through unread. They say the same of long lines as `longLines`. */
  readonly flags: number;
  readonly longLines: LongLines;
  /** Longest value, in bytes. */
  readonly recordBytesMax: number;
  /** Its sources can yield the same bytes again after a restart, so that their records never expire. Default false. */
  readonly isReplayable?: boolean;
}

/** What becomes of long lines, and of whose. */
export type LongLineRule = Pick<RouteSpec, 'topic' | 'longLines' | 'recordBytesMax'>;

/** What decides how bytes become records. Sources with an equal specification share one route and its chunks. */
export interface Route extends RouteSpec {
  readonly id: number;
  /** In shared memory: the varint header count and the headers as they stand at the end of every record. */
  readonly trailerAddress: number;
  readonly trailerBytes: number;
}

/**
 * The end of a record as the wire has it: varint count, then (varint length, bytes) of name and value of each header.
 * Lengths are zigzag varints, as in DefaultRecord of Apache Kafka.
 */
export function encodeTrailer(headers: readonly RouteHeader[]): Uint8Array {
  const parts: Uint8Array[] = [zigzagVarint(headers.length)];
  for (const [name, value] of headers) {
    for (const text of [name, value]) {
      const bytes = typeof text === 'string' ? Buffer.from(text) : text;
      parts.push(zigzagVarint(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

function zigzagVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value * 2;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

interface TrailerPage {
  readonly run: Run;
  used: number;
  tenants: number;
}

const TRAILER_PAGE_BYTES = 4096 - 64;

/**
 * Trailers in the arena, many to a run: a thousand files with a `path` header each are a thousand trailers of 60 bytes.
 * A run goes back when the last trailer in it does.
 */
export class TrailerStore {
  readonly #memory: SharedMemory;
  readonly #arena: Arena;
  readonly #pages = new Map<number, TrailerPage>();
  #open: TrailerPage | undefined;

  constructor(memory: SharedMemory, arena: Arena) {
    this.#memory = memory;
    this.#arena = arena;
  }

  /** @returns where the bytes lie now, or undefined when the arena has no room */
  put(bytes: Uint8Array): number | undefined {
    const page = this.#pageFor(bytes.length);
    if (page === undefined) return undefined;
    const address = page.run.address + page.used;
    this.#memory.bytes.set(bytes, address);
    page.used += bytes.length;
    page.tenants += 1;
    this.#pages.set(address, page);
    return address;
  }

  release(address: number): void {
    const page = present(this.#pages.get(address), 'a trailer is released once, where it was put');
    this.#pages.delete(address);
    page.tenants -= 1;
    if (page.tenants > 0) return;
    if (this.#open === page) this.#open = undefined;
    this.#arena.free(page.run);
  }

  #pageFor(bytes: number): TrailerPage | undefined {
    if (this.#open !== undefined && this.#open.used + bytes <= this.#open.run.bytes) {
      return this.#open;
    }
    const run = this.#arena.claim(Math.max(bytes, TRAILER_PAGE_BYTES));
    if (run === undefined) return undefined;
    assert(run.bytes >= bytes, 'a claimed run holds what was asked for');
    this.#open = { run, used: 0, tenants: 0 };
    return this.#open;
  }
}

/** Equal specifications give equal keys. */
export function routeKey(spec: RouteSpec): string {
  const headers = spec.headers.map(([name, value]) => [
    name,
    Buffer.from(value).toString('base64'),
  ]);
  const { topic, flags, longLines, recordBytesMax, isReplayable = false } = spec;
  return JSON.stringify([topic, flags, longLines, recordBytesMax, isReplayable, headers]);
}
