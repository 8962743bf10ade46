import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import type { InputNotice } from '../../src/input/input.ts';
import {
  connectionRefusal,
  limitOfOpenFiles,
  RefusedConnections,
} from '../../src/input/refused-connections.ts';
import { requireProgram } from '../support/foreign-programs.ts';
import { StillClock } from './still-clock.ts';

const MINUTE_MS = 60_000;

function told(): { refused: RefusedConnections; clock: StillClock; messages: string[] } {
  const clock = new StillClock();
  const messages: string[] = [];
  const report = ({ event, level, message }: InputNotice): void => {
    messages.push(`${level} ${event}: ${message}`);
  };
  return { refused: new RefusedConnections('socket s', clock, report), clock, messages };
}

const ONE =
  'warning connectionsRefused: socket s: a connection was refused, and what was written to it is lost: ';
const several = (count: number): string =>
  `warning connectionsRefused: socket s: ${String(count)} connections were refused, and what was written to them is lost: `;

test('refused connections are told of at once, then once a minute for as long as there are more', () => {
  const { refused, clock, messages } = told();
  refused.add('why');
  assert.deepEqual(messages.splice(0), [`${ONE}why`]);
  for (const count of [3, 2]) {
    for (let n = 0; n < count; n += 1) refused.add(`why ${String(count)}`);
    clock.advance(MINUTE_MS - 1);
    assert.deepEqual(messages, [], 'not within the minute');
    clock.advance(1);
    assert.deepEqual(messages.splice(0), [`${several(count)}why ${String(count)}`]);
  }
  clock.advance(MINUTE_MS);
  clock.advance(MINUTE_MS);
  assert.deepEqual(messages, [], 'nothing of a minute without any');
});

test('a connection refused after a minute without any is told of at once again', () => {
  const { refused, clock, messages } = told();
  refused.add('first');
  clock.advance(MINUTE_MS);
  refused.add('second');
  assert.deepEqual(messages, [`${ONE}first`, `${ONE}second`]);
});

test('the end tells of the refused connections that were not told of yet, and is the last word', () => {
  const { refused, clock, messages } = told();
  refused.add('why');
  refused.add('why');
  refused.close();
  assert.deepEqual(messages.splice(0), [`${ONE}why`, `${ONE}why`]);
  assert.equal(clock.waiting, 0);

  const quiet = told();
  quiet.refused.add('why');
  quiet.refused.close();
  assert.deepEqual(quiet.messages, [`${ONE}why`], 'what was told is not told twice');
});

test('a connection is refused when there are as many as may be, or when it takes one of the last 16 files', () => {
  const limits = { connectionsMax: 100, openFilesMax: 1000 };
  const tooMany = 'there are 100 connections, as many as may be. Fix: let writers keep fewer open';
  const tooFew =
    'this process may have 1000 files open, and the last 16 are kept for files and brokers. Fix: raise LimitNOFILE (ulimit -n)';
  for (const [count, fd, refusal] of [
    [99, 983, undefined],
    [100, 983, tooMany],
    [99, 984, tooFew],
    [99, undefined, undefined],
  ] as const) {
    assert.equal(connectionRefusal(limits, count, fd), refusal);
  }
  const unlimited = { connectionsMax: 100, openFilesMax: Infinity };
  assert.equal(connectionRefusal(unlimited, 99, 1_000_000), undefined);
});

test('the limit of open files is the one in force, not the one it may be raised to', (t) => {
  if (!requireProgram(t, 'prlimit')) return;
  const before = limitOfOpenFiles();
  const limit = (soft: number): void => {
    execFileSync('prlimit', [`--pid=${String(process.pid)}`, `--nofile=${String(soft)}:`]);
  };
  limit(256);
  t.after(() => {
    limit(before);
  });
  assert.equal(limitOfOpenFiles(), 256);
});
