import { array, errorCode, int32, int64, int8, string } from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * ListOffsets (API key 2): the offset of a timestamp, or of one of the `offsetSpecs`.
 * Source: KIP-79 (v1), KIP-98 (v2), KIP-320 (v4), KIP-482 (v6), KIP-734 (v7), KIP-405 (v8), KIP-1005 (v9), KIP-1075 (v10).
 */
export const listOffsets = message({
  apiKey: 2,
  name: 'ListOffsets',
  versions: '1-10',
  flexible: '6+',
  request: {
    /** -1 asks as a consumer: up to the high watermark; -2 as a debugger: up to the end of the log. */
    replicaId: int32('0+'),
    isolationLevel: int8('2+'),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        currentLeaderEpoch: int32('4+', { default: -1, ignorable: true }),
        timestamp: int64('0+'),
      }),
    }),
    timeoutMs: int32('10+', { ignorable: true }),
  },
  response: {
    throttleTimeMs: int32('2+', { ignorable: true }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: errorCode('0+'),
        timestamp: int64('1+', { default: -1n }),
        offset: int64('1+', { default: -1n }),
        leaderEpoch: int32('4+', { default: -1 }),
      }),
    }),
  },
});

/** Timestamps with a meaning of their own. */
export const offsetSpecs = {
  latest: -1n,
  earliest: -2n,
  maxTimestamp: -3n,
  earliestLocal: -4n,
  latestTiered: -5n,
} as const;
