import { workerData } from 'piscina';
import { encodeLoop, type WorkerSetup } from '../src/encode/encode-loop.ts';

/** Entry of a worker thread: serves the rings of one worker until a stop comes through them. */
export function serve(task: { worker: number }): Promise<void> {
  return encodeLoop(workerData as WorkerSetup, task.worker);
}
