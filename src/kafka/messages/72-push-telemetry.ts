import { boolean, bytes, errorCode, int32, int8, uuid } from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * PushTelemetry (API key 72): figures of this client, as OpenTelemetry's MetricsData in protobuf, packed with `compressionType`.
 * Source: KIP-714.
 */
export const pushTelemetry = message({
  apiKey: 72,
  name: 'PushTelemetry',
  versions: '0',
  flexible: '0+',
  request: {
    clientInstanceId: uuid('0+'),
    subscriptionId: int32('0+'),
    terminating: boolean('0+'),
    compressionType: int8('0+'),
    metrics: bytes('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: errorCode('0+'),
  },
});
