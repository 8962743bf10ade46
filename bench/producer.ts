import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaJars } from '../test/support/kafka-jars.ts';
import { startKafka, type KafkaCluster } from '../test/support/kafka-cluster.ts';
import { rotated, storedRecords } from './ingest.ts';
import { measure } from './measure.ts';
import { loadContenders, type LoadContender } from './producer-contenders.ts';
import type { LoadCell, LoadFigures } from './producer-load-style.ts';

const PARTITIONS = 6;

export interface LoadSample extends LoadFigures {
  readonly contender: string;
  readonly cell: LoadCell;
  /** Measured, and all that went into the topic: before the measurement the client is warmed up. */
  readonly records: number;
  readonly sent: number;
  /** Records that the broker holds afterwards, by its own offsets. */
  readonly stored: number;
}

export interface ProducerBenchOptions {
  readonly cells: readonly LoadCell[];
  readonly only: readonly string[];
  readonly runs: number;
  readonly report: (line: string) => void;
}

/** The same records for every client into one broker, one client after the other, the whole round again `runs` times in changing order. */
export async function producerBench(options: ProducerBenchOptions): Promise<LoadSample[]> {
  const { classpath } = await kafkaJars();
  const properties = { 'log.segment.delete.delay.ms': '500' };
  const cluster = await startKafka({ brokers: 1, properties });
  const samples: LoadSample[] = [];
  try {
    for (const cell of options.cells) {
      const fit = loadContenders.filter(
        ({ name, styles }) =>
          (options.only.length === 0 || options.only.includes(name)) && styles.includes(cell.style),
      );
      // The first round warms the broker and is not counted.
      for (let run = 0; run <= options.runs; run += 1) {
        for (const contender of rotated(fit, run)) {
          const sample = await one(cluster, classpath, contender, cell);
          if (run > 0) samples.push(sample);
          options.report(line(sample, run));
        }
      }
    }
  } finally {
    await cluster.stop();
  }
  return samples;
}

async function one(
  cluster: KafkaCluster,
  classpath: string,
  contender: LoadContender,
  wanted: LoadCell,
): Promise<LoadSample> {
  const topic = 'bench';
  const { bootstrap } = cluster;
  const { promisesMax = Infinity, warmUp, name } = contender;
  const records =
    wanted.style === 'promise' ? Math.min(promisesMax, wanted.records) : wanted.records;
  await cluster.createTopic(topic, { partitions: PARTITIONS });
  await sleep(300);
  const cell = { ...wanted, records };
  const cost = await measure(contender.command({ bootstrap, topic, cell, classpath }));
  const stored = storedRecords(bootstrap, topic, PARTITIONS);
  await cluster.deleteTopic(topic);
  await sleep(300);
  return {
    ...contender.figures(cost.printed, cost),
    ...{ contender: name, cell: wanted, records, sent: records + warmUp(records), stored },
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
