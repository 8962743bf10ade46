import { crc32c } from '../../src/kafka/crc32c.ts';
import { BATCH_HEADER_BYTES, stamp } from '../../src/kafka/record-batch.ts';
import type { MicroRow } from '../micro-row.ts';

const ROUNDS = 20_000;

/** What it costs to give a batch its identity, which a retry or a new epoch pays again: it must not depend on the batch's size. */
export function stampBench(): MicroRow[] {
  return [10_000, 250_000, 1_000_000].map((bytes): MicroRow => {
    const batch = new Uint8Array(new SharedArrayBuffer(bytes + BATCH_HEADER_BYTES));
    const payloadCrc = crc32c(batch.subarray(BATCH_HEADER_BYTES));
    let best = Infinity;
    for (let repeat = 0; repeat < 5; repeat++) {
      const started = performance.now();
      for (let sequence = 0; sequence < ROUNDS; sequence++) stampOnce(batch, sequence, payloadCrc);
      best = Math.min(best, performance.now() - started);
    }
    return { name: `stamp, batch of ${bytes} bytes`, value: (best / ROUNDS) * 1000, unit: 'us' };
  });
}

function stampOnce(batch: Uint8Array, baseSequence: number, payloadCrc: number): void {
  stamp(batch, {
    producerId: 1000n,
    epoch: 0,
    baseSequence,
    recordCount: 1000,
    attributes: 3,
    timestampMs: 1_795_000_000_000,
    payloadCrc,
    batchBytes: batch.length,
  });
}
