/**
 * How long to wait before attempt `attempt` + 1: base, then twice as long each time, give or take 20 %, never above `maxMs` (KIP-580).
 *
 * @param attempt failures so far, less one: 0 after the first
 * @param random yields numbers in [0, 1)
 */
export function backoffMs(
  baseMs: number,
  maxMs: number,
  attempt: number,
  random: () => number,
): number {
  // 2^30 is beyond every maximum; without the bound the power would end in Infinity.
  const exponential = baseMs * 2 ** Math.min(attempt, 30);
  return Math.min(maxMs, exponential * (0.8 + 0.4 * random()));
}
