/** InitProducerId: asked of any broker, at the start, and when the epochs of an id are used up. */
import type { BatchQueue } from '../accumulate/batch-queue.ts';
import { NO_PRODUCER_ID } from '../accumulate/producer-batch.ts';
import { errorOf, errors, type KafkaError } from '../kafka/errors.ts';
import { backoffMs } from './backoff.ts';
import { refuse } from './batch-results.ts';
import type { ProducerIdAnswered } from './events.ts';
import { startRequest } from './in-flight-requests.ts';
import { pickAnyNode } from './node-connections.ts';
import { emit, report, wakeBy, type SenderState } from './sender-state.ts';
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
    if (producer.deniedSinceMs !== undefined) {
      report(state, { kind: 'producerIdGranted', afterMs: nowMs - producer.deniedSinceMs });
    }
    producer.deniedSinceMs = undefined;
    for (const node of state.nodes.values()) state.dirtyNodes.add(node);
    return;
  }
  const isDenied = error === errors.CLUSTER_AUTHORIZATION_FAILED;
  if (isDenied && config.outcomesFor === 'caller') denied(state, error, nowMs);
  // Every broker can answer; one that says it failed, without saying how, is asked again like one that is loading.
  else if (!error.retriable && error !== errors.UNKNOWN_SERVER_ERROR) {
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

/**
 * As in Kafka's client: what waits for a producer id fails, the next batch asks again. Whatever has its id goes on.
 * Source: TransactionManager.InitProducerIdHandler, Sender.shouldHandleAuthorizationError.
 */
function denied(state: SenderState, error: KafkaError, nowMs: number): void {
  const { producer } = state;
  const message =
    'no producer id: grant Write on any topic (before Kafka 2.8: IdempotentWrite on the cluster) to the user of this producer, ' +
    'then send again; or set enable.idempotence=false';
  if (producer.deniedSinceMs === undefined) {
    producer.deniedSinceMs = nowMs;
    report(state, { kind: 'producerIdDenied', error: error.name, message });
  }
  producer.wanted = false;
  for (const topic of state.topics.values()) {
    if (producer.producerId === NO_PRODUCER_ID) refuseAll(topic.keyless);
    for (const partition of topic.partitions) {
      if (partition !== undefined && !partition.identity.assigned) refuseAll(partition.queue);
    }
  }

  function refuseAll(queue: BatchQueue): void {
    for (const batch of queue.take(() => true)) refuse(state, batch, error.name, message);
  }
}
