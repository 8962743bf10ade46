import {
  array,
  errorCode,
  int16,
  int32,
  int64,
  records,
  string,
  struct,
  uuid,
} from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * Produce (API key 0): one RecordBatch for each partition. Without an answer when acks is 0.
 * Source: KIP-98 (v3), KIP-467 (v8: recordErrors), KIP-482 (v9), KIP-951 (v10: currentLeader, nodeEndpoints),
 * KIP-890 (v11, v12), KIP-516 (v13: topicId instead of the name).
 */
export const produce = message({
  apiKey: 0,
  name: 'Produce',
  versions: '3-13',
  flexible: '9+',
  request: {
    transactionalId: string('3+', { nullable: '3+', default: null }),
    acks: int16('0+'),
    timeoutMs: int32('0+'),
    topicData: array('0+', {
      name: string('0-12', { ignorable: true }),
      topicId: uuid('13+', { ignorable: true }),
      partitionData: array('0+', {
        index: int32('0+'),
        records: records('0+', { nullable: '0+' }),
      }),
    }),
  },
  response: {
    responses: array('0+', {
      name: string('0-12', { ignorable: true }),
      topicId: uuid('13+', { ignorable: true }),
      partitionResponses: array('0+', {
        index: int32('0+'),
        errorCode: errorCode('0+'),
        baseOffset: int64('0+'),
        /** -1 for an append; the stored timestamp for a duplicate, or when the topic has LogAppendTime (ledger). */
        logAppendTimeMs: int64('2+', { default: -1n, ignorable: true }),
        logStartOffset: int64('5+', { default: -1n, ignorable: true }),
        recordErrors: array(
          '8+',
          {
            batchIndex: int32('8+'),
            batchIndexErrorMessage: string('8+', { nullable: '8+', default: null }),
          },
          { ignorable: true },
        ),
        errorMessage: string('8+', { nullable: '8+', default: null, ignorable: true }),
        currentLeader: struct(
          '10+',
          {
            leaderId: int32('10+', { default: -1 }),
            leaderEpoch: int32('10+', { default: -1 }),
          },
          { tag: 0 },
        ),
      }),
    }),
    throttleTimeMs: int32('1+', { default: 0, ignorable: true }),
    nodeEndpoints: array(
      '10+',
      {
        nodeId: int32('10+'),
        host: string('10+'),
        port: int32('10+'),
        rack: string('10+', { nullable: '10+', default: null }),
      },
      { tag: 0 },
    ),
  },
});
