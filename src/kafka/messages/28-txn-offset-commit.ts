import { array, errorCode, int16, int32, int64, string } from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * TxnOffsetCommit (API key 28): offsets of a group, to the coordinator of the group; they count when the transaction commits. v5
 * also adds the group to the transaction, which only transaction.version 2 allows.
 * Source: KIP-98, KIP-320 (v2), KIP-447 (v3: member and generation), KIP-482 (v3), KIP-890 (v4, v5).
 */
export const txnOffsetCommit = message({
  apiKey: 28,
  name: 'TxnOffsetCommit',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactionalId: string('0+'),
    groupId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    generationId: int32('3+', { default: -1 }),
    memberId: string('3+', { default: '' }),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        committedOffset: int64('0+'),
        committedLeaderEpoch: int32('2+', { default: -1, ignorable: true }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: errorCode('0+'),
      }),
    }),
  },
});
