/** The records of the simulated world are numbers in a row: what becomes of them can be counted. */
import assert from 'node:assert/strict';
import { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import type { ProduceOutcome } from '../../src/ack/produce-outcome.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';
import type { Records } from './simulated-partition.ts';

/** What the shell does for `splitBatch`: at least two pieces, at most one record each. */
export function cutInPieces(
  batch: ProducerBatch,
  pieceBytesMax: number,
  firstId: number,
): ProducerBatch[] {
  const { from, count, timestampMs } = batch.payload as Records;
  const wanted = Math.max(2, Math.ceil(batch.batchBytes / pieceBytesMax));
  const size = Math.ceil(count / Math.min(count, wanted));
  const pieces: ProducerBatch[] = [];
  for (let i = 0; i < count; i += size) {
    const records: Records = {
      from: from + i,
      count: Math.min(size, count - i),
      ...(timestampMs === undefined ? {} : { timestampMs }),
    };
    pieces.push(
      new ProducerBatch<Records>({
        id: firstId + pieces.length,
        topic: batch.topic,
        ...(batch.keyless ? {} : { partition: batch.partition }),
        recordCount: records.count,
        batchBytes: Math.ceil((batch.batchBytes * records.count) / count),
        rawBytes: 1,
        createdMs: batch.createdMs,
        replayable: batch.replayable,
        payload: records,
      }),
    );
  }
  return pieces;
}

/** Every acknowledged record is in its partition once, and in order; what was not written is not there. */
export function verifyLogs(
  cluster: SimulatedCluster,
  outcomes: ReadonlyMap<ProducerBatch, ProduceOutcome>,
): void {
  const seen = new Map<number, number>();
  for (const [topic, { partitions }] of cluster.topics) {
    partitions.forEach(({ log }, index) => {
      let last = -1;
      for (const { records } of log) {
        const place = `${topic}-${String(index)}`;
        assert.ok(records.from > last, `${place}: ${String(records.from)} after ${String(last)}`);
        last = records.from + records.count - 1;
        for (let i = records.from; i <= last; i++) seen.set(i, (seen.get(i) ?? 0) + 1);
      }
    });
  }
  for (const [batch, { type, written }] of outcomes) {
    const { from, count } = batch.payload as Records;
    for (let i = from; i < from + count; i++) {
      const times = seen.get(i) ?? 0;
      if (written === 'yes') assert.equal(times, 1, `record ${String(i)} was ${type}`);
      else if (written === 'no') assert.equal(times, 0, `record ${String(i)} was ${type}`);
    }
  }
}
