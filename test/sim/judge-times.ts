/** Who waits for an outcome has it at delivery.timeout.ms, whatever the brokers do. */
import { UNASSIGNED_PARTITION } from '../../src/accumulate/producer-batch.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';
import { demand } from './fault.ts';

/** What is due is looked at this often, and a little later. */
const LATE_MS = 60;

/** Looks at every outcome as it comes. A process that stood still may be late by as long. */
export function judgeTimes(world: SimulatedWorld): void {
  const { effect: before } = world.observer;
  const { deliveryTimeoutMs } = world.state.config;
  let onTimeFromMs = 0;
  world.observer.effect = (effect) => {
    before?.(effect);
    if (effect.type !== 'outcome') return;
    const { batch } = effect;
    if (batch.replayable) return;
    onTimeFromMs = Math.max(onTimeFromMs, world.stalledUntilMs);
    const lateMs = world.nowMs - Math.max(batch.createdMs + deliveryTimeoutMs, onTimeFromMs);
    const late = (): string => `batch ${batch.id} has its outcome ${Math.round(lateMs)} ms late`;
    const place =
      batch.partition === UNASSIGNED_PARTITION ? undefined : `${batch.topic}-${batch.partition}`;
    demand(lateMs <= LATE_MS, 'hung', late, place);
  };
}
