import { startEmbeddedBroker } from '../../src/broker/embedded-broker.ts';
import type { EmbeddedBrokerOptions, EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { recordsOf } from '../../src/broker/stored-records.ts';
import type { StoredRecord } from '../../src/broker/stored-records.ts';

/** An embedded cluster that closes when the test ends. */
export async function embeddedCluster(
  t: { after(fn: () => Promise<void>): void },
  options: EmbeddedBrokerOptions = {},
): Promise<EmbeddedCluster> {
  const cluster = await startEmbeddedBroker(options);
  t.after(() => cluster.close());
  return cluster;
}

/** Everything the log of a partition holds, above the high watermark too, in order. */
export function records(
  cluster: EmbeddedCluster,
  topic: string,
  partition: number,
): StoredRecord[] {
  return cluster.partition(topic, partition).log.batches.flatMap((batch) => [...recordsOf(batch)]);
}

/** The values as text; a null value is the empty text. */
export function values(cluster: EmbeddedCluster, topic: string, partition: number): string[] {
  return records(cluster, topic, partition).map(({ value }) => Buffer.from(value ?? []).toString());
}

/** Records in all partitions of a topic, retained or not. */
export function count(cluster: EmbeddedCluster, topic: string): number {
  const partitions = cluster.topics.find(({ name }) => name === topic)?.partitions ?? [];
  return partitions.reduce((sum, { log }) => sum + log.recordCount, 0);
}
