/** Main's side of the echoing thread: two rings and a doorbell, nothing else. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { LINE_BYTES, RING_BYTES } from '../../src/ring/ring-layout.ts';
import { Doorbell } from '../../src/ring/ring-wait.ts';
import { RingReader, RingWriter } from '../../src/ring/ring.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { assert } from '../../src/shared/assert.ts';

export interface EchoSetup {
  readonly memory: WebAssembly.Memory;
  readonly submission: number;
  readonly completion: number;
  readonly doorbell: number;
}

const FIRST = 65_536;

export class Echo {
  readonly #memory = allocateSharedMemory(2 * FIRST);
  readonly #submissions: RingWriter;
  readonly #completions: RingReader;
  readonly #doorbell: Doorbell;
  readonly #worker: Worker;
  #sent = 0;
  #received = 0;

  /** @param firstIndex where the indices of both rings begin, 32 bits */
  constructor(firstIndex = 0) {
    const setup = {
      memory: this.#memory.memory,
      submission: FIRST,
      completion: FIRST + RING_BYTES,
      doorbell: FIRST + 2 * RING_BYTES,
    };
    for (const ring of [setup.submission, setup.completion]) {
      this.#memory.data.setInt32(ring, firstIndex, true);
      this.#memory.data.setInt32(ring + LINE_BYTES, firstIndex, true);
    }
    this.#submissions = new RingWriter(this.#memory, setup.submission);
    this.#completions = new RingReader(this.#memory, setup.completion);
    this.#doorbell = new Doorbell(this.#memory, setup.doorbell);
    const program = new URL(`./echo.program${extname(import.meta.url)}`, import.meta.url);
    this.#worker = new Worker(program, { workerData: setup });
  }

  /**
   * Sends descriptors, each as soon as fewer than `openMax` are unanswered, until `count` are answered: all of them, in order.
   *
   * @param beforeSend called before each; whatever time it takes moves the two threads against each other
   */
  async roundTrips(count: number, openMax: number, beforeSend?: () => void): Promise<void> {
    const end = this.#received + count;
    while (this.#received < end) {
      while (this.#sent < end && this.#sent - this.#received < openMax) {
        beforeSend?.();
        this.#send();
      }
      const seen = this.#doorbell.read();
      if (this.#receive() === 0) await this.#doorbell.wait(seen);
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(): void {
    const slot = this.#submissions.claim();
    assert(slot !== undefined, 'a ring has room for what may be open');
    this.#memory.data.setUint32(slot, this.#sent, true);
    this.#memory.data.setUint32(slot + 124, Math.imul(this.#sent, 0x9e3779b1), true);
    this.#submissions.commit();
    this.#sent += 1;
  }

  #receive(): number {
    let taken = 0;
    for (let slot = this.#completions.peek(); slot !== undefined; slot = this.#completions.peek()) {
      const isNext = this.#memory.data.getUint32(slot, true) === this.#received;
      const mark = ~Math.imul(this.#received, 0x9e3779b1);
      const isWhole = this.#memory.data.getInt32(slot + 124, true) === mark;
      assert(isNext && isWhole, `answer ${this.#received} is the next one, and whole`);
      this.#completions.release();
      this.#received += 1;
      taken += 1;
    }
    return taken;
  }
}
