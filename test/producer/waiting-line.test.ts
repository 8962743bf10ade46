import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WaitingLine, type Attempt, type Waiting } from '../../src/producer/waiting-line.ts';
import { seededBelow } from '../support/seeded-random.ts';

const PARTITIONS = 4;
const WAIT_MS = 100;

/** Records of a few topics and partitions, of which now these, now those find no topic or no room. */
class Scene {
  nowMs = 0;
  readonly known = new Set<string>();
  readonly missing = new Set<string>();
  readonly roomy = new Set<string>();
  readonly kept: number[] = [];
  readonly written: { readonly lane: string; readonly number: number }[] = [];
  readonly refused: string[] = [];
  onAttempt: () => void = () => undefined;
  #timer: { readonly atMs: number; readonly then: () => void } | undefined;
  readonly line = new WaitingLine({
    waitMsMax: WAIT_MS,
    nowMs: () => this.nowMs,
    after: (delayMs, then) => {
      const timer = (this.#timer = { atMs: this.nowMs + delayMs, then });
      return () => {
        if (this.#timer === timer) this.#timer = undefined;
      };
    },
  });
  #next = 0;

  enter(topic: string, partition: number, lengthMax?: number): void {
    const lane = `${topic}-${partition}`;
    const number = this.#next;
    this.#next += 1;
    const attempt = (): Attempt => {
      this.onAttempt();
      if (!this.known.has(topic)) return 'noTopic';
      if (this.missing.has(lane)) return 'noPartition';
      const behind = this.line.whyBehind(waiting);
      if (behind !== undefined || !this.roomy.has(lane)) return behind ?? 'noRoom';
      this.written.push({ lane, number });
      return 'done';
    };
    const waiting: Waiting = {
      ...{ topic, partition, attempt, deadlineMs: Infinity, lane: undefined, order: 0 },
      keep: () => this.kept.push(number),
      expire: (reason) => this.refused.push(reason),
    };
    this.line.enter(waiting, lengthMax);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const timer = this.#timer;
    if (timer === undefined || timer.atMs > this.nowMs) return;
    this.#timer = undefined;
    timer.then();
  }

  numbersOf(lane: string): number[] {
    return this.written.filter((record) => record.lane === lane).map(({ number }) => number);
  }
}

test('a lane without room stops itself alone, and keeps its order', () => {
  const scene = new Scene();
  scene.known.add('logs');
  scene.roomy.add('logs-1');
  for (let round = 0; round < 3; round += 1) {
    scene.enter('logs', 0);
    scene.enter('logs', 1);
  }
  assert.deepEqual(scene.numbersOf('logs-1'), [1, 3, 5]);
  scene.roomy.add('logs-0');
  scene.enter('logs', 0);
  assert.deepEqual(scene.numbersOf('logs-0'), [], 'three are before it');
  scene.line.roomChanged();
  assert.deepEqual(scene.numbersOf('logs-0'), [0, 2, 4, 6]);
  assert.equal(scene.line.length, 0);
});

test('who waits for a partition that is not there keeps those of the same partition behind it, and no others', () => {
  const scene = new Scene();
  scene.known.add('logs');
  for (const lane of ['logs-0', 'logs-9']) scene.roomy.add(lane);
  scene.missing.add('logs-9');
  for (const partition of [9, 0, 9, 0]) scene.enter('logs', partition);
  assert.deepEqual([scene.numbersOf('logs-0'), scene.numbersOf('logs-9')], [[1, 3], []]);
  scene.missing.delete('logs-9');
  scene.enter('logs', 9);
  assert.deepEqual(scene.numbersOf('logs-9'), [], 'two are before it');
  scene.line.topicsChanged();
  assert.deepEqual([scene.line.length, scene.numbersOf('logs-9')], [0, [0, 2, 4]]);
  scene.missing.add('logs-9');
  scene.enter('logs', 9);
  scene.pass(WAIT_MS);
  assert.deepEqual(scene.refused, ['noPartition']);
});

test('while nothing waits for a topic, one whose partition is not there holds up nobody when the topic comes', () => {
  const scene = new Scene();
  scene.missing.add('logs-9');
  scene.roomy.add('logs-0');
  for (const partition of [9, 0]) scene.enter('logs', partition);
  scene.known.add('logs');
  scene.line.topicsChanged();
  assert.deepEqual([scene.line.length, scene.numbersOf('logs-0')], [1, [1]]);
});

test('what waits is kept as it was, once; what need not wait is not', () => {
  const scene = new Scene();
  scene.known.add('logs');
  scene.roomy.add('logs-1');
  for (const partition of [0, 1]) scene.enter('logs', partition);
  scene.line.topicsChanged();
  scene.known.delete('logs');
  scene.line.topicsChanged();
  assert.deepEqual(scene.kept, [0]);
});

test('whoever waits for those of now does not wait for those that come later', async () => {
  const scene = new Scene();
  scene.known.add('logs');
  scene.enter('logs', 0);
  let isPassed = false;
  void scene.line.passed().then(() => (isPassed = true));
  scene.enter('logs', 1);
  scene.line.roomChanged();
  await Promise.resolve();
  assert.equal(isPassed, false);
  scene.roomy.add('logs-0');
  scene.line.roomChanged();
  await Promise.resolve();
  assert.deepEqual([isPassed, scene.line.length], [true, 1]);
});

test('as many wait as may; who need not wait may come all the same', () => {
  const scene = new Scene();
  scene.known.add('logs');
  scene.roomy.add('logs-1');
  for (let count = 0; count < 7; count += 1) scene.enter('logs', 0, 5);
  assert.deepEqual([scene.line.length, scene.refused], [5, ['lineFull', 'lineFull']]);
  scene.enter('logs', 1, 5);
  assert.deepEqual(scene.numbersOf('logs-1'), [7]);
});

test('whose time is up is told why, and is before nobody any more', () => {
  const scene = new Scene();
  scene.enter('absent', 0);
  scene.known.add('logs');
  scene.enter('logs', 0);
  scene.pass(WAIT_MS);
  assert.deepEqual(scene.refused.sort(), ['noRoom', 'noTopic']);
  scene.roomy.add('logs-0');
  scene.enter('logs', 0);
  assert.deepEqual(scene.numbersOf('logs-0'), [2]);
});

test('when the first gives up, those behind it are tried', () => {
  const scene = new Scene();
  scene.known.add('logs');
  scene.enter('logs', 0);
  scene.pass(WAIT_MS / 2);
  scene.enter('logs', 0);
  scene.roomy.add('logs-0');
  scene.pass(WAIT_MS / 2);
  assert.deepEqual([scene.refused, scene.numbersOf('logs-0')], [['noRoom'], [1]]);
});

test('what a record brings about while it is tried comes after it', () => {
  const scene = new Scene();
  let isNosy = true;
  scene.onAttempt = () => {
    if (!isNosy) return;
    isNosy = false;
    scene.known.add('logs');
    scene.line.topicsChanged();
    scene.known.delete('logs');
  };
  scene.roomy.add('logs-0');
  isNosy = false;
  scene.enter('logs', 0);
  scene.enter('logs', 0);
  isNosy = true;
  scene.line.topicsChanged();
  assert.deepEqual([scene.line.length, scene.numbersOf('logs-0')], [2, []]);
  scene.known.add('logs');
  scene.line.topicsChanged();
  assert.deepEqual([scene.line.length, scene.numbersOf('logs-0')], [0, [0, 1]]);
});

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`whatever comes and goes, each lane is written in order, and in the end all of it (seed ${seed})`, () => {
    const below = seededBelow(seed);
    const scene = new Scene();
    const lanes = ['logs', 'events'].flatMap((topic) =>
      Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })),
    );
    const toggle = (set: Set<string>, member: string): void => {
      if (!set.delete(member)) set.add(member);
    };
    for (let step = 0; step < 5000; step += 1) {
      const { topic, partition } = lanes[below(lanes.length)] ?? { topic: '', partition: 0 };
      const event = below(12);
      if (event < 8) scene.enter(topic, partition);
      else if (event < 9)
        toggle(below(4) > 0 ? scene.roomy : scene.missing, `${topic}-${partition}`);
      else if (event < 10) scene.line.roomChanged();
      else if (event < 11) scene.line.topicsChanged();
      else if (below(20) === 0) toggle(scene.known, topic);
      else scene.pass(below(3));
    }
    for (const { topic, partition } of lanes) {
      scene.known.add(topic);
      scene.roomy.add(`${topic}-${partition}`);
      scene.missing.delete(`${topic}-${partition}`);
    }
    scene.line.topicsChanged();
    assert.equal(scene.line.length, 0);
    assert.equal(scene.written.length + scene.refused.length > 3000, true);
    for (const { topic, partition } of lanes) {
      const numbers = scene.numbersOf(`${topic}-${partition}`);
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      );
    }
  });
}
