import { array, errorCode, int32, int8, string } from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * FindCoordinator (API key 10): the broker that coordinates a group or a transactional id. One key before v4, several from
 * then on. Source: KIP-98 (v1: keyType), KIP-482 (v3), KIP-699 (v4: several keys), KIP-890 (v5), KIP-932 (v6: share groups).
 */
export const findCoordinator = message({
  apiKey: 10,
  name: 'FindCoordinator',
  versions: '0-6',
  flexible: '3+',
  request: {
    key: string('0-3'),
    keyType: int8('1+', { default: 0 }),
    coordinatorKeys: array('4+', 'string'),
  },
  response: {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: errorCode('0-3'),
    errorMessage: string('1-3', { nullable: '1-3', ignorable: true }),
    nodeId: int32('0-3'),
    host: string('0-3'),
    port: int32('0-3'),
    coordinators: array('4+', {
      key: string('4+'),
      nodeId: int32('4+'),
      host: string('4+'),
      port: int32('4+'),
      errorCode: errorCode('4+'),
      errorMessage: string('4+', { nullable: '4+', ignorable: true }),
    }),
  },
});
