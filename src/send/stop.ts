/** The end of everything: for good because of a fault, or because there is no time left to wait. */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { at, complete } from './batch-outcome.ts';
import { disconnect } from './node-connections.ts';
import { partitionsOf, report, type SenderState } from './sender-state.ts';

/** Nothing may be sent any more: says why, gives every batch its outcome, closes the connections. */
export function stopForGood(state: SenderState, error: string, message: string): void {
  if (state.stopped !== undefined) return;
  state.stopped = { error, message };
  state.phase = 'stopped';
  report(state, { kind: 'fatal', error, message });
  abandonAll(state, message, error);
}

/** Every batch gets its outcome now. What was sent and not answered may be written. */
export function abandonAll(state: SenderState, message: string, error?: string): void {
  for (const partition of partitionsOf(state)) {
    const { inFlight, retries, splitting } = partition;
    for (const batch of inFlight) batch.maybeAppended = true;
    const here = splitting === undefined ? [] : [splitting];
    for (const batch of [...inFlight, ...retries, ...here]) abandon(state, batch, message, error);
    inFlight.length = 0;
    retries.length = 0;
    partition.splitting = undefined;
    partition.settle = undefined;
    partition.settleCause = undefined;
  }
  for (const batch of state.accumulator.takeAll()) abandon(state, batch, message, error);
  state.keylessTopics.clear();
  state.leaderless.clear();
  for (const node of state.nodes.values()) {
    node.active.clear();
    disconnect(state, node, message);
  }
}

/** @param error Kafka's name of the reason */
export function abandon(
  state: SenderState,
  batch: ProducerBatch,
  message: string,
  error?: string,
): void {
  const written = batch.maybeAppended ? 'perhaps' : 'no';
  complete(state, batch, { type: 'abandoned', written, ...at(batch), error, message });
}
