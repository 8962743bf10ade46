import { errorCode, int16, int32, int64, string } from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * InitProducerId (API key 22): asks for a producer id and epoch, or for a new epoch of a known one.
 * Source: KIP-98, KIP-482 (v2), KIP-360 (v3: current id and epoch), KIP-588 (v4: PRODUCER_FENCED), KIP-890 (v5).
 */
export const initProducerId = message({
  apiKey: 22,
  name: 'InitProducerId',
  versions: '0-5',
  flexible: '2+',
  request: {
    transactionalId: string('0+', { nullable: '0+' }),
    transactionTimeoutMs: int32('0+'),
    producerId: int64('3+', { default: -1n }),
    producerEpoch: int16('3+', { default: -1 }),
  },
  response: {
    throttleTimeMs: int32('0+', { ignorable: true }),
    errorCode: errorCode('0+'),
    producerId: int64('0+', { default: -1n }),
    producerEpoch: int16('0+'),
  },
});
