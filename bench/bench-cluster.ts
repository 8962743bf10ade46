import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaJars } from '../test/support/kafka-jars.ts';
import { startKafka } from '../test/support/kafka-cluster.ts';
import { PARTITIONS } from './load-shape.ts';

/** What the broker needs after a topic was made or deleted. */
const QUIET_MS = 300;

/** One real broker, and a new topic for each run. */
export interface BenchCluster {
  readonly bootstrap: string;
  /** Of Kafka's jars, for the programs in Java. */
  readonly classpath: string;
  /** For files of the runs, until the cluster stops. */
  readonly folder: string;
  /** @returns what the run gave, and how many records the topic held after it, by the broker's own offsets */
  readonly onFreshTopic: <T>(
    run: (topic: string) => Promise<T>,
  ) => Promise<{ readonly result: T; readonly stored: number }>;
  readonly stop: () => Promise<void>;
}

/** Starts it. Deleted topics go from the disk at once, or several runs of records would lie there. */
export async function benchCluster(): Promise<BenchCluster> {
  const { classpath } = await kafkaJars();
  const properties = { 'log.segment.delete.delay.ms': '500' };
  const cluster = await startKafka({ brokers: 1, properties });
  const { bootstrap } = cluster;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const topic = 'bench';
  return {
    bootstrap,
    classpath,
    folder,
    onFreshTopic: async (run) => {
      await cluster.createTopic(topic, { partitions: PARTITIONS });
      await sleep(QUIET_MS);
      const result = await run(topic);
      const stored = storedRecords(bootstrap, topic);
      await cluster.deleteTopic(topic);
      await sleep(QUIET_MS);
      return { result, stored };
    },
    stop: async () => {
      await cluster.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sum of the partitions' end offsets, asked with kcat. */
function storedRecords(bootstrap: string, topic: string): number {
  const ask = Array.from({ length: PARTITIONS }, (_, p) => ['-t', `${topic}:${p}:-1`]).flat();
  const text = execFileSync('kcat', ['-Q', '-b', bootstrap, ...ask], { encoding: 'utf8' });
  return [...text.matchAll(/offset (\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
}
