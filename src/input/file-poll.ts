import type { InputClock } from './clock.ts';
import type { TailedFile } from './tailed-file.ts';

interface PolledFile {
  intervalMs: number;
  nextMs: number;
}

const HOT_INTERVAL_MS = 3;
const QUIET_INTERVAL_MS = 100;
/** Many quiet files are looked at less often: this much of a millisecond each. */
const QUIET_INTERVAL_MS_PER_FILE = 0.2;

/**
 * Looks at files that nobody hints at. A file that just grew is looked at every 3 ms, one that did not half as often each time,
 * down to ten times a second.
 */
export class FilePoller {
  readonly #clock: InputClock;
  readonly #look: (files: readonly TailedFile[]) => void;
  readonly #files = new Map<TailedFile, PolledFile>();
  #cancelTimer: (() => void) | undefined;
  #timerMs = Infinity;

  /** @param look at files that are due, all of them together; called in a turn of its own */
  constructor(clock: InputClock, look: (files: readonly TailedFile[]) => void) {
    this.#clock = clock;
    this.#look = look;
  }

  get size(): number {
    return this.#files.size;
  }

  has(file: TailedFile): boolean {
    return this.#files.has(file);
  }

  /** Also says that the file has just grown. */
  add(file: TailedFile): void {
    const nextMs = this.#clock.nowMs() + HOT_INTERVAL_MS;
    this.#files.set(file, { intervalMs: HOT_INTERVAL_MS, nextMs });
    this.#armTimer(nextMs);
  }

  /** It may be quiet for long: thousands of such files are not looked at all at once. */
  addQuiet(file: TailedFile): void {
    const intervalMs = this.#quietIntervalMs();
    const nextMs = this.#clock.nowMs() + intervalMs;
    this.#files.set(file, { intervalMs, nextMs });
    this.#armTimer(nextMs);
  }

  /** It grew: look again soon. Nothing for a file that is not polled. */
  grew(file: TailedFile): void {
    if (this.#files.has(file)) this.add(file);
  }

  remove(file: TailedFile): void {
    this.#files.delete(file);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerMs = Infinity;
    this.#files.clear();
  }

  #quietIntervalMs(): number {
    return Math.max(QUIET_INTERVAL_MS, this.#files.size * QUIET_INTERVAL_MS_PER_FILE);
  }

  #armTimer(atMs: number): void {
    if (atMs >= this.#timerMs) return;
    this.#cancelTimer?.();
    this.#timerMs = atMs;
    // At least a millisecond, and in steps: files that are due together are looked at together.
    const delayMs = Math.max(1, Math.ceil(atMs - this.#clock.nowMs()));
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#timerMs = Infinity;
      this.#cancelTimer = undefined;
      this.#lookAtDueFiles();
    });
  }

  #lookAtDueFiles(): void {
    const nowMs = this.#clock.nowMs();
    const quietMs = this.#quietIntervalMs();
    const due: TailedFile[] = [];
    let earliestMs = Infinity;
    for (const [file, polled] of this.#files) {
      if (polled.nextMs <= nowMs) {
        polled.intervalMs = Math.min(quietMs, polled.intervalMs * 2);
        polled.nextMs = nowMs + polled.intervalMs;
        due.push(file);
      }
      earliestMs = Math.min(earliestMs, polled.nextMs);
    }
    if (earliestMs < Infinity) this.#armTimer(Math.max(earliestMs, nowMs + HOT_INTERVAL_MS));
    this.#look(due);
  }
}
