/** The threads that encode: piscina starts them, and tells when one has ended. */
import { extname } from 'node:path';
import { Piscina } from 'piscina';
import type { WorkerSetup, WorkerTask } from './encode-loop.ts';

export interface WorkerThreadsOptions {
  readonly setup: WorkerSetup;
  readonly count: number;
  /** Entry of the threads; tests put theirs. */
  readonly workerFile: URL | undefined;
  /** A thread could not even start: it has no task that could fail. */
  readonly onError: (error: Error) => void;
}

/** What a thread has on its heap is small; bytes lie in the shared memory and in the codecs. A leak ends the thread, not the process. */
const WORKER_HEAP_MB_MAX = 128;
const workerEntry = new URL(`../../workers/encode${extname(import.meta.url)}`, import.meta.url);

export class WorkerThreads {
  readonly #options: WorkerThreadsOptions;
  readonly #piscina: Piscina;

  constructor(options: WorkerThreadsOptions) {
    this.#options = options;
    this.#piscina = new Piscina({
      minThreads: 0,
      maxThreads: options.count,
      idleTimeout: Infinity,
      // The default waits in a way that never turns the worker's event loop, and codecs free their output from there.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB_MAX },
    });
    this.#piscina.on('error', options.onError);
  }

  /**
   * One endless task, in a thread of its own: resolves when it was told to stop.
   *
   * @param worker index of its rings
   * @throws what ended the thread
   */
  async serve(worker: number): Promise<void> {
    // Given with the task and not as piscina's worker data: to read that, every worker would have to load the whole of piscina.
    const task: WorkerTask = { setup: this.#options.setup, worker };
    // Named here and not in the pool's options: then a file that cannot be loaded fails the task, where piscina's own start fails nobody.
    const { href } = this.#options.workerFile ?? workerEntry;
    await this.#piscina.run(task, { filename: href, name: 'serve' });
  }

  async destroy(): Promise<void> {
    await this.#piscina.destroy();
  }
}
