import { array, boolean, errorCode, int16, int32, int64, string } from '../message-fields.ts';
import { message } from '../message-spec.ts';

const topics = {
  name: string('0+'),
  partitions: array('0+', 'int32'),
};

const topicResults = {
  name: string('0+'),
  resultsByPartition: array('0+', {
    partitionIndex: int32('0+'),
    partitionErrorCode: errorCode('0+'),
  }),
};

/**
 * AddPartitionsToTxn (API key 24): tells the transaction coordinator what the transaction is going to write to. Clients use v0 to
 * v3, before the first batch to each partition; v4 and v5 are for brokers, which verify with them. With transaction.version 2
 * clients do not send it at all. Source: KIP-98, KIP-588 (v2: PRODUCER_FENCED), KIP-482 (v3), KIP-890 (v4, v5).
 */
export const addPartitionsToTxn = message({
  apiKey: 24,
  name: 'AddPartitionsToTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactions: array('4+', {
      transactionalId: string('4+'),
      producerId: int64('4+'),
      producerEpoch: int16('4+'),
      verifyOnly: boolean('4+', { default: false }),
      topics: array('4+', topics),
    }),
    v3AndBelowTransactionalId: string('0-3'),
    v3AndBelowProducerId: int64('0-3'),
    v3AndBelowProducerEpoch: int16('0-3'),
    v3AndBelowTopics: array('0-3', topics),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: errorCode('4+', { ignorable: true }),
    resultsByTransaction: array('4+', {
      transactionalId: string('4+'),
      topicResults: array('4+', topicResults),
    }),
    resultsByTopicV3AndBelow: array('0-3', topicResults),
  },
});
