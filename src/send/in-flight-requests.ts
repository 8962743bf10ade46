/** Requests that are on the wire: numbered, per node, oldest first. An answer finds its question here, a dead connection its victims. */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { assert } from '../shared/assert.ts';
import type { NodeState, PartitionState, SenderState } from './sender-state.ts';
import { wakeBy } from './sender-state.ts';
import type { TransactionApi } from './transaction-events.ts';

/** A batch on the wire, and at whom it was aimed. */
export interface SentEntry {
  readonly batch: ProducerBatch;
  readonly partition: PartitionState;
  readonly leaderEpoch: number;
  /** Resent to settle its partition. */
  readonly settles: boolean;
}

/** What was asked; `partition` for questions about one. */
export type Question =
  | { readonly api: 'Produce'; readonly entries: readonly SentEntry[] }
  | { readonly api: 'Metadata'; readonly topics: readonly string[]; readonly refresh: number }
  | { readonly api: 'InitProducerId'; readonly about: 'idempotence' }
  | { readonly api: TransactionApi; readonly about: 'transaction' }
  | { readonly api: 'ListOffsets'; readonly about: 'floor'; readonly partition: PartitionState }
  | {
      readonly api: 'ListOffsets' | 'DescribeProducers' | 'Fetch';
      readonly about: 'settle';
      readonly partition: PartitionState;
    };

export interface InFlightRequest {
  readonly request: number;
  readonly node: NodeState;
  readonly question: Question;
  readonly sentMs: number;
  /** Moves on when the broker throttles the connection meanwhile. */
  deadlineMs: number;
}

/** Ready for one more request: connected, not throttled, fewer than max.in.flight.requests.per.connection out. */
export function canSend(state: SenderState, node: NodeState, nowMs: number): boolean {
  if (node.status !== 'ready') return false;
  if (node.inFlight.length >= state.config.maxInFlightRequestsPerConnection) return false;
  if (nowMs >= node.throttledUntilMs) return true;
  wakeBy(state, node.throttledUntilMs);
  return false;
}

/** Notes a request as sent and gives it its number; the caller emits the effect. */
export function startRequest(
  state: SenderState,
  node: NodeState,
  question: Question,
  nowMs: number,
): number {
  assert(node.status === 'ready', 'requests go to ready connections only');
  const request = state.nextRequest++;
  const deadlineMs = nowMs + state.config.requestTimeoutMs;
  const started: InFlightRequest = { request, node, question, sentMs: nowMs, deadlineMs };
  node.inFlight.push(started);
  node.lastUseMs = nowMs;
  wakeBy(state, deadlineMs);
  return request;
}

/** The answer has come: takes the request out; undefined when its connection was given up meanwhile. */
export function finishRequest(
  state: SenderState,
  request: number,
  nowMs: number,
): InFlightRequest | undefined {
  const finished = openRequest(state, request);
  if (finished === undefined) return undefined;
  const { node } = finished;
  node.inFlight.splice(node.inFlight.indexOf(finished), 1);
  node.lastUseMs = nowMs;
  state.dirtyNodes.add(node);
  return finished;
}

/** They are few: so many nodes, and max.in.flight.requests.per.connection for each. */
function openRequest(state: SenderState, request: number): InFlightRequest | undefined {
  for (const { inFlight } of state.nodes.values()) {
    for (const open of inFlight) if (open.request === request) return open;
  }
  return undefined;
}

/** The connection is gone: takes all its requests out, oldest first. */
export function dropRequests(node: NodeState): InFlightRequest[] {
  return node.inFlight.splice(0);
}
