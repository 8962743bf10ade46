/** What both benches are asked for. */
export interface BenchOptions<C> {
  readonly cells: readonly C[];
  /** Names of the programs that take part; none are all. */
  readonly only: readonly string[];
  readonly runs: number;
  readonly report: (line: string) => void;
}

interface Contending {
  readonly name: string;
  readonly prepare?: () => string | undefined;
}

/** The contenders that were asked for and can run here; who cannot is told of. */
export function ready<C extends Contending>(
  contenders: readonly C[],
  { only, report }: Pick<BenchOptions<unknown>, 'only' | 'report'>,
): C[] {
  return contenders.filter(({ name, prepare }) => {
    if (only.length > 0 && !only.includes(name)) return false;
    const obstacle = prepare?.();
    if (obstacle !== undefined) report(`${name} does not take part: ${obstacle}`);
    return obstacle === undefined;
  });
}

/**
 * Measures one contender after the other, the whole round again `runs` times, beginning with another one each time. A round before them warms
 * page cache and broker; it is reported as number 0 and is not in what is returned.
 */
export async function rounds<C, S>(
  contenders: readonly C[],
  runs: number,
  measureOne: (contender: C) => Promise<S>,
  report: (sample: S, run: number) => void,
): Promise<S[]> {
  const samples: S[] = [];
  for (let run = 0; run <= runs; run += 1) {
    for (const contender of rotated(contenders, run)) {
      const sample = await measureOne(contender);
      if (run > 0) samples.push(sample);
      report(sample, run);
    }
  }
  return samples;
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const turn = by % list.length;
  return [...list.slice(turn), ...list.slice(0, turn)];
}
