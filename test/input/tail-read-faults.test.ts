import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Tail } from '../../src/input/tail.ts';
import {
  asNobody,
  createTestGate,
  eventually,
  isWholeAgain,
  routeSpec,
  temporaryDirectory,
} from './gate.ts';
import type { TestGate } from './gate.ts';
import { descriptorOf, reopenAs } from './open-files.ts';

interface Setup {
  readonly gate: TestGate;
  readonly tail: Tail;
  readonly folder: string;
  readonly messages: (event: string) => string[];
}

async function startTail(t: TestContext, names: readonly string[]): Promise<Setup> {
  const folder = temporaryDirectory(t);
  for (const name of names) writeFileSync(join(folder, name), `${name} 1\n`);
  const gate = await createTestGate();
  const tail = new Tail(gate, {
    ...{ id: 'test', from: 'beginning', paths: [join(folder, '*')], scanIntervalMs: 30 },
    route: () => routeSpec(),
  });
  await tail.start();
  t.after(() => tail.stop());
  await eventually('they are read', () => gate.lines.length === names.length);
  const messages = (name: string): string[] =>
    gate.notices.filter(({ event }) => event === name).map(({ message }) => message);
  return { gate, tail, folder, messages };
}

for (const [where, lineBytes] of [
  ['on main', 10],
  ['in the pool', 200_000],
] as const) {
  test(`a read that fails ${where} stops no other file of the route, and is tried again`, async (t) => {
    const { gate, tail, folder, messages } = await startTail(t, ['a', 'b']);
    const path = join(folder, 'a');
    const fd = descriptorOf(folder, 'a');
    // For writing only: each read of it is refused (EBADF).
    reopenAs(fd, path, 'a');
    const line = 'x'.repeat(lineBytes);
    appendFileSync(path, `${line}\n`);
    await eventually('its fault is told', () => messages('fileUnreadable').length === 1);
    appendFileSync(join(folder, 'b'), 'b 2\n');
    await eventually('the other goes on', () => gate.lines.includes('b 2'));
    assert.deepEqual(messages('fileReadableAgain'), []);
    reopenAs(fd, path, 'r');
    await eventually('it is tried again by itself', () => gate.lines.includes(line));
    await tail.stop();
    assert.deepEqual(gate.lines.toSorted(), ['a 1', 'b 1', 'b 2', line].toSorted());
    assert.ok(isWholeAgain(gate), 'no memory is held for the read that failed');
  });
}

test('a read that fails is told once, its recovery too, and the next failure again', async (t) => {
  const { gate, folder, messages } = await startTail(t, ['a']);
  const path = join(folder, 'a');
  const fd = descriptorOf(folder, 'a');
  const lineOf = (round: number): string => `a after failure ${String(round)}`;
  for (const round of [1, 2]) {
    reopenAs(fd, path, 'a');
    appendFileSync(path, `${lineOf(round)}\n`);
    await eventually('it is told', () => messages('fileUnreadable').length === round);
    // Scans come upon it again.
    await sleep(100);
    reopenAs(fd, path, 'r');
    await eventually('it is read', () => gate.lines.includes(lineOf(round)));
    await eventually('that is told', () => messages('fileReadableAgain').length === round);
    assert.equal(messages('fileUnreadable').length, round);
  }
  for (const message of messages('fileUnreadable')) {
    assert.match(
      message,
      /\/a cannot be read: EBADF.* Fix: check the file .* It is tried again\.$/,
    );
  }
  for (const message of messages('fileReadableAgain'))
    assert.match(message, /\/a can be read now$/);
});

test('directories that may not be watched are told once with the fix, and their files are followed without', async (t) => {
  const folder = temporaryDirectory(t);
  chmodSync(folder, 0o755);
  const closed = ['1', '2'].map((name) => join(folder, name));
  const paths = closed.map((directory) => join(directory, 'app.log'));
  for (const directory of closed) mkdirSync(directory);
  for (const path of paths) {
    writeFileSync(path, 'line\n');
    chmodSync(path, 0o666);
  }
  const gate = await createTestGate();
  const options = { id: 'test', from: 'beginning', paths, scanIntervalMs: 100 } as const;
  const tail = new Tail(gate, { ...options, route: () => routeSpec() });
  t.after(() => tail.stop());
  // Their names may be opened and not listed.
  for (const directory of closed) chmodSync(directory, 0o311);
  try {
    await asNobody(async () => {
      await tail.start();
      await eventually('they are read', () => gate.lines.length === 2);
      for (const path of paths) appendFileSync(path, 'more\n');
      await eventually('they are followed', () => gate.lines.length === 4);
    });
  } finally {
    for (const directory of closed) chmodSync(directory, 0o755);
  }
  const told = gate.notices.filter(({ event }) => event === 'watchUnavailable');
  assert.equal(told.length, 1);
  assert.match(
    told[0]?.message ?? '',
    /\/[12] cannot be watched \(EACCES\), its files are polled instead.* Fix: let this user list the directory\.$/,
  );
});
