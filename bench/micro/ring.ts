import { Echo } from '../../test/ring/echo.ts';
import type { MicroRow } from '../micro-row.ts';
import { percentile } from '../statistics.ts';
import { arenaBench } from './arena.ts';

const WARM_UP = 2000;
const SINGLE = 10_000;
const PIPELINED = 40_000;
const OPEN = 4;

/**
 * What the rings cost beside the work that they carry: a descriptor there and its answer back, through another thread that
 * does nothing else. With one open both sides sleep after each; with four they mostly do not.
 */
export async function ringBench(): Promise<MicroRow[]> {
  const echo = new Echo();
  const hold = setInterval(() => undefined, 2 ** 30);
  try {
    await echo.roundTrips(WARM_UP, OPEN);
    const each = await latencies(echo);
    const { cpuUs, perSecond } = await pipelined(echo);
    return [
      { name: 'ring, round trip p50', value: percentile(each, 0.5), unit: 'us' },
      { name: 'ring, round trip p99', value: percentile(each, 0.99), unit: 'us' },
      { name: `ring, CPU a round trip, ${OPEN} open`, value: cpuUs, unit: 'us' },
      { name: `ring, round trips, ${OPEN} open`, value: perSecond, unit: '/s' },
      ...arenaBench(),
    ];
  } finally {
    await echo.close();
    clearInterval(hold);
  }
}

async function latencies(echo: Echo): Promise<number[]> {
  const microseconds: number[] = [];
  for (let count = 0; count < SINGLE; count += 1) {
    const started = performance.now();
    await echo.roundTrips(1, 1);
    microseconds.push((performance.now() - started) * 1000);
  }
  return microseconds;
}

async function pipelined(echo: Echo): Promise<{ cpuUs: number; perSecond: number }> {
  const before = process.cpuUsage();
  const started = performance.now();
  await echo.roundTrips(PIPELINED, OPEN);
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: (user + system) / PIPELINED, perSecond: PIPELINED / seconds };
}
