import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rangesOf } from '../../src/input/chunk.ts';
import type { Chunk } from '../../src/input/chunk.ts';
import type { Chunker } from '../../src/input/chunker.ts';
import { Chunkers } from '../../src/input/chunkers.ts';
import type { ChunkersOptions } from '../../src/input/chunkers.ts';
import { encodeTrailer } from '../../src/input/route.ts';
import type { Source } from '../../src/input/source.ts';
import type { Run } from '../../src/ring/arena.ts';
import { present } from '../../src/shared/assert.ts';
import { createTestGate, routeSpec } from './gate.ts';
import type { TestGate } from './gate.ts';
import { StillClock } from './still-clock.ts';

/** A clock that stands still until it is moved. */
interface Bench {
  readonly gate: TestGate;
  readonly clock: StillClock;
  readonly chunkers: Chunkers;
  readonly chunks: Chunk[];
  /** Appends text at the source's end. */
  readonly append: (source: TestSource, text: string, chunker?: Chunker) => boolean;
}

interface TestSource extends Source {
  end: number;
}

function createSource(id: string): TestSource {
  return { id, startPosition: 0, end: 0, settled: () => undefined };
}

async function createBench(options: Partial<ChunkersOptions> = {}): Promise<Bench> {
  const gate = await createTestGate();
  const clock = new StillClock();
  const chunks: Chunk[] = [];
  const chunkers = new Chunkers({
    ...gate,
    clock,
    lingerMs: 5,
    dispatch: (chunk) => chunks.push(chunk),
    ...options,
  });
  const scratch = present(gate.arena.claim(1024 * 1024), 'room');
  const open = present(chunkers.open(routeSpec()), 'room');
  return {
    gate,
    clock,
    chunkers,
    chunks,
    append: (source, text, chunker = open) => {
      gate.memory.bytes.set(Buffer.from(text), scratch.address);
      const from = source.end;
      const done = chunker.append(source, scratch.address, text.length, from, from + text.length);
      if (done) source.end += text.length;
      return done;
    },
  };
}

test('quiet sources of one route share a chunk that closes when its first bytes have lingered', async () => {
  const { append, clock, chunks } = await createBench();
  const [a, b] = [createSource('a'), createSource('b')];
  append(a, 'a1\n');
  clock.advance(3);
  append(b, 'b1\n');
  append(b, 'b2\n');
  append(a, 'a2\n');
  clock.advance(1);
  assert.equal(chunks.length, 0);
  clock.advance(1);
  const chunk = present(chunks[0], 'the linger is over');
  assert.deepEqual(
    chunk.segments.map(({ source, chunkFrom, chunkTo }) => [source.id, chunkFrom, chunkTo]),
    [
      ['a', 0, 3],
      ['b', 3, 9],
      ['a', 9, 12],
    ],
  );
  assert.equal(chunk.timestampMs, 1_000_000);
  assert.equal(chunk.input.bytes, 4096 - 64, 'what is not used is given back');
});

test('chunks grow to their maximum under backlog and shrink again when it is quiet', async () => {
  const { append, chunkers, clock, chunks } = await createBench({ chunkBytesMax: 256 * 1024 });
  let encoded = 0;
  const encode = (): void => {
    for (const chunk of chunks.slice(encoded)) chunkers.encoded(chunk);
    encoded = chunks.length;
  };
  const source = createSource('a');
  const line = `${'x'.repeat(999)}\n`;
  for (let count = 0; count < 2000; count += 1) append(source, line);
  const sizes = chunks.map(({ bytes }) => bytes);
  assert.ok(present(sizes[0], 'a chunk closed') <= 20_000);
  assert.ok(present(sizes.at(-1), 'a chunk closed') > 240_000);
  for (let quiet = 0; quiet < 3; quiet += 1) {
    encode();
    clock.advance(5);
    append(source, line);
  }
  encode();
  clock.advance(5);
  assert.equal(chunks.at(-1)?.bytes, 1000);
});

test('a lone frame may be longer than a chunk', async () => {
  const { append, chunks, chunkers } = await createBench({ chunkBytesMax: 64 * 1024 });
  append(createSource('a'), `${'x'.repeat(500_000)}\n`);
  chunkers.flush();
  assert.deepEqual(
    chunks.map(({ bytes }) => bytes),
    [500_001],
  );
});

test('flush closes at once; chunks are numbered in the order of dispatch over all routes', async () => {
  const { append, chunkers, chunks } = await createBench();
  const other = present(chunkers.open(routeSpec({ topic: 'other' })), 'room');
  append(createSource('a'), 'a\n', other);
  append(createSource('b'), 'b\n');
  chunkers.flush();
  assert.deepEqual(
    chunks.map(({ number }) => number),
    [0, 1],
  );
  assert.deepEqual(new Set(chunks.map(({ route }) => route.topic)), new Set(['logs', 'other']));
});

test('a chunk that a read is filling stays open; its successor is dispatched after it', async () => {
  const { gate, chunkers, chunks, append } = await createBench();
  const chunker = present(chunkers.open(routeSpec()), 'room');
  const [slow, quick] = [createSource('slow'), createSource('quick')];
  const reservation = present(chunker.reserve(100), 'room');
  append(quick, 'quick\n');
  chunkers.flush();
  assert.equal(chunks.length, 0);
  gate.memory.bytes.set(Buffer.from('slow\n'), reservation.address);
  chunker.commit(reservation, slow, 5, 0, 5);
  assert.deepEqual(
    chunks.map(({ segments }) => segments[0]?.source.id),
    ['slow', 'quick'],
  );
});

test('a cancelled read leaves no empty chunk behind', async () => {
  const { gate, chunkers, chunks } = await createBench();
  const chunker = present(chunkers.open(routeSpec({ topic: 'other' })), 'room');
  const before = gate.arena.freeBytes;
  chunker.cancel(present(chunker.reserve(100), 'room'));
  chunkers.flush();
  assert.equal(chunks.length, 0);
  assert.equal(gate.arena.freeBytes, before);
});

test('without room nothing is taken, and who waits is woken once, when there is room', async () => {
  const { gate, chunkers, append, clock } = await createBench({ headroomBytes: 14 * 1024 * 1024 });
  const source = createSource('a');
  const line = `${'x'.repeat(99_999)}\n`;
  while (append(source, line)) assert.ok(source.end < 16 * 1024 * 1024);
  let woken = 0;
  chunkers.whenRoom(() => {
    woken += 1;
  });
  clock.advance(1);
  assert.equal(woken, 0);
  const runs = [gate.arena.claim(5000), gate.arena.claim(5000)];
  for (const run of runs) gate.arena.free(present(run, 'room'));
  clock.advance(1);
  assert.equal(woken, 1);
});

test('who waits for room is woken when a batch is settled, also when no run comes back with it', async () => {
  const { gate, chunkers, clock } = await createBench();
  const batch = present(chunkers.shares.claim('logs', 4000, 'encodeOldest'), 'room');
  gate.arena.free(batch);
  let woken = 0;
  chunkers.whenRoom(() => {
    woken += 1;
  });
  clock.advance(1);
  assert.equal(woken, 0);
  chunkers.settled('logs', batch.bytes);
  clock.advance(1);
  assert.equal(woken, 1);
});

test('a topic with less than its share takes less than it wants, one with more waits', async () => {
  const { gate, chunkers, chunks } = await createBench();
  const chunker = present(chunkers.open(routeSpec()), 'room');
  // Half of the memory is free, in stretches of 150 KB.
  const runs: Run[] = [];
  for (let run = gate.arena.claim(150_000); run !== undefined; run = gate.arena.claim(150_000)) {
    runs.push(run);
  }
  for (const [index, run] of runs.entries()) if (index % 2 === 0) gate.arena.free(run);
  const source = createSource('a');
  for (;;) {
    const reservation = chunker.reserve(100_000, 1_000_000);
    if (reservation === undefined) break;
    assert.ok(reservation.bytes >= 100_000 && reservation.bytes < 300_000);
    chunker.commit(reservation, source, 90_000, source.end, (source.end += 90_000));
    chunkers.flush();
  }
  assert.ok(chunks.length > 1 && gate.arena.claim(140_000) !== undefined);
});

test('a chunk goes on growing after its linger while the one before it is not encoded; those of other routes do not wait for it', async () => {
  const { append, chunkers, clock, chunks } = await createBench();
  const other = present(chunkers.open(routeSpec({ headers: [['host', 'b']] })), 'room');
  const source = createSource('a');
  append(source, 'a\n');
  clock.advance(5);
  const first = present(chunks[0], 'nothing is before it');
  append(source, 'b\n');
  append(createSource('b'), 'b\n', other);
  clock.advance(50);
  assert.deepEqual(
    chunks.map(({ route }) => route),
    [first.route, other.route],
  );
  append(source, 'c\n');
  chunkers.encoded(first);
  clock.advance(2);
  assert.equal(present(chunks[2], 'its turn').bytes, 4);
});

test('equal routes are one route; its trailer goes when nobody needs it any more', async () => {
  const { gate, chunkers, chunks, append } = await createBench();
  const before = gate.arena.freeBytes;
  const spec = routeSpec({
    headers: [
      ['host', 'h'],
      ['path', '/a/b'],
    ],
  });
  const chunker = present(chunkers.open(spec), 'room');
  assert.equal(chunkers.open({ ...spec }), chunker);
  const { trailerAddress, trailerBytes } = chunker.route;
  const trailer = Buffer.from(gate.memory.view(trailerAddress, trailerBytes));
  assert.deepEqual(
    [...trailer],
    [4, 8, ...Buffer.from('host'), 2, 104, 8, ...Buffer.from('path'), 8, ...Buffer.from('/a/b')],
  );
  append(createSource('a'), 'a\n', chunker);
  chunkers.close(chunker);
  chunkers.close(chunker);
  const chunk = present(chunks[0], 'closing flushes');
  gate.arena.free(chunk.input);
  assert.equal(chunkers.open(spec), chunker, 'an encoder may still read the trailer');
  chunkers.close(chunker);
  chunkers.encoded(chunk);
  assert.equal(gate.arena.freeBytes, before);
  assert.notEqual(chunkers.open(spec), chunker);
});

test('without headers the trailer is the count 0', () => {
  assert.deepEqual([...encodeTrailer([])], [0]);
  assert.deepEqual([...encodeTrailer([['k', 'v'.repeat(64)]])].slice(0, 5), [2, 2, 107, 128, 1]);
});

test('a thousand trailers share pages', async () => {
  const { gate, chunkers } = await createBench();
  const before = gate.arena.freeBytes;
  const chunkersOfPaths = Array.from({ length: 1000 }, (_, index) =>
    present(chunkers.open(routeSpec({ headers: [['path', `/var/log/${String(index)}`]] })), 'room'),
  );
  assert.ok(before - gate.arena.freeBytes < 64 * 1024);
  for (const chunker of chunkersOfPaths) chunkers.close(chunker);
  assert.equal(gate.arena.freeBytes, before);
});

test('parts of a chunk give back every position once, an added newline included', () => {
  const [a, b] = [createSource('a'), createSource('b')];
  const segments = [
    { source: a, chunkFrom: 0, chunkTo: 10, positionFrom: 100, positionTo: 110 },
    { source: b, chunkFrom: 10, chunkTo: 21, positionFrom: 5, positionTo: 15 },
  ];
  const flat = (from: number, to: number): unknown[] =>
    rangesOf(segments, from, to).map((range) => [range.source.id, range.from, range.to]);
  assert.deepEqual(flat(0, 21), [
    ['a', 100, 110],
    ['b', 5, 15],
  ]);
  assert.deepEqual(flat(0, 4), [['a', 100, 104]]);
  assert.deepEqual(flat(4, 14), [
    ['a', 104, 110],
    ['b', 5, 9],
  ]);
  assert.deepEqual(flat(14, 21), [['b', 9, 15]]);
});

test('what follows a line that got its newline is a segment of its own: its positions do not shift by that byte', async () => {
  const { chunkers, chunks } = await createBench();
  const chunker = present(chunkers.open(routeSpec()), 'room');
  const source = createSource('a');
  chunker.commit(present(chunker.reserve(11), 'room'), source, 11, 0, 10);
  chunker.commit(present(chunker.reserve(5), 'room'), source, 5, 10, 15);
  chunkers.flush();
  const { segments } = present(chunks[0], 'closed by the flush');
  assert.deepEqual(
    segments.map(({ chunkFrom, chunkTo }) => [chunkFrom, chunkTo]),
    [
      [0, 11],
      [11, 16],
    ],
  );
  assert.deepEqual(rangesOf(segments, 0, 11), [{ source, from: 0, to: 10 }]);
  assert.deepEqual(rangesOf(segments, 11, 16), [{ source, from: 10, to: 15 }]);
  assert.deepEqual(rangesOf(segments, 11, 13), [{ source, from: 10, to: 12 }]);
});

test('with the clock of the machine a chunk closes after its linger', async () => {
  const gate = await createTestGate({ lingerMs: 10 });
  const chunker = present(gate.chunkers.open(routeSpec()), 'room');
  const reservation = present(chunker.reserve(10), 'room');
  gate.memory.bytes.set(Buffer.from('a\n'), reservation.address);
  chunker.commit(reservation, createSource('a'), 2, 0, 2);
  assert.equal(gate.lines.length, 0);
  await sleep(100);
  assert.deepEqual(gate.lines, ['a']);
});
