import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoopStep } from '../../src/encode/encode-loop.ts';
import type { EncodedPart } from '../../src/encode/encode-order.ts';
import type { Run } from '../../src/ring/arena.ts';
import { present } from '../../src/shared/assert.ts';
import { logLines } from '../support/log-lines.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { encodeAll, poolFixture, randomChunks, readPart, textOf } from './pool-fixture.ts';
import { behave, deaths, workerProgram } from './worker-behaviour.ts';

const KB = 1024;
const LIMIT = { timeout: 120_000 };

function joined(chunks: readonly Buffer[]): string {
  return chunks.map((lines) => lines.toString('latin1')).join('');
}

/** Part follows part without a gap, and chunk follows chunk. */
function assertOrder(parts: readonly EncodedPart[], chunkCount: number): void {
  let chunk = 1;
  let at = 0;
  for (const part of parts) {
    assert.equal(part.chunk.number, chunk);
    assert.equal(part.from, at);
    at = part.to;
    if (!part.last) continue;
    assert.equal(part.to, part.chunk.bytes);
    chunk += 1;
    at = 0;
  }
  assert.equal(chunk, chunkCount + 1);
}

for (const workers of [0, 1, 2, 4]) {
  test(
    `chunks and their parts come in order from ${workers} workers, however long each takes`,
    LIMIT,
    async () => {
      behave({ delayMsMax: 8 });
      const chunks = randomChunks(60, 20 * KB, 200 * KB, seededRandom(workers));
      const fixture = await poolFixture({
        workers,
        batchBytesMax: 60_000,
        codec: 'none',
        inlineBytesMax: 0,
        workerFile: workerProgram,
      });
      await encodeAll(fixture, chunks);
      assertOrder(fixture.parts, chunks.length);
      assert.ok(fixture.parts.length > chunks.length, 'chunks had several parts');
      assert.equal(fixture.values.join(''), joined(chunks));
      await fixture.close();
    },
  );
}

test(
  'small chunks, which main encodes itself, keep their place among those of the workers',
  LIMIT,
  async () => {
    behave({ delayMsMax: 8 });
    const random = seededRandom(21);
    const chunks = Array.from({ length: 120 }, () => {
      const bytesMax = random() < 0.5 ? 31 * KB : 300 * KB;
      return present(randomChunks(1, 1, bytesMax, random)[0], 'one was asked for');
    });
    const fixture = await poolFixture({ workers: 2, workerFile: workerProgram });
    await encodeAll(fixture, chunks);
    assertOrder(fixture.parts, chunks.length);
    assert.equal(fixture.values.join(''), joined(chunks));
    await fixture.close();
  },
);

test('a chunk without records is handed on in its place, without a batch', LIMIT, async () => {
  behave({});
  const fixture = await poolFixture({ workers: 1 });
  assert.ok(fixture.submit(Buffer.from('before\n')));
  const input = present(fixture.arena.claim(1), 'there is room');
  const { chunk } = present(fixture.parts[0], 'main encodes at once');
  fixture.pool.submit({ ...chunk, number: 2, input, bytes: 0 });
  assert.ok(fixture.submit(Buffer.from('after\n')));
  assert.deepEqual(
    fixture.parts.map(({ last, sealed }) => [last, sealed?.recordCount]),
    [
      [true, 1],
      [true, undefined],
      [true, 1],
    ],
  );
  await fixture.close();
});

for (const how of deaths) {
  for (const step of [
    'read',
    'encoded',
    'written',
    'committed',
    'completed',
  ] satisfies LoopStep[]) {
    test(
      `a worker that dies by ${how} after '${step}' loses and doubles nothing`,
      LIMIT,
      async () => {
        const chunks = randomChunks(24, 33 * KB, 120 * KB, seededRandom(31));
        const fixture = await poolFixture({ workers: 2, workerFile: workerProgram });
        const marks = present(fixture.arena.claim(4 * KB), 'a new arena has room');
        fixture.memory.bytes.fill(0, marks.address, marks.address + 4 * KB);
        const every = how === 'out of memory' ? 12 : 6;
        behave({ death: { step, how, every, marksAddress: marks.address } });
        await encodeAll(fixture, chunks);
        assert.deepEqual(fixture.faults, []);
        assertOrder(fixture.parts, chunks.length);
        assert.equal(fixture.values.join(''), joined(chunks));
        const marked = fixture.memory.view(marks.address, 4 * KB).some((byte) => byte !== 0);
        assert.ok(marked, 'workers died');
        fixture.arena.free(marks);
        await fixture.close();
      },
    );
  }
}

test(
  'a chunk that kills every worker is a fault that names it, and nothing behind it is handed on',
  LIMIT,
  async () => {
    const chunks = randomChunks(10, 33 * KB, 60 * KB, seededRandom(41));
    behave({ death: { step: 'read', how: 'throw', every: 4, isPoison: true, marksAddress: 0 } });
    const fixture = await poolFixture({ workers: 1, workerFile: workerProgram });
    for (const lines of chunks) assert.ok(fixture.submit(lines));
    while (fixture.faults.length === 0) await sleep(5);
    await sleep(50);
    assert.equal(fixture.faults.length, 1);
    assert.match(
      fixture.faults[0]?.message ?? '',
      /^3 encoder threads ended one after the other at chunk 4 of \d+ bytes: the test throws$/,
    );
    assert.equal(fixture.values.join(''), joined(chunks.slice(0, 3)));
    assert.deepEqual(
      fixture.left.map(({ number }) => number),
      [4, 5, 6, 7, 8, 9, 10],
      'whoever waits for the others is told which',
    );
    await fixture.pool.idle();
    await fixture.pool.close();
  },
);

test(
  'workers that cannot start, or whose file is not there, are a fault and not a silence',
  LIMIT,
  async () => {
    const missing = new URL('./no-such-worker.js', import.meta.url);
    for (const [workerFile, why] of [
      [workerProgram, /lets no thread start/],
      [missing, /no-such-worker/],
    ] as const) {
      behave({ startFails: true });
      const fixture = await poolFixture({ workers: 2, workerFile });
      assert.ok(fixture.submit(logLines({ bytes: 50 * KB, lineBytes: 100, seed: 1 })));
      while (fixture.faults.length === 0) await sleep(5);
      assert.match(fixture.faults[0]?.message ?? '', why);
      await fixture.pool.close();
    }
  },
);

/**
 * The arena is as small as it may be, and an input takes every bit that comes free, at once and from within the free. What is sealed is held,
 * and freed later, in any order.
 */
for (const seed of [51, 52, 53]) {
  test(
    `an arena that is always full does not stop the oldest chunk, seed ${seed}`,
    LIMIT,
    async () => {
      behave({ delayMsMax: 2 });
      const random = seededRandom(seed);
      const chunks = randomChunks(60, 40 * KB, 400 * KB, random);
      const held: Run[] = [];
      const fixture = await poolFixture({
        workers: 2,
        codec: 'none',
        memoryBytes: 8 << 20,
        batchBytesMax: 250_000,
        workerFile: workerProgram,
        onPart: (own, part) => {
          own.parts.push(part);
          if (part.sealed === undefined) return;
          own.values.push(textOf(own, part.sealed));
          held.push(part.sealed.run);
        },
      });
      let next = 0;
      let isFeeding = false;
      const feed = (): void => {
        if (isFeeding) return;
        isFeeding = true;
        for (let lines = chunks[next]; lines !== undefined; lines = chunks[next]) {
          next += 1;
          if (fixture.submit(lines)) continue;
          next -= 1;
          break;
        }
        isFeeding = false;
      };
      fixture.arena.onFree(feed);
      feed();
      while (next < chunks.length || fixture.pool.openChunks.length > 0 || held.length > 0) {
        await sleep(random() * 3);
        const [run] = held.splice(Math.floor(random() * held.length), 1);
        if (run !== undefined) fixture.arena.free(run);
      }
      assertOrder(fixture.parts, chunks.length);
      assert.equal(fixture.values.join(''), joined(chunks));
      await fixture.close();
    },
  );
}

test(
  'a long chunk is encoded on main while that is idle, and by a worker otherwise',
  LIMIT,
  async () => {
    let isIdle = true;
    const fixture = await poolFixture({ workers: 1, inlineBytesMax: 0, isMainIdle: () => isIdle });
    fixture.submit(Buffer.from('on main\n'));
    assert.deepEqual(fixture.values, ['on main\n']);
    isIdle = false;
    fixture.submit(Buffer.from('by a worker\n'));
    assert.equal(fixture.values.length, 1);
    await fixture.pool.idle();
    assert.deepEqual(fixture.values, ['on main\n', 'by a worker\n']);
    await fixture.close();
  },
);

test(
  'a lane that may have no more memory stops no other, and goes on where it was',
  LIMIT,
  async () => {
    let isStopped = true;
    const held = new Map([
      ['odd', 0],
      ['even', 0],
    ]);
    const add = (lane: string, bytes: number): unknown =>
      held.set(lane, present(held.get(lane), 'there are two') + bytes);
    const mayHave = (lane: string): boolean => lane === 'even' || !isStopped;
    const fixture = await poolFixture({
      workers: 2,
      batchBytesMax: 20_000,
      recordBytesMax: 5000,
      codec: 'none',
      lanes: {
        nameOf: ({ number }) => (number % 2 === 0 ? 'even' : 'odd'),
        shares: {
          claim: (lane, bytes) => {
            const run = mayHave(lane) ? fixture.arena.claim(bytes) : undefined;
            if (run !== undefined) add(lane, run.bytes);
            return run;
          },
          takeReserve: () => false,
          give: (lane, bytes) => add(lane, -bytes),
          setAside: () => undefined,
        },
      },
      onPart: (own, part) => {
        add(part.chunk.number % 2 === 0 ? 'even' : 'odd', -present(part.sealed, 'lines').run.bytes);
        readPart(own, part);
      },
    });
    const chunks = randomChunks(40, 100, 90 * KB, seededRandom(71));
    for (const lines of chunks) assert.ok(fixture.submit(lines));
    const evens = chunks.filter((_, index) => index % 2 === 1);
    while (fixture.values.join('').length < joined(evens).length) await sleep(1);
    assert.equal(fixture.values.join(''), joined(evens));
    assert.equal(fixture.pool.openChunks.length, 20);
    isStopped = false;
    fixture.arena.free(present(fixture.arena.claim(1), 'room'));
    await fixture.pool.idle();
    const odds = chunks.filter((_, index) => index % 2 === 0);
    assert.equal(fixture.values.join(''), joined([...evens, ...odds]));
    assert.deepEqual([...held.values()], [0, 0]);
    await fixture.close();
  },
);

test(
  'a short chunk does not wait while long ones of other lanes wait for a worker',
  LIMIT,
  async () => {
    behave({ delayMsMax: 20 });
    const fixture = await poolFixture({
      workers: 1,
      workerFile: workerProgram,
      lanes: {
        nameOf: ({ number }) => (number % 2 === 0 ? 'long' : 'short'),
        shares: {
          claim: (_, bytes) => fixture.arena.claim(bytes),
          takeReserve: () => false,
          give: () => undefined,
          setAside: () => undefined,
        },
      },
    });
    const random = seededRandom(72);
    const chunksOf = (bytes: number): Buffer[] => randomChunks(6, bytes, bytes, random);
    const long = chunksOf(200 * KB);
    const short = chunksOf(10 * KB);
    for (const [index, lines] of long.entries()) {
      assert.ok(fixture.submit(present(short[index], 'as many')));
      assert.ok(fixture.submit(lines));
    }
    assert.equal(fixture.values.join(''), joined(short));
    await fixture.pool.idle();
    assert.equal(fixture.values.join(''), joined([...short, ...long]));
    await fixture.close();
  },
);

test('who gets a part may submit the next chunk from there', LIMIT, async () => {
  behave({});
  const chunks = randomChunks(50, 100, 90 * KB, seededRandom(61));
  let next = 1;
  const fixture = await poolFixture({
    workers: 2,
    batchBytesMax: 20_000,
    recordBytesMax: 5000,
    codec: 'none',
    onPart: (own, part) => {
      readPart(own, part);
      const lines = chunks[next];
      if (lines === undefined) return;
      next += 1;
      assert.ok(own.submit(lines));
    },
  });
  assert.ok(fixture.submit(present(chunks[0], 'there is one')));
  while (next < chunks.length) await sleep(1);
  await fixture.pool.idle();
  assertOrder(fixture.parts, chunks.length);
  assert.equal(fixture.values.join(''), joined(chunks));
  await fixture.close();
});

test(
  'a pool that is closed in the middle of its work ends its threads, and lets go of who waits for it',
  LIMIT,
  async () => {
    behave({ delayMsMax: 200 });
    const fixture = await poolFixture({ workers: 2, workerFile: workerProgram });
    for (const lines of randomChunks(6, 40 * KB, 60 * KB, seededRandom(71))) fixture.submit(lines);
    const idle = fixture.pool.idle();
    await sleep(150);
    await fixture.pool.close();
    await idle;
    const { length } = fixture.parts;
    await sleep(50);
    assert.equal(fixture.parts.length, length);
  },
);

test(
  'a thread that is stuck in a task does not keep the pool from being closed',
  LIMIT,
  async () => {
    behave({ delayMsMax: 2 ** 40 });
    const fixture = await poolFixture({ workers: 1, workerFile: workerProgram });
    assert.ok(fixture.submit(logLines({ bytes: 50 * KB, lineBytes: 100, seed: 1 })));
    await sleep(200);
    await fixture.pool.close();
    assert.deepEqual(fixture.parts, []);
  },
);
