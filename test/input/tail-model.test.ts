import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readlinkSync,
  renameSync,
  truncateSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Tail } from '../../src/input/tail.ts';
import { PositionsInMemory } from '../../src/input/position-store.ts';
import { createTestGate, eventually, routeSpec, temporaryDirectory } from './gate.ts';
import type { TestGate } from './gate.ts';

/** A small generator whose every draw follows from its seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What a writer has done to some files, and what must and may come of it. */
class Model {
  /** Complete lines, in order, by file content. */
  readonly written: string[] = [];
  /** Lines that a truncation may have destroyed before they were read. */
  readonly mayBeLost = new Set<string>();
  /** Since the last restart: what a deleted file holds can be delivered by this life only. */
  hasDeleted = false;
  readonly #directory: string;
  readonly #draw: (below: number) => number;
  readonly #names: readonly string[];
  /** Lines that are in a file now. */
  readonly #held = new Map<string, string[]>();
  readonly #begun = new Map<string, string>();
  #next = 0;
  #rotation = 0;

  constructor(directory: string, draw: (below: number) => number) {
    this.#directory = directory;
    this.#draw = draw;
    this.#names = ['a', 'b', 'c'].map((name) => join(directory, `${name}.log`));
  }

  step(mayTruncate: boolean): void {
    const path = this.#names[this.#draw(this.#names.length)] ?? '';
    const kind = this.#draw(mayTruncate ? 12 : 11);
    if (kind < 8) this.#write(path);
    else if (kind === 8) this.#begin(path);
    else if (!existsSync(path)) this.#write(path);
    else if (kind === 9) this.#rotate(path);
    else if (kind === 10) this.#delete(path);
    else this.#truncate(path);
  }

  /** Completes what is begun: a last line without a newline would be waited for. */
  finish(): void {
    for (const path of this.#names) if (this.#begun.has(path)) this.#write(path);
  }

  #write(path: string): void {
    const count = 1 + this.#draw(this.#draw(5) === 0 ? 2000 : 10);
    const lines: string[] = [];
    for (let index = 0; index < count; index += 1) {
      lines.push(`${String(this.#next++)} ${'x'.repeat(this.#draw(200))}`);
    }
    const begun = this.#begun.get(path) ?? '';
    this.#begun.delete(path);
    appendFileSync(path, `${lines.join('\n')}\n`);
    lines[0] = begun + (lines[0] ?? '');
    this.written.push(...lines);
    const held = this.#held.get(path) ?? [];
    held.push(...lines);
    this.#held.set(path, held);
  }

  #begin(path: string): void {
    const piece = `begun${String(this.#next++)} `;
    appendFileSync(path, piece);
    this.#begun.set(path, (this.#begun.get(path) ?? '') + piece);
  }

  /** To a name that no pattern covers, in the same directory. */
  #rotate(path: string): void {
    if (!isOpen(path)) return;
    this.#complete(path);
    renameSync(path, join(this.#directory, `rotated-${String(this.#rotation++)}`));
    this.#held.delete(path);
  }

  #complete(path: string): void {
    if (this.#begun.has(path)) this.#write(path);
  }

  #delete(path: string): void {
    if (!isOpen(path)) return;
    this.#complete(path);
    unlinkSync(path);
    this.#held.delete(path);
    this.hasDeleted = true;
  }

  #truncate(path: string): void {
    for (const line of this.#held.get(path) ?? []) this.mayBeLost.add(line);
    this.#held.delete(path);
    this.#begun.delete(path);
    truncateSync(path);
  }
}

/** What goes before anybody has opened it is lost to every reader: the writer waits for that. */
function isOpen(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });
}

interface Life {
  readonly gate: TestGate;
  readonly tail: Tail;
}

async function begin(directory: string, store: PositionsInMemory): Promise<Life> {
  const gate = await createTestGate({
    chunkBytesMax: 64 * 1024,
    arenaBytes: 8 * 1024 * 1024,
    delivers: false,
  });
  const tail = new Tail(gate, {
    id: 'model',
    paths: [join(directory, '*.log')],
    from: 'beginning',
    route: () => routeSpec({ recordBytesMax: 256 * 1024 }),
    store,
    scanIntervalMs: 20,
    rotateQuietMs: 60,
  });
  await tail.start();
  return { gate, tail };
}

/** Restarts forget what was read and not delivered, as a kill does. */
async function play(t: TestContext, seed: number, mayTruncate: boolean): Promise<void> {
  const directory = temporaryDirectory(t);
  const draw = seeded(seed);
  const model = new Model(directory, draw);
  const store = new PositionsInMemory();
  const delivered: string[] = [];
  let life = await begin(directory, store);
  t.after(() => life.tail.stop());
  const isComplete = (): boolean => {
    const came = new Set([...delivered, ...life.gate.lines]);
    return model.written.every((line) => came.has(line) || model.mayBeLost.has(line));
  };
  for (let step = 0; step < 150; step += 1) {
    model.step(mayTruncate);
    if (draw(3) === 0) await sleep(draw(25));
    life.gate.deliverSome(draw(4));
    if (draw(20) !== 0) continue;
    if (model.hasDeleted) {
      model.finish();
      life.gate.deliver();
      await eventually(`seed ${String(seed)}: deleted files are drained`, isComplete);
      model.hasDeleted = false;
    }
    await life.tail.stop();
    delivered.push(...life.gate.lines);
    life = await begin(directory, store);
  }
  model.finish();
  life.gate.deliver();
  await eventually(`seed ${String(seed)}: all lines come`, isComplete);
  await sleep(200);
  await life.tail.stop();
  delivered.push(...life.gate.lines);
  judge(seed, model, delivered);
}

function judge(seed: number, model: Model, delivered: readonly string[]): void {
  const got = new Set(delivered);
  assert.equal(got.size, delivered.length, `seed ${String(seed)}: nothing is doubled`);
  const written = new Set(model.written);
  const missing = model.written.filter((line) => !got.has(line) && !model.mayBeLost.has(line));
  assert.deepEqual(missing.slice(0, 3), [], `seed ${String(seed)}: nothing is lost`);
  const torn = delivered.filter((line) => !written.has(line) && !/^(begun\d+ )+$/.test(line));
  assert.deepEqual(torn.slice(0, 3), [], `seed ${String(seed)}: nothing is made up`);
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`random writes, rotations and restarts lose and double nothing (seed ${String(seed)})`, async (t) => {
    await play(t, seed, false);
  });
}

for (const seed of [11, 12, 13, 14]) {
  test(`with truncations nothing is doubled or made up, and only truncated lines may miss (seed ${String(seed)})`, async (t) => {
    await play(t, seed, true);
  });
}
