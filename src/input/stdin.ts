import { createReadStream, fstatSync, readFileSync } from 'node:fs';
import { ReadStream, isatty } from 'node:tty';
import { SetupError } from '../shared/errors.ts';
import type { Chunker } from './chunker.ts';
import { describeFileFault } from './file-faults.ts';
import { identityOf, readAnchor } from './file-identity.ts';
import { FileReader } from './file-reader.ts';
import { LineFramer } from './framing.ts';
import { createInputCounters } from './input.ts';
import type { Input, InputCounters, InputGate } from './input.ts';
import { LineStream } from './line-stream.ts';
import { ParkedStream } from './parked-stream.ts';
import { ReadQueue } from './read-queue.ts';
import type { RouteSpec } from './route.ts';
import { TailedFile, fileBeginning } from './tailed-file.ts';
import { readByCopy, readDescriptorInPlace } from './zero-copy-read.ts';
import type { ByteReader, ByteReaderHooks } from './zero-copy-read.ts';

export interface StandardInputOptions {
  readonly route: RouteSpec;
  /** Default 0. */
  readonly fd?: number;
}

const SCRATCH_BYTES = 256 * 1024;

/**
 * Standard input: a pipe, a socket or a terminal is read as it comes, a file that was redirected is read straight into chunks, from
 * where its descriptor stands. `ended` resolves at its end, when all of it is in chunks.
 */
export class StandardInput implements Input {
  readonly describe = 'standard input';
  readonly counters: InputCounters = createInputCounters();
  readonly ended: Promise<void>;
  readonly #gate: InputGate;
  readonly #options: StandardInputOptions;
  #end: () => void = () => undefined;
  #isBroken = false;
  #chunker: Chunker | undefined;
  #stopReading: () => Promise<void> = () => Promise.resolve();

  constructor(gate: InputGate, options: StandardInputOptions) {
    this.#gate = gate;
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  start(): Promise<void> {
    this.#begin();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#stopReading();
    if (this.#chunker !== undefined) this.#gate.chunkers.close(this.#chunker);
    this.#chunker = undefined;
  }

  #begin(): void {
    const fd = this.#options.fd ?? 0;
    const chunker = this.#gate.chunkers.open(this.#options.route);
    if (chunker === undefined) throw noRoom();
    this.#chunker = chunker;
    if (fstatSync(fd).isFile()) this.#readFile(fd);
    else this.#readStream(fd, chunker);
  }

  #readFile(fd: number): void {
    const file = this.#openedFile(fd);
    const finish = (): void => {
      file.isClosed = true;
      this.#chunker?.flush();
      this.#end();
    };
    const reader = new FileReader(this.#gate, this.counters, {
      route: () => this.#options.route,
      onReplaced: (_file, reason) => {
        this.#tell('fileTruncated', `standard input was truncated while it was read: ${reason}`);
      },
      onFailed: (_file, error) => {
        this.#isBroken = true;
        this.#tell('fileUnreadable', `${describeFileFault('standard input', error)}.`);
      },
    });
    const queue = new ReadQueue({
      clock: this.#gate.clock,
      chunkers: this.#gate.chunkers,
      read: (ready) => reader.read(ready),
      onRead: (_file, outcome) => {
        if (outcome !== 'taken') finish();
      },
    });
    file.chunker = this.#chunker;
    queue.add(file);
    this.#stopReading = () => queue.stop();
  }

  #openedFile(fd: number): TailedFile {
    const stats = fstatSync(fd, { bigint: true });
    const position = descriptorPosition(fd);
    const start = { ...fileBeginning, position, anchor: readAnchor(fd, position) };
    const file = new TailedFile({
      fd,
      identity: identityOf(stats),
      path: 'standard input',
      realPath: 'standard input',
      framer: new LineFramer(this.#gate, this.#options.route, this.counters),
      start,
      onSettled: () => undefined,
    });
    file.isFinal = true;
    return file;
  }

  #readStream(fd: number, chunker: Chunker): void {
    const { arena, memory } = this.#gate;
    const scratch = arena.claim(SCRATCH_BYTES);
    if (scratch === undefined) throw noRoom();
    const stream = new ParkedStream(this.#gate, scratch, {
      lines: this.#createLines(chunker),
      onEnded: () => {
        chunker.flush();
        arena.free(scratch);
        this.#end();
      },
      onBroken: (error) => {
        this.#isBroken = true;
        const fix = 'give it a file, a pipe or a terminal that can be read';
        this.#tell('fileUnreadable', `standard input broke: ${error.message}. Fix: ${fix}.`);
      },
    });
    const view = memory.buffer(scratch.address, SCRATCH_BYTES);
    stream.read((hooks) => openStream(fd, view, hooks));
    this.#stopReading = () => stream.stop();
  }

  #createLines(chunker: Chunker): LineStream {
    const gate = this.#gate;
    const source = { id: 'standard input', startPosition: 0, settled: () => undefined };
    // One stream alone: its begun line is bounded by the longest record.
    const budget = { usedBytes: 0, maxBytes: Infinity };
    return new LineStream({ gate, chunker, source, counters: this.counters, budget });
  }

  #tell(event: 'fileTruncated' | 'fileUnreadable', message: string): void {
    this.#gate.report({ event, level: 'warning', message });
  }
}

function openStream(fd: number, view: Buffer, hooks: ByteReaderHooks): ByteReader {
  const stats = fstatSync(fd);
  if (stats.isFIFO() || stats.isSocket()) return readDescriptorInPlace(fd, view, hooks);
  if (isatty(fd)) return readByCopy(new ReadStream(fd), view, hooks);
  return readByCopy(createReadStream('', { fd }), view, hooks);
}

/** Where the next read of the descriptor would begin: `(head -1; millrace produce) < file` hands on a file that is begun. */
function descriptorPosition(fd: number): number {
  const info = readFileSync(`/proc/self/fdinfo/${String(fd)}`, 'utf8');
  return Number(/^pos:\s*(\d+)/m.exec(info)?.[1] ?? 0);
}

function noRoom(): SetupError {
  return new SetupError('config', 'standard input: no room in the arena. Fix: raise buffer.memory');
}
