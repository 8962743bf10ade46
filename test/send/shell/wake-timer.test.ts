import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WakeTimer } from '../../../src/send/wake-timer.ts';

function started(t: TestContext): {
  timer: WakeTimer;
  woken: number[];
  readonly pass: (ms: number) => void;
} {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 1000;
  const woken: number[] = [];
  const timer = new WakeTimer(
    () => now,
    () => woken.push(now),
  );
  return {
    timer,
    woken,
    pass(ms) {
      for (let step = 0; step < ms; step += 1) {
        now += 1;
        t.mock.timers.tick(1);
      }
    },
  };
}

test('it wakes once, at its time and not before', (t) => {
  const { timer, woken, pass } = started(t);
  timer.set(1010.5);
  pass(10);
  assert.deepEqual(woken, []);
  pass(20);
  assert.deepEqual(woken, [1011]);
});

test('the last time that was set counts, earlier or later', (t) => {
  const { timer, woken, pass } = started(t);
  timer.set(1050);
  timer.set(1010);
  timer.set(1030);
  pass(100);
  assert.deepEqual(woken, [1030]);
});

test('a time in the past wakes at once, Infinity and stop never', (t) => {
  const { timer, woken, pass } = started(t);
  timer.set(500);
  pass(1);
  assert.deepEqual(woken, [1001]);
  timer.set(1010);
  timer.set(Infinity);
  pass(50);
  timer.set(1060);
  timer.stop();
  pass(50);
  assert.deepEqual(woken, [1001]);
});

test('a wait of years is taken in steps', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  let woken = 0;
  const timer = new WakeTimer(
    () => now,
    () => (woken += 1),
  );
  const years = 3 * 2 ** 31;
  timer.set(years);
  for (let step = 0; step < 4; step += 1) {
    now += 2 ** 31 - 1;
    t.mock.timers.tick(2 ** 31 - 1);
    assert.equal(woken, now >= years ? 1 : 0);
  }
});
