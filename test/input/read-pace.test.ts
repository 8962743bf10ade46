import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadPace } from '../../src/input/read-pace.ts';

const MB = 1024 * 1024;

/** How many reads the pool makes until main is asked again. */
function poolReads(pace: ReadPace): number {
  let reads = 0;
  for (; !pace.isCached; reads += 1) pace.readOnPool();
  return reads;
}

test('the first read is made by the pool, the next on main as long as they are quick', () => {
  const pace = new ReadPace();
  assert.equal(poolReads(pace), 1);
  for (let read = 0; read < 100; read += 1) {
    pace.readOnMain(MB, 0.3);
    assert.ok(pace.isCached);
  }
});

test('one slow read is forgiven, two in a row send the file to the pool', () => {
  const pace = new ReadPace();
  poolReads(pace);
  pace.readOnMain(MB, 5);
  pace.readOnMain(MB, 0.3);
  pace.readOnMain(MB, 5);
  assert.ok(pace.isCached);
  pace.readOnMain(MB, 5);
  assert.equal(poolReads(pace), 16);
});

test('main waits for a disk once in seventeen reads', () => {
  const pace = new ReadPace();
  let waits = 0;
  for (let read = 0; read < 1000; read += 1) {
    if (pace.isCached) {
      waits += 1;
      pace.readOnMain(MB, 10);
    } else pace.readOnPool();
  }
  assert.ok(waits <= 61, `${waits} of 1000`);
});

test('a short read that is slow speaks for the next long one', () => {
  const pace = new ReadPace();
  pace.readOnMain(100, 20);
  pace.readOnMain(100, 20);
  assert.equal(poolReads(pace), 16);
});
