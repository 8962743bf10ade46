/**
 * The worker's side: submission ring -> one encode after the other -> completion ring. Holds nothing that main would need to know: when it
 * dies, main submits again what it had not completed.
 */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { createCompressor } from '../kafka/compression.ts';
import type { MemoryLayout } from '../ring/memory-layout.ts';
import { Doorbell, waitForDescriptor } from '../ring/ring-wait.ts';
import { RingReader, RingWriter } from '../ring/ring.ts';
import { adoptSharedMemory } from '../ring/shared-memory.ts';
import { present } from '../shared/assert.ts';
import { readTask, writeResult } from './descriptors.ts';
import { ChunkEncoder } from './encode-chunk.ts';
import { loadKernel } from './kernel.ts';

/** What every worker of a pool is told when it starts. */
export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
  readonly layout: MemoryLayout;
  readonly codec: number;
  readonly level: number | undefined;
}

/** The endless task of one worker. */
export interface WorkerTask {
  readonly setup: WorkerSetup;
  /** Index of its rings. */
  readonly worker: number;
}

/** Codecs outside wasm free their output from the event loop only: it must turn, and not just between waits. */
const ENCODES_PER_TURN = 4;

/** The moments between which a worker may die; for tests, which end it there. */
export type LoopStep = 'read' | 'encoded' | 'written' | 'committed' | 'completed';

/**
 * Serves one pair of rings until a stop is submitted.
 *
 * @param worker index of the rings; its scratch is one further, main's being the first
 * @param step called after each step of each task; tests use it to die there
 */
export async function encodeLoop(
  setup: WorkerSetup,
  worker: number,
  step: (step: LoopStep, ticket: number) => void = () => undefined,
): Promise<void> {
  const memory = adoptSharedMemory(setup.memory);
  const rings = present(setup.layout.rings[worker], 'each worker has rings');
  const scratch = present(setup.layout.scratch[worker + 1], 'each worker has scratch');
  const compressor = createCompressor(setup.codec, setup.level);
  const encoder = new ChunkEncoder(await loadKernel(setup.memory), memory, scratch, compressor);
  const submissions = new RingReader(memory, rings.submission);
  const completions = new RingWriter(memory, rings.completion);
  const doorbell = new Doorbell(memory, setup.layout.doorbell);
  for (let encodes = 1; ; encodes++) {
    let slot = submissions.peek();
    while (slot === undefined) {
      await waitForDescriptor(submissions);
      slot = submissions.peek();
    }
    const submission = readTask(memory, slot);
    if (submission === undefined) return;
    const { ticket, task } = submission;
    step('read', ticket);
    const result = encoder.encode(task);
    step('encoded', ticket);
    // Main never submits more than a ring holds, so there is always a slot for the answer.
    const answer = present(
      completions.claim(),
      'the completion ring has room for every submission',
    );
    writeResult(memory, answer, ticket, result);
    step('written', ticket);
    completions.commit();
    step('committed', ticket);
    submissions.release();
    doorbell.ring();
    step('completed', ticket);
    if (encodes % ENCODES_PER_TURN === 0) await turnOfTheLoop();
  }
}
