import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { benchCluster, type BenchCluster } from './bench-cluster.ts';
import { contenders, type Codec, type Contender } from './contenders.ts';
import { writeLines } from './log-file.ts';
import { measure, type Cost } from './measure.ts';
import { ready, rounds, type BenchOptions } from './rounds.ts';

export interface Cell {
  readonly lineBytes: number;
  readonly codec: Codec;
  readonly bytes: number;
}

export interface Sample extends Cost {
  readonly contender: string;
  readonly cell: Cell;
  readonly records: number;
  /** Records that the broker holds afterwards, by its own offsets. */
  readonly stored: number;
}

/** A file of lines. */
interface Input {
  readonly path: string;
  readonly records: number;
}

/** Same file, same broker, same codec for every contender. */
export async function ingest(options: BenchOptions<Cell>): Promise<Sample[]> {
  const field = ready(contenders, options);
  const cluster = await benchCluster();
  const samples: Sample[] = [];
  try {
    for (const cell of options.cells) {
      const path = join(cluster.folder, `lines-${cell.lineBytes}`);
      const input = { path, records: writeLines(path, cell.lineBytes, cell.bytes) };
      const made = await rounds(
        fit(field, input.records),
        options.runs,
        (contender) => one(cluster, contender, cell, input),
        (sample, run) => options.report(line(sample, run)),
      );
      samples.push(...made);
      rmSync(path);
    }
  } finally {
    await cluster.stop();
  }
  return samples;
}

async function one(
  { bootstrap, classpath, onFreshTopic }: BenchCluster,
  contender: Contender,
  cell: Cell,
  { path: file, records }: Input,
): Promise<Sample> {
  const { result: cost, stored } = await onFreshTopic((topic) => {
    const command = contender.command({ bootstrap, topic, codec: cell.codec, file, classpath });
    const isFed = contender.readsStdin === true;
    return measure(isFed ? ['bash', '-c', 'exec "$@" < "$0"', file, ...command] : command);
  });
  const bytes = statSync(file).size;
  return { ...cost, contender: contender.name, cell: { ...cell, bytes }, records, stored };
}

function fit(field: readonly Contender[], lines: number): Contender[] {
  return field.filter(({ linesMax = Infinity }) => lines <= linesMax);
}

function line(sample: Sample, run: number): string {
  const { cell, contender, wallSeconds, cpuSeconds, peakBytes, stored, records } = sample;
  const gigabytes = cell.bytes / 1e9;
  const parts = [
    `${String(cell.lineBytes).padStart(5)} B ${cell.codec.padEnd(6)} ${contender.padEnd(18)} run ${run}`,
    `${(cell.bytes / 1e6 / wallSeconds).toFixed(0).padStart(5)} MB/s`,
    `${(cpuSeconds / gigabytes).toFixed(2).padStart(6)} CPU-s/GB`,
    `${(peakBytes / 1e6).toFixed(0).padStart(4)} MB peak`,
    stored === records ? 'all stored' : `STORED ${stored} OF ${records}`,
  ];
  return parts.join('  ');
}
