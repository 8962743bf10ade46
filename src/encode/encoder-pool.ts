/**
 * Stage 3 of 7, main's side. Gives chunks to the workers, takes sealed batches back, hands them on in chunk order.
 * From: closed chunks. To: the partitions' queues. Bounds: two tasks a worker; the arena, for the output.
 * Crash: a worker that dies is replaced on the same rings, and what it had not completed is encoded again; its runs are main's.
 */
import { extname } from 'node:path';
import { Piscina } from 'piscina';
import type { Compressor } from '../kafka/compression.ts';
import { BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import type { Arena, Run } from '../ring/arena.ts';
import type { MemoryLayout } from '../ring/memory-layout.ts';
import { Doorbell } from '../ring/ring-wait.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert, Bug, present } from '../shared/assert.ts';
import { ChunkEncoder } from './encode-chunk.ts';
import type { WorkerSetup } from './encode-loop.ts';
import {
  EncodeOrder,
  type ChunkToEncode,
  type EncodedPart,
  type OpenChunk,
} from './encode-order.ts';
import { RECORD_OVERHEAD_BYTES_MAX, type EncodeResult, type EncodeTask } from './encode-task.ts';
import type { Kernel } from './kernel.ts';
import { WorkerLink, type Submission } from './worker-link.ts';

export interface EncoderPoolOptions<Chunk extends ChunkToEncode> {
  readonly memory: SharedMemory;
  readonly layout: MemoryLayout;
  readonly arena: Arena;
  readonly kernel: Kernel;
  /** As loaded for main; workers load the same codec and level. */
  readonly compressor: Compressor;
  /** Longest sealed batch, bytes. */
  readonly batchBytesMax: number;
  /** Shorter chunks are encoded on main: a wake-up would cost more. Default 32 KB. */
  readonly inlineBytesMax?: number;
  /** Called for each part in order, never from within `submit` of a chunk that goes to a worker. */
  readonly onPart: (part: EncodedPart<Chunk>) => void;
  /** Encoding cannot go on: a chunk killed every worker that touched it, or a worker cannot start. */
  readonly onFault: (error: Error) => void;
  /** Entry of the worker threads; tests put theirs. */
  readonly workerFile?: URL;
}

interface Job<Chunk extends ChunkToEncode> {
  readonly open: OpenChunk<Chunk>;
  readonly output: Run;
}

const INLINE_BYTES_MAX = 32 * 1024;
/** Threads that take over the same rings and end before they have completed anything: one more would not help. */
const FRUITLESS_STARTS_MAX = 3;
const workerEntry = new URL(`../../workers/encode${extname(import.meta.url)}`, import.meta.url);

export class EncoderPool<Chunk extends ChunkToEncode> {
  readonly #options: EncoderPoolOptions<Chunk>;
  readonly #inlineBytesMax: number;
  readonly #encoder: ChunkEncoder;
  readonly #order: EncodeOrder<Chunk>;
  readonly #links: readonly WorkerLink<Job<Chunk>>[];
  readonly #doorbell: Doorbell;
  /** Chunks with bytes to encode that nobody encodes now, oldest first. */
  readonly #ready: OpenChunk<Chunk>[] = [];
  /** So that the oldest chunk can always go on, however full the arena is with batches that wait for it. */
  #reserve: Run | undefined;
  #piscina: Piscina | undefined;
  #started = 0;
  #ticket = 0;
  #hold: NodeJS.Timeout | undefined;
  #isListening = false;
  #isClosed = false;
  #isPumping = false;
  readonly #idleWaiters: (() => void)[] = [];

  constructor(options: EncoderPoolOptions<Chunk>) {
    const { memory, layout, arena, kernel, compressor } = options;
    this.#options = options;
    this.#inlineBytesMax = options.inlineBytesMax ?? INLINE_BYTES_MAX;
    const scratch = present(layout.scratch[0], 'main has scratch');
    this.#encoder = new ChunkEncoder(kernel, memory, scratch, compressor);
    this.#order = new EncodeOrder(options.onPart);
    this.#links = layout.rings.map((_, worker) => new WorkerLink(memory, layout, worker));
    this.#doorbell = new Doorbell(memory, layout.doorbell);
    this.#reserve = arena.claim(options.batchBytesMax);
    assert(this.#reserve !== undefined, 'a new arena holds a batch');
    arena.onFree(() => {
      this.#reserve ??= arena.claim(options.batchBytesMax);
      if (this.#ready.length > 0) this.#pumpSoon();
    });
  }

  /** Chunks that are not wholly handed on. */
  get openCount(): number {
    return this.#order.openCount;
  }

  /** Every worker has what it may have: a chunk submitted now would only wait. */
  get isBusy(): boolean {
    return this.#ready.length > 0 || !this.#links.some((link) => link.hasRoom);
  }

  submit(chunk: Chunk): void {
    assert(!this.#isClosed, 'nothing is submitted after close');
    this.#ready.push(this.#order.add(chunk));
    this.#pump();
  }

  /** Resolves when everything that was submitted is handed on. */
  idle(): Promise<void> {
    if (this.#order.openCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Ends the threads. What was not handed on is lost to the caller: wait for `idle` first. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#hold);
    this.#hold = undefined;
    this.#doorbell.ring();
    await this.#piscina?.destroy();
  }

  #pumpSoon(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      if (!this.#isClosed) this.#pump();
    });
  }

  /** Gives out what can be given out, oldest first. */
  #pump(): void {
    for (let open = this.#ready[0]; open !== undefined; open = this.#ready[0]) {
      const rest = open.chunk.bytes - open.encodedTo;
      const inline = rest < this.#inlineBytesMax || this.#links.length === 0;
      const link = inline ? undefined : this.#freeLink();
      if (!inline && link === undefined) break;
      const output = this.#claimOutput(open);
      if (output === undefined) break;
      this.#ready.shift();
      const task = this.#taskOf(open, output);
      if (link === undefined) this.#completed({ open, output }, this.#encoder.encode(task));
      else this.#submitTo(link, { ticket: this.#ticket++, task, tag: { open, output } });
    }
    this.#holdWhileOpen();
    if (this.#order.openCount === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /** The started worker with the fewest tasks; another one is started when all of them are busy. */
  #freeLink(): WorkerLink<Job<Chunk>> | undefined {
    const started = this.#links.slice(0, this.#started);
    const idle = started.find((link) => link.openCount === 0);
    if (idle !== undefined) return idle;
    if (this.#started < this.#links.length) {
      const link = present(this.#links[this.#started], 'the index is below the length');
      this.#started += 1;
      void this.#run(link);
      return link;
    }
    return started.find((link) => link.hasRoom);
  }

  #claimOutput(open: OpenChunk<Chunk>): Run | undefined {
    const { arena, batchBytesMax } = this.#options;
    const run = arena.claim(this.#outputBytes(open));
    if (run !== undefined || open !== this.#order.oldest) return run;
    const reserve = this.#reserve;
    this.#reserve = undefined;
    assert(reserve === undefined || reserve.bytes >= batchBytesMax, 'the reserve holds a batch');
    return reserve;
  }

  /** No more than a batch, and no more than the input can become: a record for each byte at worst. */
  #outputBytes({ chunk, encodedTo }: OpenChunk<Chunk>): number {
    const expanded = (chunk.bytes - encodedTo) * (RECORD_OVERHEAD_BYTES_MAX + chunk.trailerBytes);
    const one = RECORD_OVERHEAD_BYTES_MAX + chunk.trailerBytes;
    return Math.min(this.#options.batchBytesMax, BATCH_HEADER_BYTES + expanded + one);
  }

  #taskOf({ chunk, encodedTo }: OpenChunk<Chunk>, output: Run): EncodeTask {
    const { batchBytesMax, compressor } = this.#options;
    return {
      inputAddress: chunk.input.address + encodedTo,
      inputBytes: chunk.bytes - encodedTo,
      outputAddress: output.address,
      outputBytes: output.bytes,
      trailerAddress: chunk.trailerAddress,
      trailerBytes: chunk.trailerBytes,
      recordBytesMax: chunk.recordBytesMax,
      flags: chunk.flags,
      batchBytesMax,
      codec: compressor.id,
      level: compressor.level ?? 0,
      timestampMs: chunk.timestampMs,
    };
  }

  #completed({ open, output }: Job<Chunk>, result: EncodeResult): void {
    const { arena } = this.#options;
    const { chunk } = open;
    const from = open.encodedTo;
    const to = from + result.consumedBytes;
    const last = to === chunk.bytes;
    if (last) arena.free(chunk.input);
    else this.#readyAgain(open);
    this.#order.done(open, {
      chunk,
      from,
      to,
      last,
      sealed: this.#sealed(output, result, chunk.timestampMs),
      emptyCount: result.emptyCount,
      longCount: result.longCount,
    });
  }

  /** Back among the others by age: the oldest chunk alone may take the reserve, so nothing younger may stand before it. */
  #readyAgain(open: OpenChunk<Chunk>): void {
    const younger = this.#ready.findIndex((other) => other.chunk.number > open.chunk.number);
    this.#ready.splice(younger < 0 ? this.#ready.length : younger, 0, open);
  }

  #sealed(output: Run, result: EncodeResult, timestampMs: number): EncodedPart['sealed'] {
    const { arena } = this.#options;
    const { batchBytes, recordCount, payloadCrc, attributes, rawBytes } = result;
    if (batchBytes === 0) {
      arena.free(output);
      return undefined;
    }
    const run = arena.trim(output, batchBytes);
    return { run, batchBytes, recordCount, payloadCrc, attributes, rawBytes, timestampMs };
  }

  #submitTo(link: WorkerLink<Job<Chunk>>, submission: Submission<Job<Chunk>>): void {
    link.submit(submission);
    void this.#listen();
  }

  /** Takes completions while there is anything to complete. */
  async #listen(): Promise<void> {
    if (this.#isListening) return;
    this.#isListening = true;
    while (!this.#isClosed && this.#links.some((link) => link.openCount > 0)) {
      const seen = this.#doorbell.read();
      if (this.#takeCompletions() === 0) await this.#doorbell.wait(seen);
    }
    this.#isListening = false;
  }

  #takeCompletions(): number {
    let taken = 0;
    for (const link of this.#links) {
      for (let next = link.next(); next !== undefined; next = link.next()) {
        this.#completed(next.submission.tag, next.result);
        taken += 1;
      }
    }
    if (taken > 0) this.#pump();
    return taken;
  }

  /** One endless task for a worker; when its thread dies, another takes over its rings. */
  async #run(link: WorkerLink<Job<Chunk>>): Promise<void> {
    this.#piscina ??= this.#createPiscina();
    try {
      await this.#piscina.run({ worker: link.worker });
    } catch (error) {
      if (!this.#isClosed) this.#replace(link, error);
    }
  }

  #createPiscina(): Piscina {
    const { memory, layout, compressor, workerFile } = this.#options;
    const setup: WorkerSetup = {
      memory: memory.memory,
      layout,
      codec: compressor.id,
      level: compressor.level,
    };
    return new Piscina({
      filename: (workerFile ?? workerEntry).href,
      name: 'serve',
      minThreads: 0,
      maxThreads: this.#links.length,
      idleTimeout: Infinity,
      // The default waits in a way that never turns the worker's event loop, and codecs free their output from there.
      atomics: 'disabled',
      recordTiming: false,
      workerData: setup,
    });
  }

  #replace(link: WorkerLink<Job<Chunk>>, cause: unknown): void {
    this.#takeCompletions();
    const left = link.recover();
    if (link.fruitlessStarts >= FRUITLESS_STARTS_MAX) {
      this.#options.onFault(this.#faultOf(left[0], cause));
      return;
    }
    void this.#run(link);
    for (const submission of left) this.#submitTo(link, submission);
  }

  #faultOf(first: Submission<Job<Chunk>> | undefined, cause: unknown): Bug {
    const chunk = first?.tag.open.chunk;
    const place = chunk === undefined ? '' : ` at chunk ${chunk.number} of ${chunk.bytes} bytes`;
    const why = cause instanceof Error ? cause.message : String(cause);
    return new Bug(
      `${FRUITLESS_STARTS_MAX} encoder threads ended one after the other${place}: ${why}`,
      {
        cause,
      },
    );
  }

  /** `waitAsync` keeps no process alive, so a handle does while a worker has something. */
  #holdWhileOpen(): void {
    const isOpen = this.#order.openCount > 0;
    if (isOpen) this.#hold ??= setInterval(() => undefined, 2 ** 30);
    if (isOpen || this.#hold === undefined) return;
    clearInterval(this.#hold);
    this.#hold = undefined;
  }
}
