/** When everything has its outcome, the core holds nothing any more. */
import { partitionsOf } from '../../src/send/sender-state.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';
import { demand } from './fault.ts';

export function judgeMemory({ state, outcomes, released }: SimulatedWorld): void {
  const leaked = (isEmpty: boolean, what: string, place?: string): void =>
    demand(isEmpty, 'leaked', () => `${what} is still held`, place);
  leaked(state.incomplete === 0, `a count of ${state.incomplete} batches`);
  leaked(state.overdue === 0, `a count of ${state.overdue} batches whose time was up`);
  leaked(state.flushes.length === 0, 'a flush');
  for (const topic of state.topics.values()) leaked(topic.keyless.length === 0, 'a keyless batch');
  for (const { topic, partition, queue, retries, inFlight, splitting } of partitionsOf(state)) {
    const place = `${topic.topic}-${partition}`;
    leaked(queue.length === 0, 'a queued batch', place);
    leaked(queue.bytes === 0, `a count of ${queue.bytes} queued bytes`, place);
    leaked(retries.length === 0, 'a batch to be sent again', place);
    leaked(inFlight.length === 0, 'a batch in flight', place);
    leaked(splitting === undefined, 'a batch that is split', place);
  }
  for (const { inFlight, active } of state.nodes.values()) {
    leaked(
      inFlight.every(({ question }) => question.api !== 'Produce'),
      'a request of a node',
    );
    leaked(active.size <= 16, 'a partition that is served twice');
  }
  for (const batch of outcomes.keys()) leaked(released.has(batch), `batch ${batch.id}`);
}
