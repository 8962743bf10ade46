import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { SetupError } from '../shared/errors.ts';
import type { InputClock } from './clock.ts';
import {
  FileFaults,
  NO_SIZE,
  NOT_REGULAR,
  NOT_UTF8,
  describeFileFault,
  fileFault,
} from './file-faults.ts';
import { identityKey, identityOf } from './file-identity.ts';
import { PathPatterns } from './glob.ts';
import type { InputNotice } from './input.ts';

/** A regular file that a pattern leads to. */
export interface SeenFile {
  readonly path: string;
  /** Equal for all names of a file. */
  readonly key: string;
  readonly size: number;
  /** Whole milliseconds since 1970. */
  readonly modifiedMs: number;
}

export interface FileScanOptions {
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  /** In the first scan a path that cannot be read, or a pattern that leads to nothing, is a fault of the set-up. */
  readonly require: boolean;
  readonly clock: InputClock;
  readonly report: (notice: InputNotice) => void;
  /** Once for each file of a scan. What it throws is told as a fault of the path. */
  readonly onSeen: (file: SeenFile) => void;
  readonly isStopped: () => boolean;
}

/** Looks at this many paths, then other work gets its turn. */
const SLICE_PATHS = 256;
/** Stands in a listed name for bytes that are no UTF-8: under the name that comes of it there is nothing. */
const REPLACEMENT = '\uFFFD';

/** Looks at everything that the patterns lead to: the truth about which files are there. */
export class FileScan {
  readonly patterns: PathPatterns;
  readonly faults: FileFaults;
  /** How long a scan takes: the shorter of the last two, since time passes for other processes too. */
  lastMs = 0;
  /** Where matching names may appear, as of the last scan. */
  directories: readonly string[] = [];
  readonly #options: FileScanOptions;
  readonly #seen = new Set<string>();
  #isFirst = true;
  #previousMs = Infinity;

  constructor(options: FileScanOptions) {
    this.#options = options;
    this.patterns = new PathPatterns(options.paths, options.exclude);
    this.faults = new FileFaults(options.report);
  }

  /** @throws {SetupError} in the first scan: what is required cannot be read, or is not there */
  async run(): Promise<void> {
    const { clock, isStopped } = this.#options;
    const beganMs = clock.nowMs();
    const { paths, directories, faults, barren } = this.patterns.find();
    const faulty = new Set([...paths, ...faults.map(({ path }) => path)]);
    this.directories = directories;
    this.faults.forgetAllBut(new Set([...paths, ...directories]));
    for (const path of directories) if (!faulty.has(path)) this.faults.clear(path);
    for (const { path, error } of faults) this.#refuse(path, error, 'It is tried again');
    const [pattern] = barren;
    if (pattern !== undefined && this.#isRequired) {
      const fix = 'Fix: check the path, and what is in its directory';
      throw new SetupError('noInput', `${pattern} leads to no file. ${fix}`);
    }
    this.#seen.clear();
    for (const [index, path] of paths.entries()) {
      if (index % SLICE_PATHS === SLICE_PATHS - 1) await nextTurn(clock);
      if (isStopped()) return;
      this.#lookAt(path);
    }
    this.#isFirst = false;
    const tookMs = clock.nowMs() - beganMs;
    this.lastMs = Math.min(tookMs, this.#previousMs);
    this.#previousMs = tookMs;
  }

  /**
   * Looks at one path out of turn. What is found counts as seen by the scan that is under way.
   *
   * @returns undefined when no regular file is there: the next scan says why
   */
  lookNow(path: string): SeenFile | undefined {
    try {
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats?.isFile() !== true) return undefined;
      const seen = seenAt(path, stats);
      this.#seen.add(seen.key);
      return seen;
    } catch {
      return undefined;
    }
  }

  /** Whether the last scan came upon the file. */
  hasSeen(key: string): boolean {
    return this.#seen.has(key);
  }

  tell(path: string, error: NodeJS.ErrnoException, next: string): void {
    this.faults.tell(path, error.code ?? '', `${describeFileFault(path, error)}. ${next}.`);
  }

  #lookAt(path: string): void {
    const isLiteral = this.patterns.literals.has(path);
    try {
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats?.isFile() === true) this.#see(path, stats);
      else if (stats === undefined && path.includes(REPLACEMENT)) throw fileFault(NOT_UTF8);
      else if (isLiteral) throw fileFault(faultOf(stats));
      this.faults.clear(path);
    } catch (caught) {
      const error = caught as NodeJS.ErrnoException;
      const isMissing = error.code === 'ENOENT';
      const next = isMissing ? 'It is read as soon as it is there' : 'It is tried again';
      this.#refuse(path, error, next);
    }
  }

  #see(path: string, stats: BigIntStats): void {
    const seen = seenAt(path, stats);
    if (this.#seen.has(seen.key)) return;
    if (this.#isRequired && seen.size === 0 && hasBytes(path)) throw fileFault(NO_SIZE);
    this.#seen.add(seen.key);
    this.#options.onSeen(seen);
  }

  get #isRequired(): boolean {
    return this.#options.require && this.#isFirst;
  }

  #refuse(path: string, error: NodeJS.ErrnoException, next: string): void {
    if (this.#isRequired) {
      throw new SetupError('noInput', describeFileFault(path, error), { cause: error });
    }
    this.tell(path, error, next);
  }
}

/** As a file of /proc has, whose size is 0 all the same. */
function hasBytes(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    return readSync(fd, new Uint8Array(1), 0, 1, 0) > 0;
  } finally {
    closeSync(fd);
  }
}

function seenAt(path: string, stats: BigIntStats): SeenFile {
  const modifiedMs = Number(stats.mtimeMs);
  return { path, key: identityKey(identityOf(stats)), size: Number(stats.size), modifiedMs };
}

function faultOf(stats: BigIntStats | undefined): string {
  if (stats === undefined) return 'ENOENT';
  return stats.isDirectory() ? 'EISDIR' : NOT_REGULAR;
}

function nextTurn(clock: InputClock): Promise<void> {
  return new Promise((resolve) => {
    clock.soon(resolve);
  });
}
