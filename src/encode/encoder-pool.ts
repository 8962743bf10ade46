/**
 * Stage 3 of 7, main's side. Gives chunks to the workers, takes sealed batches back, hands them on in each lane's chunk order.
 * From: closed chunks. To: the partitions' queues. Bounds: two tasks a worker; the arena, for the output.
 * Crash: a worker that dies is replaced on the same rings, and what it had not completed is encoded again; its runs are main's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { codecs, type Compressor } from '../kafka/compression.ts';
import { BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import type { Arena } from '../ring/arena.ts';
import type { MemoryLayout } from '../ring/memory-layout.ts';
import { Doorbell } from '../ring/ring-wait.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert, Bug, present } from '../shared/assert.ts';
import { ChunkEncoder } from './encode-chunk.ts';
import {
  EncodeOrder,
  isOldest,
  isRecords,
  type ChunkToEncode,
  type EncodedPart,
  type OpenChunk,
} from './encode-order.ts';
import type { EncodeResult, EncodeTask } from './encode-task.ts';
import type { Kernel } from './kernel.ts';
import { OutputClaims, type Job, type LaneShares } from './output-claims.ts';
import { ReadyChunks } from './ready-chunks.ts';
import { WorkerLink, type Submission } from './worker-link.ts';
import { WorkerThreads } from './worker-threads.ts';

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
  /**
   * Whether main has nothing else to do than to encode. A fast codec is done sooner here then than a worker that has to fetch the bytes from
   * another processor. Left out: never.
   */
  readonly isMainIdle?: (() => boolean) | undefined;
  /** Chunks of a lane are handed on in their order, and lanes do not wait for each other. Left out: there is one, and all memory is for it. */
  readonly lanes?: {
    readonly nameOf: (chunk: Chunk) => string;
    readonly shares: LaneShares;
  };
  /** Called for each part in order; may be called from within `submit`, and may submit itself. */
  readonly onPart: (part: EncodedPart<Chunk>) => void;
  /**
   * Encoding cannot go on, and does not: a chunk killed every worker that touched it, a worker cannot start, or it threw on main. Called once,
   * with what is not wholly handed on and never will be; its memory stays claimed, as a worker may still be at it.
   */
  readonly onFault: (error: Error, left: readonly Chunk[]) => void;
  /** Entry of the worker threads; tests put theirs. */
  readonly workerFile?: URL;
}

const INLINE_BYTES_MAX = 32 * 1024;
/** Threads that take over the same rings and end before they have completed anything: one more would not help. */
const FRUITLESS_STARTS_MAX = 3;
/** A task takes milliseconds. A thread that is still at one after this is stuck, and is ended in the middle of it. */
const STOP_MS_MAX = 2000;

export class EncoderPool<Chunk extends ChunkToEncode> {
  readonly #options: EncoderPoolOptions<Chunk>;
  readonly #inlineBytesMax: number;
  readonly #encoder: ChunkEncoder;
  readonly #order: EncodeOrder<Chunk>;
  readonly #links: readonly WorkerLink<Job<Chunk>>[];
  readonly #doorbell: Doorbell;
  readonly #ready = new ReadyChunks<Chunk>();
  readonly #outputs: OutputClaims<Chunk>;
  #threads: WorkerThreads | undefined;
  #started = 0;
  /** One for each started worker; settles when the worker has ended for good. */
  readonly #runs: Promise<void>[] = [];
  #ticket = 0;
  #hold: NodeJS.Timeout | undefined;
  #isListening = false;
  #isTurning = false;
  #isTurnPlanned = false;
  #isFaulty = false;
  #isClosed = false;
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
    this.#outputs = new OutputClaims(memory, arena, options.batchBytesMax, options.lanes?.shares);
    // Before the inputs, which also wait for room: they would take it away piece by piece.
    arena.onFree(() => {
      if (this.#isClosed) return;
      this.#outputs.refill();
      this.roomChanged();
    }, 'first');
  }

  /** Not wholly handed on, each lane's in its order. */
  get openChunks(): readonly Chunk[] {
    return this.#order.openChunks;
  }

  submit(chunk: Chunk): void {
    assert(!this.#isClosed, 'nothing is submitted after close');
    this.#ready.add(this.#order.add(chunk, this.#options.lanes?.nameOf(chunk) ?? ''));
    this.#turn();
  }

  /** A lane may have more memory than before. */
  roomChanged(): void {
    if (!this.#ready.isEmpty) this.#turnSoon();
  }

  /** Resolves when everything that was submitted is handed on, or never will be because the pool was closed or has a fault. */
  idle(): Promise<void> {
    if (this.#order.openCount === 0 || this.#isFaulty) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /**
   * Ends the threads, each after the tasks that it has, or after two seconds. What was not handed on is lost, and its runs stay claimed: wait
   * for `idle` first.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#hold);
    this.#hold = undefined;
    this.#doorbell.ring();
    for (const link of this.#links.slice(0, this.#started)) link.stop();
    const patience = new AbortController();
    const lateness = sleep(STOP_MS_MAX, undefined, { signal: patience.signal }).catch(
      () => undefined,
    );
    await Promise.race([Promise.all(this.#runs), lateness]);
    patience.abort();
    await this.#threads?.destroy();
    this.#outputs.close();
    this.#tellIdle();
  }

  #turnSoon(): void {
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    setImmediate(() => {
      this.#isTurnPlanned = false;
      this.#turn();
    });
  }

  /**
   * Takes what is completed and gives out what can be given out. Both call others (`onPart`, who waits for room), and these may submit:
   * such a submission waits for the turn that is under way, or a chunk could overtake another, or be encoded from where it was before.
   *
   * @returns whether anything was completed
   */
  #turn(): boolean {
    if (this.#isTurning || this.#isClosed || this.#isFaulty) return false;
    this.#isTurning = true;
    let taken = 0;
    try {
      taken = this.#takeCompletions();
      this.#giveOut();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Bug(String(error)));
    } finally {
      this.#isTurning = false;
    }
    this.#holdWhileOpen();
    if (this.#order.openCount === 0) this.#tellIdle();
    this.#listenIfWorking();
    return taken > 0;
  }

  #takeCompletions(): number {
    let taken = 0;
    for (const link of this.#links) {
      for (let next = link.next(); next !== undefined; next = link.next()) {
        this.#completed(next.submission.tag, next.result);
        taken += 1;
      }
    }
    return taken;
  }

  /** Oldest first. A lane that waits, for a worker or for memory, stops no other. */
  #giveOut(): void {
    this.#ready.beginRound();
    for (let open = this.#ready.next(); open !== undefined; open = this.#ready.next()) {
      if (this.#staysInPlace(open.chunk)) {
        this.#ready.take();
        this.#sealInPlace(open);
        continue;
      }
      const inline = this.#isInline(open.chunk.bytes - open.encodedTo);
      const link = inline ? undefined : this.#freeLink();
      if (!inline && link === undefined) {
        this.#ready.stop(open);
        continue;
      }
      const job = this.#outputs.claim(open);
      if (job !== undefined) {
        this.#ready.take();
        const task = this.#taskOf(job);
        if (link === undefined) this.#completed(job, this.#encoder.encode(task));
        else link.submit({ ticket: this.#nextTicket(), task, tag: job });
      } else if (isOldest(open) && isRecords(open.chunk)) {
        this.#ready.take();
        this.#sealInPlace(open);
      } else this.#ready.stop(open);
    }
  }

  #isInline(bytes: number): boolean {
    if (bytes < this.#inlineBytesMax || this.#links.length === 0) return true;
    return this.#options.isMainIdle?.() === true;
  }

  #staysInPlace(chunk: Chunk): boolean {
    return isRecords(chunk) && this.#options.compressor.codec === 'none';
  }

  /** Records lie in their batch already, behind its blank header: there is nothing to compress them with, or no room to compress them into. */
  #sealInPlace(open: OpenChunk<Chunk>): void {
    const { arena } = this.#options;
    const { chunk } = open;
    const { bytes: rawBytes, recordCount = 0, timestampMs } = chunk;
    assert(chunk.headBytes === BATCH_HEADER_BYTES, 'records have the room of a header before them');
    const batchBytes = BATCH_HEADER_BYTES + rawBytes;
    const payloadCrc = this.#encoder.crcOf(chunk.input.address + BATCH_HEADER_BYTES, rawBytes);
    const run = arena.trim(chunk.input, batchBytes);
    const attributes = codecs.none;
    this.#order.done(open, {
      chunk,
      from: 0,
      to: rawBytes,
      last: true,
      sealed: { run, batchBytes, recordCount, payloadCrc, attributes, rawBytes, timestampMs },
      emptyCount: 0,
      longCount: 0,
    });
  }

  #nextTicket(): number {
    this.#ticket = (this.#ticket + 1) >>> 0;
    return this.#ticket;
  }

  /** The started worker with the fewest tasks; another one is started when all of them are busy. */
  #freeLink(): WorkerLink<Job<Chunk>> | undefined {
    const started = this.#links.slice(0, this.#started);
    const idle = started.find((link) => link.openCount === 0);
    if (idle !== undefined) return idle;
    if (this.#started < this.#links.length) {
      const link = present(this.#links[this.#started], 'the index is below the length');
      this.#started += 1;
      this.#runs.push(this.#run(link));
      return link;
    }
    return started.find((link) => link.hasRoom);
  }

  #taskOf({ open: { chunk, encodedTo }, output, inputBytes }: Job<Chunk>): EncodeTask {
    const { batchBytesMax, compressor } = this.#options;
    return {
      inputAddress: chunk.input.address + (chunk.headBytes ?? 0) + encodedTo,
      inputBytes,
      outputAddress: output.address,
      outputBytes: output.bytes,
      trailerAddress: chunk.trailerAddress,
      trailerBytes: chunk.trailerBytes,
      recordBytesMax: chunk.recordBytesMax,
      flags: chunk.flags,
      recordCount: chunk.recordCount ?? 0,
      batchBytesMax,
      codec: compressor.id,
      level: compressor.level ?? 0,
      timestampMs: chunk.timestampMs,
    };
  }

  #completed(job: Job<Chunk>, result: EncodeResult): void {
    const { open } = job;
    const { chunk, encodedTo: from } = open;
    const to = from + result.consumedBytes;
    const last = to === chunk.bytes;
    const sealed = this.#sealed(job, result);
    if (last) this.#options.arena.free(chunk.input);
    const { emptyCount, longCount } = result;
    this.#order.done(open, { chunk, from, to, last, sealed, emptyCount, longCount });
    if (!last) this.#ready.add(open);
  }

  #sealed(job: Job<Chunk>, result: EncodeResult): EncodedPart['sealed'] {
    const { timestampMs } = job.open.chunk;
    const { batchBytes, recordCount, payloadCrc, attributes, rawBytes } = result;
    const run = this.#outputs.trim(job, batchBytes);
    if (batchBytes === 0) return undefined;
    return { run, batchBytes, recordCount, payloadCrc, attributes, rawBytes, timestampMs };
  }

  #tellIdle(): void {
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  get #isWorking(): boolean {
    return this.#links.some((link) => link.openCount > 0);
  }

  #listenIfWorking(): void {
    if (!this.#isListening && this.#isWorking) void this.#listen();
  }

  /** Takes turns while workers have anything to complete. */
  async #listen(): Promise<void> {
    this.#isListening = true;
    while (!this.#isClosed && !this.#isFaulty && this.#isWorking) {
      const seen = this.#doorbell.read();
      if (!this.#turn()) await this.#doorbell.wait(seen);
    }
    this.#isListening = false;
  }

  /** One endless task for a worker; when its thread dies, another takes over its rings. */
  async #run(link: WorkerLink<Job<Chunk>>): Promise<void> {
    this.#threads ??= this.#createThreads();
    try {
      await this.#threads.serve(link.worker);
    } catch (error) {
      if (this.#replace(link, error)) await this.#run(link);
    }
  }

  #createThreads(): WorkerThreads {
    const { memory, layout, compressor, workerFile } = this.#options;
    const { id: codec, level } = compressor;
    return new WorkerThreads({
      setup: { memory: memory.memory, layout, codec, level },
      count: this.#links.length,
      workerFile,
      onError: (error) => {
        this.#fail(error);
      },
    });
  }

  /**
   * The loop has ended: its promise is rejected when it threw, or when its thread has exited. After an uncaught error elsewhere in the thread
   * the thread runs nothing of ours any more. So nobody writes to the rings or to the outputs of the tasks that are submitted again.
   *
   * @returns whether another thread is to take over
   */
  #replace(link: WorkerLink<Job<Chunk>>, cause: unknown): boolean {
    this.#turn();
    if (this.#isClosed || this.#isFaulty) return false;
    const left = link.recover();
    if (link.fruitlessStarts >= FRUITLESS_STARTS_MAX) {
      this.#fail(this.#faultOf(left[0], cause));
      return false;
    }
    for (const submission of left) link.submit(submission);
    this.#listenIfWorking();
    return true;
  }

  #fail(error: Error): void {
    if (this.#isFaulty || this.#isClosed) return;
    this.#isFaulty = true;
    this.#options.onFault(error, this.#order.openChunks);
    this.#tellIdle();
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
    if (this.#order.openCount === 0) this.#hold?.unref();
    else (this.#hold ??= setInterval(() => undefined, 2 ** 30)).ref();
  }
}
