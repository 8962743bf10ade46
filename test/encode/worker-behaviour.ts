import { extname } from 'node:path';
import type { LoopStep } from '../../src/encode/encode-loop.ts';

/** What the test's worker threads do besides their work; read from the environment when a thread starts. */
export interface WorkerBehaviour {
  /** Each encode takes up to so much longer. */
  readonly delayMsMax?: number;
  readonly startFails?: boolean;
  readonly death?: {
    readonly step: LoopStep;
    readonly how: (typeof deaths)[number];
    /** Tickets that kill: multiples of this. */
    readonly every: number;
    /** The ticket kills whoever gets it, not the first thread alone. */
    readonly isPoison?: boolean;
    /** Shared memory for a bit for each ticket, zero at first. */
    readonly marksAddress: number;
  };
}

export const deaths = ['exit', 'throw', 'rejection', 'out of memory'] as const;
export const behaviourVariable = 'MILLRACE_TEST_WORKER';

export const workerProgram = new URL(
  `./encode-worker.program${extname(import.meta.url)}`,
  import.meta.url,
);

export function behave(behaviour: WorkerBehaviour): void {
  process.env[behaviourVariable] = JSON.stringify(behaviour);
}
