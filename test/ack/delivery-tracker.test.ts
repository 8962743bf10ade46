import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DeliveryTracker } from '../../src/ack/delivery-tracker.ts';
import type { Source, SourceRange } from '../../src/input/source.ts';

interface Watched extends Source {
  readonly told: number[];
}

function watchedSource(startPosition = 0): Watched {
  const told: number[] = [];
  return { id: 'test', startPosition, told, settled: (position) => told.push(position) };
}

test('a source hears only of the contiguous prefix, whatever the order of the answers', () => {
  const tracker = new DeliveryTracker();
  const source = watchedSource(100);
  const [a, b, c] = [range(source, 100, 150), range(source, 150, 300), range(source, 300, 301)];
  tracker.sent([a, b, c]);
  tracker.acked([c]);
  tracker.acked([b]);
  assert.deepEqual(source.told, []);
  tracker.acked([a]);
  assert.deepEqual(source.told, [301]);
  assert.equal(tracker.openBytes, 0);
});

test('what is refused or has expired counts as settled, each on its own counter', () => {
  const tracker = new DeliveryTracker();
  const source = watchedSource();
  tracker.sent([range(source, 0, 10), range(source, 10, 30), range(source, 30, 60)]);
  tracker.rejected([range(source, 0, 10)]);
  tracker.expired([range(source, 10, 30)]);
  tracker.acked([range(source, 30, 60)]);
  assert.deepEqual(source.told, [10, 30, 60]);
  const { ackedBytes, rejectedBytes, expiredBytes } = tracker.counters;
  assert.deepEqual([ackedBytes, rejectedBytes, expiredBytes], [30, 10, 20]);
});

test('what was left out is counted, and does not hold up what follows, nor run ahead of what precedes', () => {
  const tracker = new DeliveryTracker();
  const source = watchedSource();
  tracker.skipped(range(source, 10, 20));
  tracker.sent([range(source, 0, 10), range(source, 20, 30)]);
  assert.deepEqual(source.told, []);
  tracker.acked([range(source, 0, 10)]);
  tracker.acked([range(source, 20, 30)]);
  assert.deepEqual(source.told, [20, 30]);
  const { ackedBytes, skippedBytes } = tracker.counters;
  assert.deepEqual([ackedBytes, skippedBytes], [20, 10]);
});

test('settling a byte twice, or one that was not sent, is a bug that is noticed', () => {
  const tracker = new DeliveryTracker();
  const source = watchedSource();
  tracker.sent([range(source, 0, 10)]);
  assert.throws(() => {
    tracker.sent([range(source, 5, 15)]);
  }, /in order/);
  tracker.acked([range(source, 0, 10)]);
  assert.throws(() => {
    tracker.acked([range(source, 0, 10)]);
  }, /twice/);
  assert.throws(() => {
    tracker.acked([range(watchedSource(), 0, 1)]);
  }, /was sent/);
});

test('any split into parts, settled in any order, ends at the end and never runs ahead', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(cuts, fc.infiniteStream(fc.nat()), (lengths, picks) => {
      const tracker = new DeliveryTracker();
      const source = watchedSource(7);
      const parts: SourceRange[] = [];
      let end = 7;
      for (const length of lengths) {
        parts.push(range(source, end, end + length));
        end += length;
      }
      tracker.sent(parts);
      const settled = new Set<SourceRange>();
      for (const pick of picks) {
        const rest = parts.filter((part) => !settled.has(part));
        const part = rest[pick % rest.length];
        if (part === undefined) break;
        settled.add(part);
        tracker.acked([part]);
        const firstOpen = parts.find((other) => !settled.has(other))?.from ?? end;
        assert.equal(tracker.settledTo(source), firstOpen);
      }
      assert.equal(source.told.at(-1), end);
      assert.equal(tracker.openBytes, 0);
    }),
  );
});

function range(source: Source, from: number, to: number): SourceRange {
  return { source, from, to };
}
