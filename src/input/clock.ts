import { performance } from 'node:perf_hooks';
import { later } from '../shared/later.ts';

/** The input stage's only door to time, so that tests can hold it still. */
export interface InputClock {
  /** Milliseconds since 1970, for record timestamps. */
  wallMs(): number;
  /** Milliseconds that never go back, for linger, polling and quiet times. */
  nowMs(): number;
  /** Calls `wake` once, `delayMs` or a little more from now; 0 is the next turn. Returns what takes it back. */
  after(delayMs: number, wake: () => void): () => void;
  /** Calls `wake` in the next turn of the event loop. */
  soon(wake: () => void): void;
}

/** The clock of the machine. */
export const systemClock: InputClock = {
  wallMs: () => Date.now(),
  nowMs: () => performance.now(),
  after: later,
  soon(wake) {
    setImmediate(wake);
  },
};
