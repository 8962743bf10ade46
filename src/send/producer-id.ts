/** InitProducerId: asked of any broker, at the start, and when the epochs of an id are used up. */
import { errorOf, errors } from '../kafka/errors.ts';
import { backoffMs } from './backoff.ts';
import type { ProducerIdAnswered } from './events.ts';
import { startRequest } from './in-flight-requests.ts';
import { pickAnyNode } from './node-connections.ts';
import { emit, wakeBy, type SenderState } from './sender-state.ts';
import { stopForGood } from './stop.ts';

export function initProducerIdIfDue(state: SenderState, nowMs: number): void {
  const { producer } = state;
  if (!producer.wanted || producer.request !== 0) return;
  if (nowMs < producer.retryAtMs) {
    wakeBy(state, producer.retryAtMs);
    return;
  }
  const node = pickAnyNode(state, nowMs);
  if (node === undefined) return;
  const question = { api: 'InitProducerId', about: 'idempotence' } as const;
  producer.request = startRequest(state, node, question, nowMs);
  const { id, connection } = node;
  emit(state, { type: 'sendInitProducerId', node: id, connection, request: producer.request });
}

export function takeProducerId(
  state: SenderState,
  answer: ProducerIdAnswered,
  nowMs: number,
): void {
  const { producer, config } = state;
  producer.request = 0;
  const error = errorOf(answer.errorCode);
  if (error === errors.NONE) {
    producer.assign(answer.producerId, answer.producerEpoch);
    for (const node of state.nodes.values()) state.dirtyNodes.add(node);
    return;
  }
  // Every broker can answer; one that says it failed, without saying how, is asked again like one that is loading.
  if (!error.retriable && error !== errors.UNKNOWN_SERVER_ERROR) {
    const advice = 'InitProducerId needs Write on any topic, or IdempotentWrite on the cluster';
    stopForGood(state, error.name, `no producer id: ${error.meaning}. ${advice}`);
    return;
  }
  producer.retryAtMs =
    nowMs +
    backoffMs(config.retryBackoffMs, config.retryBackoffMaxMs, producer.attempts, state.random);
  producer.attempts += 1;
  wakeBy(state, producer.retryAtMs);
}
