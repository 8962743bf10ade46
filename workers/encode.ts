import { encodeLoop, type WorkerTask } from '../src/encode/encode-loop.ts';

/** Entry of a worker thread: serves the rings of one worker until a stop comes through them. */
export function serve({ setup, worker }: WorkerTask): Promise<void> {
  return encodeLoop(setup, worker);
}
