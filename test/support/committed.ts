import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { recordsOf } from '../../src/broker/stored-records.ts';

/** What a reader of committed transactions gets of a partition: its values as text. */
export function committed(cluster: EmbeddedCluster, topic: string, index: number): string[] {
  const partition = cluster.partition(topic, index);
  const { log, lastStableOffset } = partition;
  const aborted = partition.abortedBetween(0, lastStableOffset);
  const isAborted = (producerId: bigint, offset: number): boolean =>
    aborted.some((one) => {
      const end = log.batches.find(
        ({ marker, producerId: id, baseOffset }) =>
          marker === 'abort' && id === one.producerId && baseOffset >= one.firstOffset,
      );
      const isWithin = offset >= one.firstOffset && offset < (end?.baseOffset ?? 0);
      return one.producerId === producerId && isWithin;
    });
  return log.batches
    .filter(({ lastOffset }) => lastOffset < lastStableOffset)
    .filter(({ producerId, baseOffset }) => !isAborted(producerId, baseOffset))
    .flatMap((batch) => [...recordsOf(batch)])
    .map(({ value }) => Buffer.from(value ?? []).toString());
}
