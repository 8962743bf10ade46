import { statSync } from 'node:fs';
import type { InputClock } from './clock.ts';

interface Looked {
  /** What the directory was and when its names changed last; undefined before the first look, `''` while it is not there. */
  stamp: string | undefined;
  /** Its names had changed so shortly before the look that another change might bear the same time. */
  wasFresh: boolean;
}

const INTERVAL_MS = 20;
const QUIET_INTERVAL_MS = 200;
/** Very many directories are looked at less often: this much of a millisecond each. By count: time also passes for other processes. */
const INTERVAL_MS_PER_DIRECTORY = 0.25;
/** The kernel's clock for files goes on in ticks of up to 10 ms. */
const TICK_MS = 20;

/**
 * Notices that names came or went in directories that nobody watches: one stat of each, however many files it has, because a
 * directory's time of modification is that of its last name that came or went.
 */
export class DirectoryLooks {
  readonly #clock: InputClock;
  readonly #onChanged: (directory: string) => void;
  readonly #looked = new Map<string, Looked>();
  #intervalMs = INTERVAL_MS;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: InputClock, onChanged: (directory: string) => void) {
    this.#clock = clock;
    this.#onChanged = onChanged;
  }

  /**
   * Exactly these from now on. A new one counts as changed at its first look.
   *
   * @param hasBusy names in some of them may change quickly
   */
  set(directories: readonly string[], hasBusy: boolean): void {
    const wanted = new Set(directories);
    for (const directory of this.#looked.keys()) {
      if (!wanted.has(directory)) this.#looked.delete(directory);
    }
    for (const directory of wanted) {
      if (this.#looked.has(directory)) continue;
      this.#looked.set(directory, { stamp: undefined, wasFresh: false });
    }
    const intervalMs = hasBusy ? INTERVAL_MS : QUIET_INTERVAL_MS;
    const isSooner = intervalMs < this.#intervalMs;
    this.#intervalMs = intervalMs;
    if (wanted.size === 0 || isSooner) this.stop();
    if (wanted.size > 0 && this.#cancelTimer === undefined) this.#armTimer(intervalMs);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #armTimer(delayMs: number): void {
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#lookAtAll();
    });
  }

  #lookAtAll(): void {
    for (const [directory, looked] of [...this.#looked]) {
      if (this.#hasChanged(directory, looked)) this.#onChanged(directory);
    }
    // `set` may have been called meanwhile.
    if (this.#looked.size > 0 && this.#cancelTimer === undefined) {
      this.#armTimer(Math.max(this.#intervalMs, this.#looked.size * INTERVAL_MS_PER_DIRECTORY));
    }
  }

  #hasChanged(directory: string, looked: Looked): boolean {
    const { stamp, wasFresh } = looked;
    const stats = statOf(directory);
    if (stats === undefined) {
      looked.stamp = '';
      looked.wasFresh = false;
    } else {
      const { dev, ino, mtimeMs } = stats;
      looked.stamp = `${String(dev)}:${String(ino)}:${String(mtimeMs)}`;
      looked.wasFresh = Math.abs(this.#clock.wallMs() - mtimeMs) < TICK_MS;
    }
    return wasFresh || looked.stamp !== stamp;
  }
}

function statOf(
  directory: string,
): { readonly dev: number; readonly ino: number; readonly mtimeMs: number } | undefined {
  try {
    return statSync(directory, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
