/** Main's side of one worker: its two rings, and what it was given and has not completed. */
import type { MemoryLayout } from '../ring/memory-layout.ts';
import { resetRing, RingReader, RingWriter } from '../ring/ring.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert, present } from '../shared/assert.ts';
import { readResult, writeStop, writeTask } from './descriptors.ts';
import type { EncodeResult, EncodeTask } from './encode-task.ts';

/** Two keep a worker busy while main looks elsewhere; more would only hold memory. */
export const TASKS_PER_WORKER = 2;

export interface Submission<Tag> {
  readonly ticket: number;
  readonly task: EncodeTask;
  readonly tag: Tag;
}

export class WorkerLink<Tag> {
  readonly worker: number;
  readonly #memory: SharedMemory;
  readonly #rings: { readonly submission: number; readonly completion: number };
  #submissions: RingWriter;
  #completions: RingReader;
  /** Oldest first. */
  #open: Submission<Tag>[] = [];
  /** Threads in a row that died before they completed anything. */
  fruitlessStarts = 0;
  #completedSinceStart = 0;

  constructor(memory: SharedMemory, layout: MemoryLayout, worker: number) {
    this.worker = worker;
    this.#memory = memory;
    this.#rings = present(layout.rings[worker], 'each worker has rings');
    [this.#submissions, this.#completions] = this.#freshRings();
  }

  get openCount(): number {
    return this.#open.length;
  }

  get hasRoom(): boolean {
    return this.#open.length < TASKS_PER_WORKER;
  }

  submit(submission: Submission<Tag>): void {
    assert(this.hasRoom, 'no worker gets more than its share');
    const slot = present(this.#submissions.claim(), 'the ring is longer than a share');
    writeTask(this.#memory, slot, submission.ticket, submission.task);
    this.#submissions.commit();
    this.#open.push(submission);
  }

  /** The worker ends when it has done what was submitted before. */
  stop(): void {
    const slot = present(this.#submissions.claim(), 'the ring is longer than a share and a stop');
    writeStop(this.#memory, slot);
    this.#submissions.commit();
  }

  /** The next completed submission, in the order in which they were submitted; undefined when there is none yet. */
  next(): { submission: Submission<Tag>; result: EncodeResult } | undefined {
    const slot = this.#completions.peek();
    if (slot === undefined) return undefined;
    const { ticket, result } = readResult(this.#memory, slot);
    this.#completions.release();
    const submission = present(this.#open.shift(), 'only what was submitted is completed');
    assert(submission.ticket === ticket, 'a worker completes in order');
    this.#completedSinceStart += 1;
    return { submission, result };
  }

  /** The worker is dead and its completions are taken: makes the rings new and gives back what it had not completed, oldest first. */
  recover(): Submission<Tag>[] {
    this.fruitlessStarts = this.#completedSinceStart > 0 ? 0 : this.fruitlessStarts + 1;
    this.#completedSinceStart = 0;
    const left = this.#open;
    this.#open = [];
    [this.#submissions, this.#completions] = this.#freshRings();
    return left;
  }

  #freshRings(): [RingWriter, RingReader] {
    resetRing(this.#memory, this.#rings.submission);
    resetRing(this.#memory, this.#rings.completion);
    return [
      new RingWriter(this.#memory, this.#rings.submission),
      new RingReader(this.#memory, this.#rings.completion),
    ];
  }
}
