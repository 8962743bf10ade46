import { encodeRecords } from '../kafka/record.ts';
import {
  assembleBatch,
  batchAttributes,
  NO_SEQUENCE,
  placeBatch,
  readBatchHeader,
} from '../kafka/record-batch.ts';
import type { LogBatch } from './partition-log.ts';

/** The end of a producer's transaction in one partition. */
export interface TransactionMarker {
  readonly producerId: bigint;
  /** In the second version of transactions the next one's: the marker shuts the old epoch out (KIP-890). */
  readonly producerEpoch: number;
  readonly committed: boolean;
}

/** Key of the record in a control batch: its version, and what it says. */
const KEY_BYTES = 4;
const ABORT = 0;
const COMMIT = 1;
/** Value: its version, and the epoch of the coordinator, of which there is one here. */
const VALUE_BYTES = 6;

/** A marker as the log stores it: a batch of one record, without a sequence. Source: KIP-98, org.apache.kafka.common.record.EndTransactionMarker. */
export function controlBatch(
  { producerId, producerEpoch, committed }: TransactionMarker,
  place: { readonly baseOffset: number; readonly leaderEpoch: number; readonly discard: boolean },
  nowMs: number,
): LogBatch {
  const key = Buffer.alloc(KEY_BYTES);
  key.writeInt16BE(committed ? COMMIT : ABORT, 2);
  const { baseOffset, leaderEpoch, discard } = place;
  const bytes = assembleBatch(encodeRecords([{ key, value: Buffer.alloc(VALUE_BYTES) }]), {
    ...{ producerId, epoch: producerEpoch, baseSequence: NO_SEQUENCE },
    recordCount: 1,
    attributes: batchAttributes.transactional | batchAttributes.control,
    timestampMs: nowMs,
  });
  placeBatch(bytes, BigInt(baseOffset), leaderEpoch);
  return {
    ...{ baseOffset, lastOffset: baseOffset, leaderEpoch },
    ...{ producerId, producerEpoch, baseSequence: NO_SEQUENCE, lastSequence: NO_SEQUENCE },
    recordCount: 1,
    maxTimestampMs: nowMs,
    crc: readBatchHeader(bytes).crc,
    sizeBytes: bytes.byteLength,
    transactional: true,
    marker: committed ? 'commit' : 'abort',
    bytes: discard ? undefined : bytes,
  };
}
