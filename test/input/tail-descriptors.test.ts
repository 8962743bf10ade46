import assert from 'node:assert/strict';
import { appendFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Tail } from '../../src/input/tail.ts';
import { createTestGate, eventually, routeSpec, temporaryDirectory } from './gate.ts';
import type { TestGate } from './gate.ts';
import { namesOpenBelow } from './open-files.ts';

const GZIP = Buffer.from([0x1f, 0x8b, 8, 0, 10, 10]);

interface Setup {
  readonly gate: TestGate;
  readonly tail: Tail;
  readonly wasTold: (event: string) => boolean;
}

async function startTail(t: TestContext, paths: readonly string[]): Promise<Setup> {
  const gate = await createTestGate();
  const tail = new Tail(gate, {
    ...{ id: 'test', from: 'beginning', paths, scanIntervalMs: 30, rotateQuietMs: 30 },
    route: () => routeSpec(),
  });
  await tail.start();
  t.after(() => tail.stop());
  const wasTold = (name: string): boolean => gate.notices.some(({ event }) => event === name);
  return { gate, tail, wasTold };
}

test('a file that was renamed is held open until it is given up, and no longer', async (t) => {
  const folder = temporaryDirectory(t);
  const path = join(folder, 'app.log');
  writeFileSync(path, 'line\n');
  const { gate, tail } = await startTail(t, [path]);
  for (const round of [1, 2, 3]) {
    await eventually('it is read', () => gate.lines.length === round);
    renameSync(path, join(folder, `old-${String(round)}`));
    writeFileSync(path, 'line\n');
    await eventually('it is given up', () => tail.counters.filesClosed === round);
  }
  assert.deepEqual(namesOpenBelow(folder), ['app.log']);
});

test('a file that was deleted is not held open, so that its blocks are free', async (t) => {
  const folder = temporaryDirectory(t);
  const path = join(folder, 'app.log');
  writeFileSync(path, 'line\n');
  const { gate, tail } = await startTail(t, [path]);
  await eventually('it is read', () => gate.lines.length === 1);
  assert.deepEqual(namesOpenBelow(folder), ['app.log']);
  unlinkSync(path);
  await eventually('it is given up', () => tail.counters.filesClosed === 1);
  assert.deepEqual(namesOpenBelow(folder), []);
});

test('a compressed file is not held open, whenever that it is one is seen', async (t) => {
  const folder = temporaryDirectory(t);
  writeFileSync(join(folder, 'a.gz'), GZIP);
  writeFileSync(join(folder, 'b.gz'), '');
  const { tail, wasTold } = await startTail(t, [join(folder, '*.gz')]);
  assert.ok(wasTold('fileIgnored'));
  assert.deepEqual(namesOpenBelow(folder), ['b.gz']);
  appendFileSync(join(folder, 'b.gz'), GZIP);
  await eventually('the other is let go', () => tail.counters.filesClosed === 1);
  assert.deepEqual(namesOpenBelow(folder), []);
});

test('a second name of a file does not hold it open a second time', async (t) => {
  const folder = temporaryDirectory(t);
  writeFileSync(join(folder, 'a.log'), 'line\n');
  symlinkSync(join(folder, 'a.log'), join(folder, 'b.log'));
  const { gate } = await startTail(t, [join(folder, '*.log')]);
  await eventually('it is read', () => gate.lines.length === 1);
  writeFileSync(join(folder, 'c.log'), 'line\n');
  await eventually('what came later is read', () => gate.lines.length === 2);
  assert.deepEqual(namesOpenBelow(folder), ['a.log', 'c.log']);
});

test('after a stop nothing is held open', async (t) => {
  const folder = temporaryDirectory(t);
  for (const name of ['a.log', 'b.log']) writeFileSync(join(folder, name), 'line\n');
  const { gate, tail } = await startTail(t, [join(folder, '*.log')]);
  await eventually('they are read', () => gate.lines.length === 2);
  await tail.stop();
  assert.deepEqual(namesOpenBelow(folder), []);
});
