import type { Partition } from './partition.ts';

/**
 * Waits until `done` holds, looking again after every change of the partitions, but not longer than `timeoutMs`: where
 * acks=all waits for the high watermark and Fetch for bytes. Kafka calls the place purgatory.
 *
 * @returns whether `done` held in the end
 */
export function waitUntil(
  partitions: readonly Partition[],
  done: () => boolean,
  timeoutMs: number,
): Promise<boolean> {
  if (done()) return Promise.resolve(true);
  if (timeoutMs <= 0) return Promise.resolve(false);
  return new Promise((resolve) => {
    const finish = (held: boolean): void => {
      clearTimeout(timer);
      for (const stopListening of subscriptions) stopListening();
      resolve(held);
    };
    const timer = setTimeout(() => {
      finish(done());
    }, timeoutMs);
    timer.unref();
    const look = (): void => {
      if (done()) finish(true);
    };
    const subscriptions = [...new Set(partitions)].map((partition) => partition.onChange(look));
  });
}
