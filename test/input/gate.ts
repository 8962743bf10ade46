import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryTracker } from '../../src/ack/delivery-tracker.ts';
import { loadKernel } from '../../src/encode/kernel.ts';
import type { Chunk } from '../../src/input/chunk.ts';
import { rangesOf } from '../../src/input/chunk.ts';
import { Chunkers } from '../../src/input/chunkers.ts';
import { systemClock } from '../../src/input/clock.ts';
import type { InputGate, InputNotice } from '../../src/input/input.ts';
import type { RouteSpec } from '../../src/input/route.ts';
import { Arena } from '../../src/ring/arena.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';

export interface TestGateOptions {
  readonly arenaBytes?: number;
  readonly lingerMs?: number;
  readonly chunkBytesMax?: number;
  /** Chunks are delivered at once; `false`: they wait for `deliver`. */
  readonly delivers?: boolean;
}

/** A real arena, kernel, chunkers and tracker, with a sink at the end in place of encoders and Kafka. */
export interface TestGate extends InputGate {
  readonly tracker: DeliveryTracker;
  readonly notices: InputNotice[];
  /** Delivered, as text. */
  readonly lines: string[];
  readonly chunks: { readonly bytes: number; readonly topic: string; readonly atMs: number }[];
  /** Delivers what waits, and from now on everything at once. */
  deliver(): void;
  /** Delivers at most `count` chunks that wait. */
  deliverSome(count: number): void;
  readonly waiting: number;
}

const ADDRESS = 64 * 1024;
const MEGABYTE = 1024 * 1024;

export async function createTestGate(options: TestGateOptions = {}): Promise<TestGate> {
  const arenaBytes = options.arenaBytes ?? 16 * MEGABYTE;
  const memory = allocateSharedMemory(ADDRESS + arenaBytes);
  const arena = new Arena(memory, { address: ADDRESS, bytes: arenaBytes, guard: 'check' });
  const kernel = await loadKernel(memory.memory);
  const tracker = new DeliveryTracker();
  const notices: InputNotice[] = [];
  const lines: string[] = [];
  const chunks: { bytes: number; topic: string; atMs: number }[] = [];
  const waiting: Chunk[] = [];
  let delivers = options.delivers !== false;
  const take = (chunk: Chunk): void => {
    const bytes = Buffer.from(memory.view(chunk.input.address, chunk.bytes));
    chunks.push({ bytes: bytes.length, topic: chunk.route.topic, atMs: systemClock.nowMs() });
    lines.push(...linesOf(bytes));
    arena.free(chunk.input);
    tracker.acked(rangesOf(chunk.segments, 0, chunk.bytes));
  };
  const chunkers = new Chunkers({
    memory,
    arena,
    kernel,
    clock: systemClock,
    lingerMs: options.lingerMs ?? 5,
    ...(options.chunkBytesMax === undefined ? {} : { chunkBytesMax: options.chunkBytesMax }),
    dispatch: (chunk) => {
      tracker.sent(rangesOf(chunk.segments, 0, chunk.bytes));
      // Encoded, and its batch is where it was.
      chunkers.encoded(chunk);
      if (delivers) take(chunk);
      else waiting.push(chunk);
    },
  });
  return {
    memory,
    arena,
    kernel,
    chunkers,
    clock: systemClock,
    skipped: (range) => {
      tracker.skipped(range);
    },
    cutLine: () => undefined,
    report: (notice) => {
      notices.push(notice);
    },
    tracker,
    notices,
    lines,
    chunks,
    get waiting() {
      return waiting.length;
    },
    deliver: () => {
      delivers = true;
      for (const chunk of waiting.splice(0)) take(chunk);
    },
    deliverSome: (count) => {
      for (const chunk of waiting.splice(0, count)) take(chunk);
    },
  };
}

/** Every line of a chunk ends in a newline. */
function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\n');
  if (lines.pop() !== '') throw new Error('a chunk ends in the middle of a line');
  return lines;
}

export function routeSpec(changes: Partial<RouteSpec> = {}): RouteSpec {
  return {
    topic: 'logs',
    headers: [],
    flags: 0,
    longLines: 'split',
    recordBytesMax: MEGABYTE,
    ...changes,
  };
}

/** A directory of the test's own, gone afterwards. */
export function temporaryDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-'));
  t.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

/** Waits for what another part does in its own time. */
export async function eventually(
  promise: string,
  holds: () => boolean,
  timeoutMs = 10_000,
): Promise<void> {
  const endMs = systemClock.nowMs() + timeoutMs;
  while (!holds()) {
    if (systemClock.nowMs() > endMs)
      throw new Error(`not within ${String(timeoutMs)} ms: ${promise}`);
    await sleep(2);
  }
}

/** Waits until nothing more is read: as many chunks wait as before, for so long that it is no accident. */
export async function untilNothingIsRead(gate: TestGate, quietMs = 250): Promise<void> {
  let held = 0;
  let sinceMs = systemClock.nowMs();
  await eventually('reading stops', () => {
    if (gate.waiting !== held) sinceMs = systemClock.nowMs();
    held = gate.waiting;
    return held > 0 && systemClock.nowMs() - sinceMs >= quietMs;
  });
}

/** All memory came back. */
export function isWholeAgain(gate: TestGate): boolean {
  return gate.arena.freeBytes === gate.arena.totalBytes;
}

/** Root may read and write everywhere: such a test is run as somebody else. */
export async function asNobody(work: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}
