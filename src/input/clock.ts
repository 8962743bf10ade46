import { machineClock, type Clock } from '../shared/clock.ts';

/** The input stage's only door to time, so that tests can hold it still. */
export interface InputClock extends Clock {
  /** Calls `wake` in the next turn of the event loop. */
  readonly soon: (wake: () => void) => void;
}

/** The clock of the machine. */
export const systemClock: InputClock = {
  ...machineClock,
  soon: (wake) => {
    setImmediate(wake);
  },
};
