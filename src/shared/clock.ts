import { performance } from 'node:perf_hooks';
import { later } from './later.ts';

/** The only door to time of whoever is given one: so it can be held still, and simulated. */
export interface Clock {
  /** Milliseconds since 1970, for record timestamps. */
  readonly wallMs: () => number;
  /** Milliseconds that never go back, for whatever is waited for. */
  readonly nowMs: () => number;
  /** Calls `then` once, `delayMs` or a little more from now; 0 is the next turn of the event loop. Returns what takes it back. */
  readonly after: (delayMs: number, then: () => void) => () => void;
}

/** The clock of the machine. */
export const machineClock: Clock = {
  wallMs: () => Date.now(),
  nowMs: () => performance.now(),
  after: later,
};
