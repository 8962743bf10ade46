import { join } from 'node:path';
import { assert } from '../shared/assert.ts';
import { SetupError } from '../shared/errors.ts';
import { decodeGeneration, encodeGeneration, encodeRecord, valueOf } from './checkpoint-file.ts';
import type { CheckpointGeneration } from './checkpoint-file.ts';
import type { StateFiles } from './state-files.ts';
import { stateFilesIn } from './state-files.ts';
import type { StateLock } from './state-lock.ts';
import { lockStateDirectory } from './state-lock.ts';

/** What the operator should know of the checkpoint; each is told once until it is over. */
export interface CheckpointNotice {
  readonly event: 'checkpointDamaged' | 'checkpointWriteFailed' | 'checkpointWriteRecovered';
  readonly message: string;
}

export interface CheckpointOptions {
  readonly directory: string;
  /** Between two writes, while positions change. Default 1000 ms. */
  readonly intervalMs?: number;
  readonly report: (notice: CheckpointNotice) => void;
  /** Default: the real directory. */
  readonly files?: StateFiles;
}

/** Generations alternate between two names, so that one whole one is always there. */
const SLOTS = ['checkpoint.0', 'checkpoint.1'] as const;
const INTERVAL_MS = 1000;

/**
 * Stage 7 of 7. Remembers across restarts and kills how far each source is settled.
 * From: sources, when a prefix of them is settled. To: two files in the state directory, written in turn.
 * Bounds: one write at a time, one per interval; as many records as there are keys. After a crash the last whole generation
 * is there, so at most an interval's worth of records is sent again.
 */
export class CheckpointStore {
  readonly #directory: string;
  readonly #files: StateFiles;
  readonly #report: (notice: CheckpointNotice) => void;
  readonly #intervalMs: number;
  readonly #lock: StateLock;
  readonly #values = new Map<string, unknown>();
  /** Encoded records; those of `#stale` keys are encoded again before the next write. */
  readonly #lines: Map<string, string>;
  readonly #stale = new Set<string>();
  /** Set and not asked for yet. */
  readonly #lazy = new Map<string, () => unknown>();
  #generation: number;
  #isDirty = false;
  #isFailing = false;
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<boolean> | undefined;

  private constructor(
    options: CheckpointOptions,
    files: StateFiles,
    lock: StateLock,
    loaded: Loaded,
  ) {
    this.#directory = options.directory;
    this.#files = files;
    this.#report = options.report;
    this.#intervalMs = options.intervalMs ?? INTERVAL_MS;
    this.#lock = lock;
    this.#generation = loaded.generation;
    this.#lines = new Map(loaded.lines);
    for (const [key, line] of this.#lines) this.#values.set(key, valueOf(line));
  }

  /**
   * Locks the state directory, made when it is not there, and reads the newest whole generation.
   *
   * @throws {SetupError} the directory cannot be made or read, another daemon has it, or both generations are damaged
   */
  static async open(options: CheckpointOptions): Promise<CheckpointStore> {
    const files = options.files ?? stateFilesIn(options.directory);
    await orSetupError(files.makeDirectory(), (error) => {
      const { directory } = options;
      return `cannot use state directory ${directory}: ${reasonOf(error)}. Fix: ${fixOf(error, directory)}`;
    });
    const lock = await lockStateDirectory(options.directory);
    try {
      return new CheckpointStore(options, files, lock, await load(options, files));
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** As it was set, a JSON value; undefined when there is none. */
  get(key: string): unknown {
    this.#askForLazy();
    return this.#values.get(key);
  }

  /** Keys and values, in the order in which the keys were first set. */
  entries(): IterableIterator<[string, unknown]> {
    this.#askForLazy();
    return this.#values.entries();
  }

  /** Remembered at once, on the disk within the interval. `value` is a JSON value and is not changed any more. */
  set(key: string, value: unknown): void {
    this.#lazy.delete(key);
    this.#values.set(key, value);
    this.#stale.add(key);
    this.#becomeDirty();
  }

  /**
   * As `set`, with a value that is asked for when it is written, or got: who changes a thousand times a second makes one value a
   * write. To be called at every change.
   */
  setLazily(key: string, value: () => unknown): void {
    if (this.#lazy.get(key) === value) return;
    this.#lazy.set(key, value);
    this.#becomeDirty();
  }

  delete(key: string): void {
    const wasLazy = this.#lazy.delete(key);
    if (!this.#values.delete(key) && !wasLazy) return;
    this.#lines.delete(key);
    this.#stale.delete(key);
    this.#becomeDirty();
  }

  /** Resolves when everything set before is on the disk, or could not be written (which is reported). */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#isDirty) await this.#write();
  }

  /** Writes what is left and lets go of the directory. @returns whether everything that was set is on the disk */
  close(): Promise<boolean> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<boolean> {
    clearTimeout(this.#timer);
    await this.flush();
    await this.#lock.release();
    return !this.#isDirty;
  }

  #askForLazy(): void {
    for (const [key, value] of this.#lazy) {
      this.#values.set(key, value());
      this.#stale.add(key);
    }
    this.#lazy.clear();
  }

  #becomeDirty(): void {
    this.#isDirty = true;
    if (this.#closed !== undefined || this.#timer !== undefined || this.#writing !== undefined)
      return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#write();
    }, this.#intervalMs);
    this.#timer.unref();
  }

  #write(): Promise<void> {
    assert(this.#writing === undefined, 'one write at a time');
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isDirty = false;
    this.#writing = this.#writeGeneration().finally(() => {
      this.#writing = undefined;
      if (this.#isDirty) this.#becomeDirty();
    });
    return this.#writing;
  }

  async #writeGeneration(): Promise<void> {
    this.#askForLazy();
    for (const key of this.#stale) this.#lines.set(key, encodeRecord(key, this.#values.get(key)));
    this.#stale.clear();
    const generation = this.#generation + 1;
    const name = slotOf(generation);
    try {
      this.#assertLocked();
      await this.#files.replace(name, encodeGeneration(generation, this.#lines));
      this.#generation = generation;
      this.#recovered();
    } catch (error) {
      this.#isDirty = true;
      this.#failed(join(this.#directory, name), error as NodeJS.ErrnoException);
    }
  }

  #assertLocked(): void {
    if (!this.#lock.isLost()) return;
    throw new Error('its lock was removed, and a second millrace may be writing here');
  }

  /** Delivery goes on: what a crash would cost then is sending again, not losing. */
  #failed(path: string, error: NodeJS.ErrnoException): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#report({
      event: 'checkpointWriteFailed',
      message:
        `cannot write checkpoint ${path}: ${reasonOf(error)}. Positions are kept in memory and written when it works again; ` +
        `delivery goes on, and a crash before that sends again what was delivered meanwhile. Fix: ${fixOf(error, this.#directory)}`,
    });
  }

  #recovered(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#report({
      event: 'checkpointWriteRecovered',
      message: `checkpoint in ${this.#directory} is written again, all positions are on the disk`,
    });
  }
}

type Loaded = Pick<CheckpointGeneration, 'generation' | 'lines'>;

function slotOf(generation: number): string {
  return SLOTS[generation % 2 === 0 ? 0 : 1];
}

async function load(options: CheckpointOptions, files: StateFiles): Promise<Loaded> {
  const { directory, report } = options;
  let newest: Loaded | undefined;
  const damages: string[] = [];
  for (const name of SLOTS) {
    const bytes = await orSetupError(files.read(name), (error) => {
      const fix = 'Fix: make it a file that this user can read';
      return `cannot read ${join(directory, name)}: ${reasonOf(error)}. ${fix}`;
    });
    if (bytes === undefined) continue;
    const decoded = decodeGeneration(bytes);
    if (typeof decoded === 'string') damages.push(`${join(directory, name)}: ${decoded}`);
    else if (newest === undefined || decoded.generation > newest.generation) newest = decoded;
  }
  if (damages.length > 0) {
    const damaged = damages.join('; ');
    if (newest === undefined) throw damagedBeyondUse(directory, damaged);
    report({
      event: 'checkpointDamaged',
      message:
        `checkpoint damaged, going on from the other generation (${String(newest.generation)}); ` +
        `records delivered after it are sent again. ${damaged}`,
    });
  }
  return newest ?? { generation: 0, lines: new Map() };
}

/** Starting from nothing would send every file again or, with `from: end`, skip what was never sent: that is not ours to choose. */
function damagedBeyondUse(directory: string, damaged: string): SetupError {
  return new SetupError(
    'ioError',
    `no whole checkpoint in ${directory}: ${damaged}. Bring ${SLOTS.join(' or ')} back from a copy, or move both ` +
      'away to start anew: then `from` decides where each file begins',
  );
}

async function orSetupError<T>(
  work: Promise<T>,
  describe: (error: NodeJS.ErrnoException) => string,
): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    throw new SetupError(
      error.code === 'EACCES' || error.code === 'EPERM' ? 'noPermission' : 'cannotCreate',
      describe(error),
      { cause },
    );
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOSPC':
      return 'the disk is full (ENOSPC)';
    case 'EDQUOT':
      return 'the disk quota is used up (EDQUOT)';
    case 'EROFS':
      return 'the file system is read-only (EROFS)';
    case 'EACCES':
    case 'EPERM':
      return `permission denied (${error.code})`;
    case 'ENOENT':
      return 'the directory is gone (ENOENT)';
    case 'ENOTDIR':
    case 'EEXIST':
      return `it is not a directory (${error.code})`;
    case undefined:
    default:
      return error.message;
  }
}

function fixOf(error: NodeJS.ErrnoException, directory: string): string {
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `free space on the file system of ${directory}`;
    case 'EACCES':
    case 'EPERM':
      return `let this user write ${directory}, or set state.dir to a directory that it can write`;
    case 'ENOENT':
      return `make ${directory} again, and check that its file system is mounted`;
    case undefined:
    default:
      return `check ${directory}, or set state.dir to another directory`;
  }
}
