import { errors } from '../kafka/errors.ts';
import { frameResponse } from '../kafka/header.ts';
import { apiVersions } from '../kafka/messages/18-api-versions.ts';
import { answerCreateTopics } from './answer-create-topics.ts';
import { answerFetch } from './answer-fetch.ts';
import { answerFindCoordinator } from './answer-find-coordinator.ts';
import { answerListOffsets } from './answer-list-offsets.ts';
import { answerMetadata } from './answer-metadata.ts';
import { answerDescribeProducers, answerInitProducerId } from './answer-producer-ids.ts';
import { answerProduce } from './answer-produce.ts';
import {
  answerAddOffsetsToTxn,
  answerAddPartitionsToTxn,
  answerEndTxn,
  answerTxnOffsetCommit,
} from './answer-transactions.ts';
import { brokerApi } from './broker-api.ts';
import type { BrokerApi } from './broker-api.ts';

/** ApiVersions: exactly the APIs of the table below, in the versions of their message tables, and the features of the cluster. */
const answerApiVersions = brokerApi(apiVersions, {
  answer: (_, { cluster }) => ({
    errorCode: 0,
    apiKeys: advertised(),
    ...features(cluster.options.transactionVersion),
  }),
  refuse: (_, errorCode) => ({ errorCode, apiKeys: [] }),
});

/** Every API that the embedded broker implements, under Kafka's name. */
export const brokerApis = {
  Produce: answerProduce,
  Fetch: answerFetch,
  ListOffsets: answerListOffsets,
  Metadata: answerMetadata,
  FindCoordinator: answerFindCoordinator,
  ApiVersions: answerApiVersions,
  CreateTopics: answerCreateTopics,
  InitProducerId: answerInitProducerId,
  AddPartitionsToTxn: answerAddPartitionsToTxn,
  AddOffsetsToTxn: answerAddOffsetsToTxn,
  EndTxn: answerEndTxn,
  TxnOffsetCommit: answerTxnOffsetCommit,
  DescribeProducers: answerDescribeProducers,
} as const satisfies Record<string, BrokerApi>;

export type ApiName = keyof typeof brokerApis;

const names = Object.keys(brokerApis) as ApiName[];
const nameByKey = new Map(names.map((name) => [brokerApis[name].apiKey, name]));

/** The name of an API key; undefined for an API that is not implemented. */
export function apiNameOf(apiKey: number): ApiName | undefined {
  return nameByKey.get(apiKey);
}

/** librdkafka before 2.8.2 compresses only if Produce v0 is offered, so Kafka 4 offers it without serving it (KAFKA-18659). */
const PRODUCE_ADVERTISED_FROM = 0;

/** What the cluster has agreed on (KIP-584): which version of transactions is spoken. */
function features(level: number) {
  const name = 'transaction.version';
  return {
    supportedFeatures: [{ name, minVersion: 0, maxVersion: TRANSACTION_VERSION_MAX }],
    finalizedFeaturesEpoch: 1n,
    finalizedFeatures: [{ name, maxVersionLevel: level, minVersionLevel: level }],
  };
}

const TRANSACTION_VERSION_MAX = 2;

function advertised(): { apiKey: number; minVersion: number; maxVersion: number }[] {
  return names.map((name) => {
    const { apiKey, versionMin, versionMax } = brokerApis[name];
    const minVersion = name === 'Produce' ? PRODUCE_ADVERTISED_FROM : versionMin;
    return { apiKey, minVersion, maxVersion: versionMax };
  });
}

/** What a client gets that asks for a version of ApiVersions from the future: the v0 answer that any client can read (KIP-511). */
export function apiVersionsFallback(correlationId: number): Uint8Array[] {
  return frameResponse(apiVersions, 0, correlationId, {
    errorCode: errors.UNSUPPORTED_VERSION.code,
    apiKeys: advertised(),
  });
}
