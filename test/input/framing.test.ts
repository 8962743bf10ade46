import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineFramer, lastLineEnd, leadingNulBytes } from '../../src/input/framing.ts';
import { LineStream } from '../../src/input/line-stream.ts';
import { createInputCounters } from '../../src/input/input.ts';
import type { LongLines } from '../../src/input/route.ts';
import { present } from '../../src/shared/assert.ts';
import { createTestGate, routeSpec } from './gate.ts';

const gate = await createTestGate();
const scratch = present(gate.arena.claim(512 * 1024), 'room');

function lay(text: string | Buffer): number {
  const bytes = Buffer.from(text as string, 'latin1');
  gate.memory.bytes.set(bytes, scratch.address);
  return bytes.length;
}

test('the end of the last line is found wherever it lies', () => {
  for (const length of [0, 1, 2, 1023, 1024, 1025, 10_000, 100_000]) {
    for (const at of [0, 1, 511, 1022, 1023, 1024, 8191, 8192, 9999, 99_999]) {
      const bytes = Buffer.alloc(length, 120);
      if (at < length) bytes[at] = 10;
      assert.equal(lastLineEnd(gate.memory, scratch.address, lay(bytes)), at < length ? at + 1 : 0);
    }
  }
});

test('a newline outside the bytes is not theirs', () => {
  lay('\nabc\n');
  assert.equal(lastLineEnd(gate.memory, scratch.address + 1, 3), 0);
});

test('leading NUL bytes are counted', () => {
  assert.equal(leadingNulBytes(gate.memory, scratch.address, lay('\0\0\0a\0')), 3);
  assert.equal(leadingNulBytes(gate.memory, scratch.address, lay('\0\0')), 2);
  assert.equal(leadingNulBytes(gate.memory, scratch.address, lay('a')), 0);
});

test('a split does not end in a carriage return that the added newline would strip', () => {
  const counters = createInputCounters();
  const framer = new LineFramer(gate, routeSpec({ recordBytesMax: 4 }), counters);
  const cut = framer.cut(scratch.address, lay('abc\rdef'));
  assert.deepEqual(cut, { kind: 'take', bytes: 3, addNewline: true });
});

test('a line of exactly so many pieces makes no empty record', () => {
  const counters = createInputCounters();
  const framer = new LineFramer(gate, routeSpec({ recordBytesMax: 4 }), counters);
  const address = scratch.address;
  lay('abcdefgh\nx\n');
  assert.deepEqual(framer.cut(address, 5), { kind: 'take', bytes: 4, addNewline: true });
  assert.deepEqual(framer.cut(address + 4, 5), { kind: 'take', bytes: 5, addNewline: false });
  const again = new LineFramer(gate, routeSpec({ recordBytesMax: 4 }), counters);
  assert.deepEqual(again.cut(address, 8), { kind: 'take', bytes: 4, addNewline: true });
  assert.deepEqual(again.cut(address + 4, 4), { kind: 'more' });
  assert.equal(again.place, 'splitRest');
});

test('the rest of a truncated line makes no record, though its cut fell on a carriage return', async () => {
  const own = await createTestGate({ arenaBytes: 4 * 1024 * 1024 });
  const place = present(own.arena.claim(4096), 'room');
  const route = routeSpec({ longLines: 'truncate', recordBytesMax: 4 });
  const chunker = present(own.chunkers.open(route), 'room');
  const source = { id: 'x', startPosition: 0, settled: () => undefined };
  const budget = { usedBytes: 0, maxBytes: 1e6 };
  const counters = createInputCounters();
  const stream = new LineStream({ gate: own, chunker, source, counters, budget });
  for (const text of ['abc\r', 'defgh', 'ijklm', 'n\nnext\n']) {
    own.memory.bytes.set(Buffer.from(text), place.address);
    assert.equal(stream.offer(place.address, text.length), text.length);
  }
  own.chunkers.flush();
  assert.deepEqual(own.lines, ['abc', 'next']);
  assert.equal(counters.longLines, 1);
  assert.equal(counters.skippedBytes, 'defgh'.length + 'ijklm'.length + 'n\n'.length + 1);
  assert.equal(budget.usedBytes, 0);
});

/** What a stream of pieces must come out as when no line fits a run beyond the limit; the encoder cuts the others. */
function expectedLines(text: string, limit: number, policy: LongLines): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.flatMap((line) => {
    if (line.length <= limit) return [line];
    if (policy === 'drop') return [];
    if (policy === 'truncate') return [line.slice(0, limit)];
    const pieces: string[] = [];
    for (let at = 0; at < line.length; at += limit) pieces.push(line.slice(at, at + limit));
    return pieces;
  });
}

/** As the encoder does with the lines that it is given. */
function encodeLong(lines: readonly string[], limit: number, policy: LongLines): string[] {
  return expectedLines(lines.map((line) => `${line}\n`).join(''), limit, policy);
}

for (const policy of ['split', 'truncate', 'drop'] as const) {
  test(`any stream, however it comes in pieces, comes out as its lines (${policy})`, async () => {
    const piece = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'cccccccc'), maxLength: 12 });
    const streams = fc.array(piece, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(streams, fc.integer({ min: 1, max: 20 }), async (pieces, limit) => {
        const own = await createTestGate({ arenaBytes: 4 * 1024 * 1024 });
        const place = present(own.arena.claim(4096), 'room');
        const route = routeSpec({ longLines: policy, recordBytesMax: limit });
        const chunker = present(own.chunkers.open(route), 'room');
        const settled: number[] = [];
        const source = { id: 'x', startPosition: 0, settled: (to: number) => settled.push(to) };
        const budget = { usedBytes: 0, maxBytes: 1e6 };
        const counters = createInputCounters();
        const stream = new LineStream({ gate: own, chunker, source, counters, budget });
        for (const text of pieces) {
          own.memory.bytes.set(Buffer.from(text), place.address);
          assert.equal(stream.offer(place.address, text.length), text.length);
        }
        assert.ok(stream.finish());
        own.chunkers.flush();
        const whole = pieces.join('');
        assert.deepEqual(encodeLong(own.lines, limit, policy), expectedLines(whole, limit, policy));
        assert.equal(settled.at(-1) ?? 0, whole.length, 'every byte is accounted for');
        assert.equal(budget.usedBytes, 0);
      }),
      { numRuns: 150 },
    );
  });
}
