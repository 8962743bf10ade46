import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaJars } from '../test/support/kafka-jars.ts';
import { startKafka, type KafkaCluster } from '../test/support/kafka-cluster.ts';
import { contenders, type Codec, type Contender } from './contenders.ts';
import { writeLines } from './log-file.ts';
import { measure, type Cost } from './measure.ts';

const PARTITIONS = 6;

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

export interface IngestOptions {
  readonly cells: readonly Cell[];
  readonly only: readonly string[];
  readonly runs: number;
  readonly report: (line: string) => void;
}

/** Same file, same broker, same codec for every contender, one after the other, the whole round again `runs` times in changing order. */
export async function ingest(options: IngestOptions): Promise<Sample[]> {
  const { classpath } = await kafkaJars();
  const field = ready(options);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const cluster = await startKafka({
    brokers: 1,
    properties: { 'log.segment.delete.delay.ms': '500' },
  });
  const samples: Sample[] = [];
  try {
    for (const cell of options.cells) {
      const file = join(folder, `lines-${cell.lineBytes}`);
      const records = writeLines(file, cell.lineBytes, cell.bytes);
      for (let run = 0; run <= options.runs; run++) {
        for (const contender of rotated(fit(field, records), run)) {
          const sample = await one(cluster, classpath, contender, cell, file, records);
          // The first round warms page cache and broker and is not counted.
          if (run > 0) samples.push(sample);
          options.report(line(sample, run));
        }
      }
      rmSync(file);
    }
  } finally {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return samples;
}

async function one(
  cluster: KafkaCluster,
  classpath: string,
  contender: Contender,
  cell: Cell,
  file: string,
  records: number,
): Promise<Sample> {
  const topic = 'bench';
  await cluster.createTopic(topic, { partitions: PARTITIONS });
  await sleep(300);
  const { bootstrap } = cluster;
  const command = contender.command({ bootstrap, topic, codec: cell.codec, file, classpath });
  const fed =
    contender.readsStdin === true ? ['bash', '-c', 'exec "$@" < "$0"', file, ...command] : command;
  const cost = await measure(fed);
  const stored = storedRecords(bootstrap, topic, PARTITIONS);
  await cluster.deleteTopic(topic);
  await sleep(300);
  return {
    ...cost,
    contender: contender.name,
    cell: { ...cell, bytes: statSync(file).size },
    records,
    stored,
  };
}

/** Sum of the partitions' end offsets, asked with kcat. */
export function storedRecords(bootstrap: string, topic: string, partitions: number): number {
  const ask = Array.from({ length: partitions }, (_, p) => ['-t', `${topic}:${p}:-1`]).flat();
  const text = execFileSync('kcat', ['-Q', '-b', bootstrap, ...ask], { encoding: 'utf8' });
  return [...text.matchAll(/offset (\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
}

/** The contenders that were asked for and can run here; who cannot is told of. */
function ready({ only, report }: IngestOptions): Contender[] {
  return contenders.filter(({ name, prepare }) => {
    if (only.length > 0 && !only.includes(name)) return false;
    const obstacle = prepare?.();
    if (obstacle !== undefined) report(`${name} does not take part: ${obstacle}`);
    return obstacle === undefined;
  });
}

function fit(field: readonly Contender[], lines: number): Contender[] {
  return field.filter(({ linesMax = Infinity }) => lines <= linesMax);
}

/** Begins with another one each time. */
export function rotated<T>(list: readonly T[], by: number): T[] {
  const turn = by % list.length;
  return [...list.slice(turn), ...list.slice(0, turn)];
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
