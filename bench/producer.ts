import { benchCluster, type BenchCluster } from './bench-cluster.ts';
import { measure } from './measure.ts';
import { loadContenders, type LoadContender } from './producer-contenders.ts';
import type { LoadCell, LoadFigures } from './producer-load-style.ts';
import { ready, rounds, type BenchOptions } from './rounds.ts';

export interface LoadSample extends LoadFigures {
  readonly contender: string;
  readonly cell: LoadCell;
  /** Measured, and all that went into the topic: before the measurement the client is warmed up. */
  readonly records: number;
  readonly sent: number;
  /** Records that the broker holds afterwards, by its own offsets. */
  readonly stored: number;
}

/** The same records for every client into one broker. */
export async function producerBench(options: BenchOptions<LoadCell>): Promise<LoadSample[]> {
  const { cells, runs, report } = options;
  const field = ready(loadContenders, options);
  const cluster = await benchCluster();
  const samples: LoadSample[] = [];
  try {
    for (const cell of cells) {
      const made = await rounds(
        field.filter(({ styles }) => styles.includes(cell.style)),
        runs,
        (contender) => one(cluster, contender, cell),
        (sample, run) => report(line(sample, run)),
      );
      samples.push(...made);
    }
  } finally {
    await cluster.stop();
  }
  return samples;
}

async function one(
  { bootstrap, classpath, folder, onFreshTopic }: BenchCluster,
  { name, command, figures, warmsUp, promisesMax = Infinity }: LoadContender,
  wanted: LoadCell,
): Promise<LoadSample> {
  const answers = wanted.style === 'promise' || wanted.style === 'callback';
  const records = answers ? Math.min(promisesMax, wanted.records) : wanted.records;
  const cell = { ...wanted, records };
  const { result: cost, stored } = await onFreshTopic((topic) =>
    measure(command({ bootstrap, topic, cell, classpath, folder })),
  );
  return {
    ...figures(cost.printed, cost),
    contender: name,
    cell: wanted,
    records,
    sent: warmsUp ? 2 * records : records,
    stored,
  };
}

function line(sample: LoadSample, run: number): string {
  const { cell, contender, records, wallSeconds, cpuSeconds, stored, sent } = sample;
  const { valueBytes, codec, style, isKeyed } = cell;
  const parts = [
    `${String(valueBytes).padStart(5)} B ${codec.padEnd(5)} ${isKeyed ? 'keyed  ' : 'keyless'} ${style.padEnd(7)}`,
    `${contender.padEnd(19)} run ${run}`,
    `${(records / wallSeconds).toFixed(0).padStart(8)} records/s`,
    `${((cpuSeconds / records) * 1e6).toFixed(2).padStart(7)} CPU-s/million`,
    ...(style === 'single' ? [`p99 ${sample.latencyP99Ms.toFixed(2)} ms`] : []),
    stored === sent ? 'all stored' : `STORED ${stored} OF ${sent}`,
  ];
  return parts.join('  ');
}
