/** Entry of worker threads for tests: the real loop, slower, or dying at a step of it. */
import { encodeLoop, type LoopStep, type WorkerTask } from '../../src/encode/encode-loop.ts';
import { behaviourVariable, type WorkerBehaviour } from './worker-behaviour.ts';

const behaviour = JSON.parse(process.env[behaviourVariable] ?? '{}') as WorkerBehaviour;
const { death, delayMsMax = 0 } = behaviour;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

export function serve({ setup, worker }: WorkerTask): Promise<void> {
  if (behaviour.startFails === true) throw new Error('the test lets no thread start');
  const words = new Int32Array(setup.memory.buffer);
  return encodeLoop(setup, worker, (step, ticket) => {
    if (step === 'read' && delayMsMax > 0) {
      Atomics.wait(sleeper, 0, 0, Math.random() * delayMsMax);
    }
    if (isLast(words, step, ticket)) die();
  });
}

function isLast(words: Int32Array, step: LoopStep, ticket: number): boolean {
  if (death?.step !== step || ticket % death.every !== 0) return false;
  if (death.isPoison === true) return true;
  // Each ticket kills once: the thread that gets it again comes through. A bit each, in memory that outlives the threads.
  const word = death.marksAddress / 4 + (ticket >>> 5);
  const bit = 1 << (ticket & 31);
  return (Atomics.or(words, word, bit) & bit) === 0;
}

function die(): void {
  switch (death?.how) {
    case 'exit':
      process.exit(3);
      break;
    case 'throw':
      throw new Error('the test throws');
    case 'rejection':
      void Promise.reject(new Error('the test rejects'));
      break;
    case 'out of memory': {
      const hoard: unknown[] = [];
      for (;;) hoard.push(new Array(500_000).fill(hoard));
    }
    case undefined:
  }
}
