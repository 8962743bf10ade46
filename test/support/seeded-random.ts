/** A generator of numbers in [0, 1) that yields the same row for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The same row as whole numbers below a bound. */
export function seededBelow(seed: number): (bound: number) => number {
  const random = seededRandom(seed);
  return (bound) => Math.floor(random() * bound);
}

/** Luck, in the forms that a story needs it. */
export interface Chance {
  /** In [0, 1). */
  readonly random: () => number;
  readonly below: (bound: number) => number;
  readonly pick: <T>(list: readonly T[]) => T;
}

export function chanceOf(seed: number): Chance {
  const random = seededRandom(seed * 104_729);
  const below = (bound: number): number => Math.floor(random() * bound);
  return { random, below, pick: <T>(list: readonly T[]) => list[below(list.length)] as T };
}
