/** The log that the demo ships: realistic lines, each with a number of its own, so that a reader can tell what is lost, doubled or out of order. */
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Input } from '../input/input.ts';
import { SetupError } from '../shared/errors.ts';

export interface SampleLogOptions {
  readonly path: string;
  readonly linesPerSecond: number;
  /** A file of this size is renamed to this path, where it takes the place of the one before, and a new one is begun. */
  readonly rotatedPath: string;
  readonly rotateBytes: number;
  readonly onRotated: () => void;
}

/** Different lines: with fewer, the window of a codec would hold them all, and the ratio would be too good to be true. */
const LINES_IN_BLOCK = 1024;
const TICK_MS = 20;
/** After a pause of the machine, or when the disk is slow, so much is caught up at most. */
const CATCH_UP_MS_MAX = 1000;
const HEAD = '{"time":"';
const TIME_BYTES = 24;
const BEFORE_NUMBER = '","request":"';
const NUMBER_AT = HEAD.length + TIME_BYTES + BEFORE_NUMBER.length;
const NUMBER_BYTES = 12;
const ZERO = 48;

/** A file that grows. Its lines are made once; at each writing they get the time and their numbers. */
export class SampleLog {
  readonly options: SampleLogOptions;
  /** Rejects when it cannot be written any more; never resolves. */
  readonly failed: Promise<never>;
  readonly #block: SampleBlock = createBlock();
  #fail: (error: Error) => void = () => undefined;
  #file: FileHandle | undefined;
  #fileBytes = 0;
  #lines = 0;
  #bytes = 0;
  /** Number of the first line of each file after the first. */
  readonly #fileStarts: number[] = [];
  #writing: Promise<void> = Promise.resolve();
  #isEnding = false;

  constructor(options: SampleLogOptions) {
    this.options = options;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // It may fail when nobody waits for it any more.
    this.failed.catch(() => undefined);
  }

  get lines(): number {
    return this.#lines;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get rotations(): number {
    return this.#fileStarts.length;
  }

  /** Which file, from 0 on, holds the line: a file is a source, and only within it order is promised. */
  fileOf(line: number): number {
    return this.#fileStarts.findLastIndex((start) => start <= line) + 1;
  }

  /**
   * Creates the file, empty, in the place of what an earlier demo has left.
   *
   * @throws {SetupError} when it cannot be written
   */
  async create(): Promise<void> {
    const { path, rotatedPath } = this.options;
    const newPath = `${path}.new`;
    try {
      this.#file = await open(newPath, 'w');
      // While the old ones are there, it cannot get the inode number of one: the checkpoint still knows those.
      await rename(newPath, path);
      await rm(rotatedPath, { force: true });
    } catch (error) {
      throw writeFault(path, error);
    }
  }

  /**
   * Lets it grow.
   *
   * @param backlogBytes how much of it is not read yet: it waits for its reader, so that it cannot fill the disk
   */
  grow(backlogBytes: () => number): void {
    this.#writing = this.#run(backlogBytes).catch((error: unknown) => {
      this.#fail(writeFault(this.options.path, error));
    });
  }

  /** Resolves when nothing is written any more. */
  async finish(): Promise<void> {
    this.#isEnding = true;
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #run(backlogBytes: () => number): Promise<void> {
    const { linesPerSecond, rotateBytes } = this.options;
    let owed = 0;
    let beforeMs = performance.now();
    while (!this.#isEnding) {
      const nowMs = performance.now();
      owed += (Math.min(nowMs - beforeMs, CATCH_UP_MS_MAX) / 1000) * linesPerSecond;
      owed = Math.min(owed, (CATCH_UP_MS_MAX / 1000) * linesPerSecond);
      beforeMs = nowMs;
      while (owed >= 1 && backlogBytes() < rotateBytes) {
        owed -= await this.#append(Math.floor(owed));
        if (this.#hasToEnd()) return;
      }
      await sleep(TICK_MS);
    }
  }

  #hasToEnd(): boolean {
    return this.#isEnding;
  }

  /** @returns the lines written, fewer than `count` at the end of the block */
  async #append(count: number): Promise<number> {
    const first = this.#lines % LINES_IN_BLOCK;
    const lines = Math.min(count, LINES_IN_BLOCK - first);
    const bytes = stampLines(this.#block, first, lines, this.#lines, new Date().toISOString());
    await this.#file?.appendFile(bytes);
    this.#lines += lines;
    this.#bytes += bytes.length;
    this.#fileBytes += bytes.length;
    if (this.#fileBytes >= this.options.rotateBytes) await this.#rotate();
    return lines;
  }

  /** As logrotate does with `create`: the reader finds the old file by its identity, and reads it to its end. */
  async #rotate(): Promise<void> {
    const { path, rotatedPath, onRotated } = this.options;
    await this.#file?.close();
    await rename(path, rotatedPath);
    this.#file = await open(path, 'w');
    this.#fileBytes = 0;
    this.#fileStarts.push(this.#lines);
    onRotated();
  }
}

/** How long the end waits for the reader: what it has not read by then stays in the file. */
const READ_MS_MAX = 10_000;
const READ_POLL_MS = 5;

/** A tail that brings its log along: it begins to grow when it is read, and is read to its end when it has stopped growing. */
export function growingTail(tail: Input, log: SampleLog): Input {
  const backlogBytes = (): number => log.bytes - tail.counters.readBytes;
  return {
    describe: tail.describe,
    counters: tail.counters,
    ended: Promise.race([tail.ended, log.failed]),
    start: async () => {
      await tail.start();
      log.grow(backlogBytes);
    },
    stop: async () => {
      await log.finish();
      const untilMs = performance.now() + READ_MS_MAX;
      while (backlogBytes() > 0 && performance.now() < untilMs) await sleep(READ_POLL_MS);
      await tail.stop();
    },
  };
}

/** The number in a line of a sample log, undefined when it is not one. */
export function sampleNumber(line: Buffer): number | undefined {
  if (line.length <= NUMBER_AT + NUMBER_BYTES) return undefined;
  if (line.toString('latin1', 0, HEAD.length) !== HEAD) return undefined;
  if (line.toString('latin1', HEAD.length + TIME_BYTES, NUMBER_AT) !== BEFORE_NUMBER)
    return undefined;
  let number = 0;
  for (let at = NUMBER_AT; at < NUMBER_AT + NUMBER_BYTES; at += 1) {
    const digit = line.readUInt8(at) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return number;
}

interface SampleBlock {
  readonly bytes: Buffer;
  /** Where each line begins, and where the last one ends. */
  readonly starts: readonly number[];
}

function createBlock(): SampleBlock {
  const pick = createPick();
  const lines = Array.from({ length: LINES_IN_BLOCK }, () => sampleLine(pick));
  const starts = [0];
  let end = 0;
  for (const line of lines) starts.push((end += line.length));
  return { bytes: Buffer.from(lines.join(''), 'latin1'), starts };
}

/** Gives `count` lines of the block, from the line `first` on, the time and the numbers from `number` on. */
function stampLines(
  { bytes, starts }: SampleBlock,
  first: number,
  count: number,
  number: number,
  time: string,
): Buffer {
  for (let line = 0; line < count; line += 1) {
    const start = starts[first + line] ?? 0;
    bytes.write(time, start + HEAD.length, 'latin1');
    let rest = number + line;
    for (let at = start + NUMBER_AT + NUMBER_BYTES - 1; at >= start + NUMBER_AT; at -= 1) {
      bytes[at] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }
  return bytes.subarray(starts[first], starts[first + count]);
}

type Pick = <T>(choices: readonly T[]) => T;

const services = ['checkout', 'catalog', 'search', 'payments', 'accounts', 'shipping'] as const;
const methods = ['GET', 'GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE'] as const;
const things = ['orders', 'items', 'carts', 'customers', 'invoices', 'parcels'] as const;
const outcomes = [
  ...Array.from({ length: 12 }, () => ({ status: 200, level: 'info' })),
  { status: 201, level: 'info' },
  { status: 304, level: 'info' },
  { status: 404, level: 'warn' },
  { status: 503, level: 'error' },
] as const;
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)',
  'curl/8.14.1',
  'okhttp/5.1.0',
] as const;

function sampleLine(pick: Pick): string {
  const digits = Array.from({ length: 10 }, (_, digit) => digit);
  const number = (length: number): number =>
    Number(Array.from({ length }, () => pick(digits)).join(''));
  const { status, level } = pick(outcomes);
  const rest = {
    level,
    service: pick(services),
    method: pick(methods),
    path: `/api/v1/${pick(things)}/${number(6)}`,
    status,
    ms: number(4) / 10,
    bytes: number(5),
    client: `10.${number(2)}.${number(2)}.${number(2)}`,
    agent: pick(agents),
  };
  const time = ' '.repeat(TIME_BYTES);
  const zeros = '0'.repeat(NUMBER_BYTES);
  return `${HEAD}${time}${BEFORE_NUMBER}${zeros}",${JSON.stringify(rest).slice(1)}\n`;
}

/** The same lines in every demo: a linear congruential generator of 2^32, of which the high bits are used. */
function createPick(): Pick {
  let state = 20_261_121;
  return <T>(choices: readonly T[]): T => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return choices[Math.floor((state / 2 ** 32) * choices.length)] as T;
  };
}

function writeFault(path: string, error: unknown): SetupError {
  const { code, message } = error as NodeJS.ErrnoException;
  const isForbidden = code === 'EACCES' || code === 'EPERM';
  const fix =
    code === 'ENOSPC'
      ? 'free some space, or name another folder with --dir'
      : 'name a folder with --dir that this user can write';
  return new SetupError(
    isForbidden ? 'noPermission' : 'ioError',
    `the sample log ${path} cannot be written: ${message}. Fix: ${fix}`,
    { cause: error },
  );
}
