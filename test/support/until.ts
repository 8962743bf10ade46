import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until the condition holds; after the time limit it fails with the condition's text. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`did not come true: ${String(condition)}`);
    await sleep(20);
  }
}
