import { errorCode, int16, int32, int64, string } from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * AddOffsetsToTxn (API key 25): tells the transaction coordinator that the transaction is going to commit offsets of a group. With
 * transaction.version 2 TxnOffsetCommit does it. Source: KIP-98, KIP-588 (v2), KIP-482 (v3), KIP-890 (v4).
 */
export const addOffsetsToTxn = message({
  apiKey: 25,
  name: 'AddOffsetsToTxn',
  versions: '0-4',
  flexible: '3+',
  request: {
    transactionalId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    groupId: string('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: errorCode('0+'),
  },
});
