import { array, boolean, errorCode, int32, uuid } from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * GetTelemetrySubscriptions (API key 71): which figures the operators of the cluster want of this client, how often, in which codecs. A client
 * without an id is given one. Brokers without a receiver of client metrics do not have the API. Source: KIP-714.
 */
export const getTelemetrySubscriptions = message({
  apiKey: 71,
  name: 'GetTelemetrySubscriptions',
  versions: '0',
  flexible: '0+',
  request: {
    clientInstanceId: uuid('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: errorCode('0+'),
    clientInstanceId: uuid('0+'),
    subscriptionId: int32('0+'),
    acceptedCompressionTypes: array('0+', 'int8'),
    pushIntervalMs: int32('0+'),
    telemetryMaxBytes: int32('0+'),
    deltaTemporality: boolean('0+'),
    requestedMetrics: array('0+', 'string'),
  },
});
