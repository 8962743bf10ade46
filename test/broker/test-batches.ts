import { crc32c } from '../../src/kafka/crc32c.ts';
import { encodeRecords } from '../../src/kafka/record.ts';
import { assembleBatch, batchOffsets } from '../../src/kafka/record-batch.ts';

/** What a test says of a batch; the rest has a default. */
export interface TestBatch {
  readonly values?: readonly string[];
  /** How many values to make up when none are given. Default 1. */
  readonly count?: number;
  readonly producerId?: bigint;
  readonly epoch?: number;
  readonly baseSequence?: number;
  readonly timestampMs?: number;
  readonly maxTimestampMs?: number;
  readonly attributes?: number;
  readonly key?: string;
  /** Bytes to put in the place of the encoded records. */
  readonly payload?: Uint8Array;
}

/** A sound batch as a producer sends it, uncompressed. */
export function batchOf(wanted: TestBatch = {}): Uint8Array {
  const count = wanted.values?.length ?? wanted.count ?? 1;
  const values = wanted.values ?? Array.from({ length: count }, (_, index) => `v${String(index)}`);
  const key = wanted.key === undefined ? null : Buffer.from(wanted.key);
  const records = values.map((value) => ({ key, value: Buffer.from(value) }));
  const timestampMs = wanted.timestampMs ?? 1_700_000_000_000;
  return assembleBatch(wanted.payload ?? encodeRecords(records), {
    producerId: wanted.producerId ?? -1n,
    epoch: wanted.epoch ?? (wanted.producerId === undefined ? -1 : 0),
    baseSequence: wanted.baseSequence ?? (wanted.producerId === undefined ? -1 : 0),
    recordCount: count,
    attributes: wanted.attributes ?? 0,
    timestampMs,
    maxTimestampMs: wanted.maxTimestampMs ?? timestampMs,
  });
}

/** A copy with some header fields changed and the checksum made right again. */
export function patched(batch: Uint8Array, patch: (view: DataView) => void): Uint8Array {
  const copy = Uint8Array.from(batch);
  const view = new DataView(copy.buffer);
  patch(view);
  view.setUint32(batchOffsets.crc, crc32c(copy.subarray(batchOffsets.attributes)));
  return copy;
}
