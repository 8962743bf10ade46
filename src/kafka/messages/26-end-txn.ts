import { boolean, errorCode, int16, int32, int64, string } from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * EndTxn (API key 26): commits or aborts. From v5 on, which belongs to transaction.version 2, the answer carries the identity of the
 * next transaction: the epoch is another after each. Source: KIP-98, KIP-588 (v2), KIP-482 (v3), KIP-890 (v4, v5).
 */
export const endTxn = message({
  apiKey: 26,
  name: 'EndTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactionalId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    committed: boolean('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: errorCode('0+'),
    producerId: int64('5+', { default: -1n, ignorable: true }),
    producerEpoch: int16('5+', { default: -1, ignorable: true }),
  },
});
