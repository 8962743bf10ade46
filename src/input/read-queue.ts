import type { Chunkers } from './chunkers.ts';
import type { InputClock } from './clock.ts';
import type { ReadOutcome } from './file-reader.ts';
import type { TailedFile } from './tailed-file.ts';

export interface ReadQueueOptions {
  readonly clock: InputClock;
  readonly chunkers: Pick<Chunkers, 'whenRoom'>;
  readonly read: (file: TailedFile) => ReadOutcome | Promise<ReadOutcome>;
  /** After each read that found room. */
  readonly onRead: (file: TailedFile, outcome: Exclude<ReadOutcome, 'noRoom'>) => void;
}

/** A hung network file system holds on to threads of the pool, and name look-ups need some of the four. */
const READS_IN_FLIGHT_MAX = 2;
/** Then sockets and answers get their turn. */
const TURN_MS_MAX = 4;

/** Whose turn it is to be read: one read each, round robin, at most two at once. Without room in the arena all of them wait. */
export class ReadQueue {
  readonly #options: ReadQueueOptions;
  readonly #ready = new Set<TailedFile>();
  /** There may be more than their read under way sees. */
  readonly #hinted = new Set<TailedFile>();
  #inFlight = 0;
  #isWaitingForRoom = false;
  #isScheduled = false;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: ReadQueueOptions) {
    this.#options = options;
  }

  /** There may be something to read. */
  add(file: TailedFile): void {
    if (this.#isStopped || file.isClosed) return;
    if (file.isReading) {
      this.#hinted.add(file);
      return;
    }
    this.#ready.add(file);
    this.#schedule();
  }

  /** The same, by somebody whose turn it is already: another would cost as much as a look at the file. */
  addNow(files: readonly TailedFile[]): void {
    if (this.#isStopped) return;
    for (const file of files) {
      if (file.isReading) this.#hinted.add(file);
      else if (!file.isClosed) this.#ready.add(file);
    }
    if (this.#ready.size > 0 && !this.#isWaitingForRoom) this.#takeTurn();
  }

  remove(file: TailedFile): void {
    this.#ready.delete(file);
    this.#hinted.delete(file);
  }

  /** No read is begun any more. Resolves when those under way have come back: an `fs.read` cannot be cancelled. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#ready.clear();
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isWaitingForRoom) return;
    this.#isScheduled = true;
    this.#options.clock.soon(() => {
      this.#isScheduled = false;
      this.#takeTurn();
    });
  }

  #takeTurn(): void {
    const { clock, read } = this.#options;
    const endMs = clock.nowMs() + TURN_MS_MAX;
    for (const file of this.#ready) {
      if (this.#isWaitingForRoom || this.#inFlight >= READS_IN_FLIGHT_MAX) return;
      if (clock.nowMs() > endMs) break;
      this.#ready.delete(file);
      const outcome = read(file);
      if (outcome instanceof Promise) this.#await(file, outcome);
      else this.#arrived(file, outcome);
    }
    if (this.#ready.size > 0) this.#schedule();
  }

  #await(file: TailedFile, outcome: Promise<ReadOutcome>): void {
    this.#inFlight += 1;
    void outcome.then((arrived) => {
      this.#inFlight -= 1;
      this.#arrived(file, arrived);
      if (this.#hinted.delete(file)) this.add(file);
      if (this.#ready.size > 0) this.#takeTurn();
      if (this.#inFlight === 0) this.#onIdle?.();
    });
  }

  #arrived(file: TailedFile, outcome: ReadOutcome): void {
    if (outcome === 'noRoom') {
      if (!this.#isStopped) this.#ready.add(file);
      this.#waitForRoom();
      return;
    }
    if (outcome === 'taken' && !this.#isStopped) this.#ready.add(file);
    this.#options.onRead(file, outcome);
  }

  #waitForRoom(): void {
    if (this.#isWaitingForRoom) return;
    this.#isWaitingForRoom = true;
    this.#options.chunkers.whenRoom(() => {
      this.#isWaitingForRoom = false;
      if (!this.#isStopped) this.#takeTurn();
    });
  }
}
