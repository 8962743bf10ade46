import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCounters, metrics } from '../../src/shared/counters.ts';

test('every metric of the table has a counter that begins at 0', () => {
  const counters = createCounters();
  assert.deepEqual(Object.keys(counters), Object.keys(metrics));
  assert.ok(Object.values(counters).every((count) => count === 0));
  counters.recordsAcked += 3;
  assert.equal(createCounters().recordsAcked, 0);
});
