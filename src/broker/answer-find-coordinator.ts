import { errors } from '../kafka/errors.ts';
import type { RequestOf, ResponseInputOf } from '../kafka/message-spec.ts';
import { findCoordinator } from '../kafka/messages/10-find-coordinator.ts';
import { brokerApi } from './broker-api.ts';
import type { ClusterNode } from './cluster-state.ts';

type Request = RequestOf<typeof findCoordinator>;
type Response = ResponseInputOf<typeof findCoordinator>;

/** From here on one request asks for several keys (KIP-699). */
const SEVERAL_KEYS_VERSION = 4;

/** FindCoordinator: one node coordinates everything. */
export const answerFindCoordinator = brokerApi(findCoordinator, {
  answer: (request, { cluster, apiVersion }) => {
    const node = cluster.coordinatorNode;
    const errorCode = node ? 0 : errors.COORDINATOR_NOT_AVAILABLE.code;
    return respond(request, apiVersion, errorCode, node);
  },
  refuse: (request, errorCode, { apiVersion }) =>
    respond(request, apiVersion, errorCode, undefined),
});

function respond(
  request: Request,
  apiVersion: number,
  errorCode: number,
  node: ClusterNode | undefined,
): Response {
  const { id: nodeId, host, port } = node ?? { id: -1, host: '', port: -1 };
  const place = { errorCode, errorMessage: null, nodeId, host, port };
  if (apiVersion < SEVERAL_KEYS_VERSION) return place;
  return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...place })) };
}
