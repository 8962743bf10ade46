import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { InputClock } from '../../src/input/clock.ts';
import { systemClock } from '../../src/input/clock.ts';
import { PositionsInMemory } from '../../src/input/position-store.ts';
import type { RouteSpec } from '../../src/input/route.ts';
import { Tail } from '../../src/input/tail.ts';
import type { TailOptions } from '../../src/input/tail.ts';
import { createTestGate, eventually, routeSpec, temporaryDirectory } from './gate.ts';
import type { TestGate } from './gate.ts';

/** Its time stands still until it is moved; its timers are those of the machine. */
class HeldClock implements InputClock {
  ms = 1000;
  /** How often each delay was asked for. */
  readonly delays = new Map<number, number>();

  wallMs(): number {
    return systemClock.wallMs();
  }

  nowMs(): number {
    return this.ms;
  }

  soon(wake: () => void): void {
    systemClock.soon(wake);
  }

  after(delayMs: number, wake: () => void): () => void {
    this.delays.set(delayMs, (this.delays.get(delayMs) ?? 0) + 1);
    return systemClock.after(delayMs, wake);
  }
}

async function startTail(
  t: TestContext,
  gate: TestGate,
  options: Partial<TailOptions>,
): Promise<Tail> {
  const tail = new Tail(gate, {
    ...{ id: 'test', paths: [], from: 'beginning', route: () => routeSpec(), scanIntervalMs: 31 },
    ...options,
  });
  await tail.start();
  t.after(() => tail.stop());
  return tail;
}

const fileCount = (store: PositionsInMemory): number =>
  [...store.entries()].filter(([key]) => key.startsWith('file ')).length;

for (const [what, isSucceeded, quietMs] of [
  ['deleted', false, 5000],
  ['renamed, with another file in its place,', true, 5000],
  ['renamed, with nothing in its place,', false, 600_000],
] as const) {
  test(`unless told otherwise, a file that was ${what} is given up when it was quiet for ${String(quietMs / 1000)} s`, async (t) => {
    const path = join(temporaryDirectory(t), 'app.log');
    writeFileSync(path, 'line\nbegun');
    const clock = new HeldClock();
    const gate = { ...(await createTestGate()), clock };
    const tail = await startTail(t, gate, { paths: [path] });
    await eventually('it is read', () => gate.lines.length === 1);
    if (what === 'deleted') unlinkSync(path);
    else renameSync(path, `${path}.1`);
    if (isSucceeded) writeFileSync(path, '');
    const scans = (): number => clock.delays.get(31) ?? 0;
    const threeScans = async (): Promise<void> => {
      const before = scans();
      await eventually('three scans', () => scans() >= before + 3);
    };
    await threeScans();
    clock.ms += quietMs - 1;
    await threeScans();
    assert.equal(tail.counters.filesClosed, 0, 'its writer may come back to it');
    clock.ms += 1;
    await eventually('it is given up', () => tail.counters.filesClosed === 1);
    await eventually('its last line is a record now', () => gate.lines.at(-1) === 'begun');
  });
}

test('the positions of many files that were rotated out of their folder are forgotten while the tail runs', async (t) => {
  const folder = temporaryDirectory(t);
  mkdirSync(join(folder, 'archive'));
  const names = Array.from({ length: 120 }, (_, index) => `${String(index)}.log`);
  for (const name of names) writeFileSync(join(folder, name), 'line\n');
  const store = new PositionsInMemory();
  const gate = await createTestGate();
  const tail = await startTail(t, gate, {
    store,
    paths: [join(folder, '*.log')],
    rotateQuietMs: 1,
  });
  await eventually('they are read', () => gate.lines.length === names.length);
  assert.equal(fileCount(store), names.length);
  for (const name of names) renameSync(join(folder, name), join(folder, 'archive', name));
  await eventually('they are given up', () => tail.counters.filesClosed === names.length);
  await eventually('they are forgotten', () => fileCount(store) <= 100);
});

test('a deleted file is forgotten when its last line is delivered, though it was closed long before', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, 'line\n');
  const store = new PositionsInMemory();
  const gate = await createTestGate({ delivers: false });
  const tail = await startTail(t, gate, { store, paths: [path], rotateQuietMs: 1 });
  await eventually('it is read', () => gate.waiting === 1);
  unlinkSync(path);
  await eventually('it is closed', () => tail.counters.filesClosed === 1);
  assert.equal(fileCount(store), 1);
  gate.deliver();
  assert.equal(fileCount(store), 0);
});

test('a compressed file that is deleted is nothing that is lost', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log.1');
  writeFileSync(path, '');
  const tail = await startTail(t, await createTestGate(), { paths: [path] });
  appendFileSync(path, Buffer.from([0x1f, 0x8b, 8, 0, 10, 10]));
  unlinkSync(path);
  await eventually('it is let go', () => tail.counters.filesClosed === 1);
  assert.deepEqual(tail.undelivered(), []);
});

test('with `from: end`, a file that holds nothing but a begun line is read from its beginning', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, 'begun');
  const gate = await createTestGate();
  await startTail(t, gate, { paths: [path], from: 'end' });
  appendFileSync(path, ' done\n');
  await eventually('the line comes whole', () => gate.lines.length === 1);
  assert.deepEqual(gate.lines, ['begun done']);
});

test('with `from: end`, the rest of a line that is longer than a record may be is left out', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, 'y'.repeat(500));
  const gate = await createTestGate();
  const route = (): RouteSpec => routeSpec({ recordBytesMax: 100 });
  const tail = await startTail(t, gate, { paths: [path], from: 'end', route });
  appendFileSync(path, 'x\nnext\n');
  await eventually('the next line comes', () => gate.lines.includes('next'));
  assert.deepEqual(gate.lines, ['next']);
  assert.equal(tail.counters.skippedBytes, 2);
});
