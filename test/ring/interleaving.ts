/**
 * Runs two threads one atomic operation at a time, in every order there is. Each thread's `Atomics` stops at a gate before each operation until
 * the schedule lets it pass, so the code under test is the code that ships.
 */

/** Words of the control memory. */
const STATE = 0;
const PASSES = 2;
const ROUND = 4;
const WOKEN = 5;
const WORDS = 8;

const RUNNING = 0;
const AT_GATE = 1;
const ASLEEP = 2;
const DONE = 3;

/** A thread that does not get to its next gate within this has hung. */
const HANG_MS = 20_000;

const realAtomics = Atomics;

export type Actor = 0 | 1;

export type Control = Int32Array<SharedArrayBuffer>;

export function createControl(): Control {
  return new Int32Array(new SharedArrayBuffer(WORDS * 4));
}

/** The actor's side: plays its part once a round, gated. Never returns. */
export async function playRounds(
  control: Control,
  actor: Actor,
  prepare: () => () => void | Promise<void>,
): Promise<never> {
  for (let round = 1; ; round += 1) {
    realAtomics.wait(control, ROUND, round - 1);
    const part = prepare();
    setAtomics(gatedAtomics(control, actor));
    await part();
    setAtomics(realAtomics);
    setState(control, actor, DONE);
  }
}

function setAtomics(value: typeof Atomics): void {
  Object.defineProperty(globalThis, 'Atomics', { value, configurable: true });
}

function setState(control: Control, actor: Actor, state: number): void {
  realAtomics.store(control, STATE + actor, state);
  realAtomics.notify(control, STATE + actor);
}

type Words = Int32Array<SharedArrayBuffer>;

function gatedAtomics(control: Control, actor: Actor): typeof Atomics {
  const gate = (): void => {
    const passes = realAtomics.load(control, PASSES + actor);
    setState(control, actor, AT_GATE);
    realAtomics.wait(control, PASSES + actor, passes);
  };
  const gated = {
    load: (words: Words, index: number) => (gate(), realAtomics.load(words, index)),
    store: (words: Words, index: number, value: number) => (
      gate(),
      realAtomics.store(words, index, value)
    ),
    add: (words: Words, index: number, value: number) => (
      gate(),
      realAtomics.add(words, index, value)
    ),
    notify: (words: Words, index: number) => {
      gate();
      const woken = realAtomics.notify(words, index);
      realAtomics.add(control, WOKEN, woken);
      return woken;
    },
    waitAsync: (words: Words, index: number, value: number) => {
      gate();
      const wait = realAtomics.waitAsync(words, index, value);
      if (wait.async) setState(control, actor, ASLEEP);
      return wait;
    },
  };
  return gated as unknown as typeof Atomics;
}

export interface Explored {
  readonly schedules: number;
  /** Schedules after which one side slept although the other was done. */
  readonly lostWakeUps: number;
}

/**
 * The schedule's side. Blocks this thread.
 *
 * @param reset puts the shared memory back before each round
 * @param wake ends the sleep of an actor whose wake-up was lost
 */
export function exploreSchedules(control: Control, reset: () => void, wake: () => void): Explored {
  let lostWakeUps = 0;
  let schedules = 0;
  for (let choices: Actor[] | undefined = []; choices !== undefined; choices = following(choices)) {
    reset();
    for (const actor of [0, 1] as const) Atomics.store(control, STATE + actor, RUNNING);
    Atomics.store(control, WOKEN, 0);
    Atomics.add(control, ROUND, 1);
    Atomics.notify(control, ROUND);
    if (playSchedule(control, choices, wake)) lostWakeUps += 1;
    schedules += 1;
  }
  return { schedules, lostWakeUps };
}

/** Depth first: the last choice that was the first actor becomes the second, what followed it is open again. */
function following(choices: Actor[]): Actor[] | undefined {
  const last = choices.lastIndexOf(0);
  return last < 0 ? undefined : [...choices.slice(0, last), 1];
}

/** Extends `choices` by those that were open. @returns whether a wake-up was lost */
function playSchedule(control: Control, choices: Actor[], wake: () => void): boolean {
  let decisions = 0;
  let isLost = false;
  for (;;) {
    const states = ([0, 1] as const).map((actor) => settledState(control, actor));
    const ready = ([0, 1] as const).filter((actor) => states[actor] === AT_GATE);
    const [first, second] = ready;
    if (first !== undefined) {
      let actor = first;
      if (second !== undefined) {
        actor = choices[decisions] ?? 0;
        choices[decisions] = actor;
        decisions += 1;
      }
      pass(control, actor);
    } else if (states.includes(ASLEEP)) {
      isLost = true;
      wake();
      awaitChange(control, states[0] === ASLEEP ? 0 : 1, ASLEEP);
    } else return isLost;
  }
}

function pass(control: Control, actor: Actor): void {
  const woken = Atomics.load(control, WOKEN);
  Atomics.store(control, STATE + actor, RUNNING);
  Atomics.add(control, PASSES + actor, 1);
  Atomics.notify(control, PASSES + actor);
  settledState(control, actor);
  // A promise was resolved in the other thread; it takes its time to get there.
  if (Atomics.load(control, WOKEN) > woken) awaitChange(control, actor === 0 ? 1 : 0, ASLEEP);
}

function settledState(control: Control, actor: Actor): number {
  return awaitChange(control, actor, RUNNING);
}

function awaitChange(control: Control, actor: Actor, from: number): number {
  if (Atomics.wait(control, STATE + actor, from, HANG_MS) === 'timed-out') {
    throw new Error(`actor ${actor} hangs`);
  }
  return Atomics.load(control, STATE + actor);
}
