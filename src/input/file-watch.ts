import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import type { InputClock } from './clock.ts';

export interface DirectoryWatchHooks {
  /** Something happened to `name` in the directory; `isRename`: a name came or went. A hint: it may be late, doubled, or never come. */
  readonly onHint: (directory: string, name: string | undefined, isRename: boolean) => void;
  /** No hints come from the directory any more: look yourself. `error` when it is not for being busy. */
  readonly onUnwatched: (directory: string, error: NodeJS.ErrnoException | undefined) => void;
}

interface WatchedDirectory {
  watcher: FSWatcher | undefined;
  /** Unwatched because it gave too many hints: else because it cannot be watched. */
  isBusy: boolean;
  /** Which directory is watched: a watch stays with it when its path leads to another. */
  key: string | undefined;
  windowEndMs: number;
  events: number;
}

/** An event costs as much as a look at the file, and a file that is written line by line makes one of each line. */
const BUSY_EVENTS = 16;
const BUSY_WINDOW_MS = 50;

/**
 * Hints from directories. A busy directory is no longer watched, because its events would cost more than polling its files; whoever
 * polls them says `rearm` when it is quiet again.
 */
export class DirectoryWatches {
  readonly #clock: InputClock;
  readonly #hooks: DirectoryWatchHooks;
  readonly #directories = new Map<string, WatchedDirectory>();

  constructor(clock: InputClock, hooks: DirectoryWatchHooks) {
    this.#clock = clock;
    this.#hooks = hooks;
  }

  /** Directories that are known and give no hints. */
  get unwatched(): string[] {
    return [...this.#directories]
      .filter(([, { watcher }]) => watcher === undefined)
      .map(([directory]) => directory);
  }

  /** Those of the unwatched that can be watched again when they are quiet. */
  get busy(): string[] {
    return [...this.#directories]
      .filter(([, { watcher, isBusy }]) => watcher === undefined && isBusy)
      .map(([directory]) => directory);
  }

  isWatched(directory: string): boolean {
    return this.#directories.get(directory)?.watcher !== undefined;
  }

  /**
   * Exactly these from now on. What could not be watched is tried again, and what was replaced is watched anew.
   *
   * @returns whether some are newly watched, or cannot be: what happened in them before is not hinted
   */
  set(directories: ReadonlySet<string>): boolean {
    for (const [directory, { watcher }] of this.#directories) {
      if (directories.has(directory)) continue;
      watcher?.close();
      this.#directories.delete(directory);
    }
    let hasNew = false;
    for (const directory of directories) {
      const known = this.#directories.get(directory);
      if (known?.watcher !== undefined && known.key === keyOf(directory)) continue;
      if (known?.watcher === undefined && known?.isBusy === true) continue;
      if (this.#watchAnew(directory, known)) hasNew = true;
    }
    return hasNew;
  }

  /** @returns whether anything is other than before */
  #watchAnew(directory: string, known: WatchedDirectory | undefined): boolean {
    const wasWatched = known?.watcher !== undefined;
    known?.watcher?.close();
    const watched = known ?? newDirectory();
    watched.watcher = undefined;
    this.#directories.set(directory, watched);
    const error = this.#tryToWatch(directory, watched);
    if (error === undefined) return true;
    if (known !== undefined && !wasWatched) return false;
    this.#hooks.onUnwatched(directory, error);
    return true;
  }

  /** Watches again. What happened before this returns may not be hinted: look once more. @returns whether it is watched now */
  rearm(directory: string): boolean {
    const watched = this.#directories.get(directory);
    if (watched === undefined || watched.watcher !== undefined) return watched !== undefined;
    const error = this.#tryToWatch(directory, watched);
    if (error !== undefined) this.#hooks.onUnwatched(directory, error);
    return error === undefined;
  }

  close(): void {
    this.set(new Set());
  }

  #tryToWatch(directory: string, watched: WatchedDirectory): NodeJS.ErrnoException | undefined {
    watched.events = 0;
    watched.isBusy = false;
    try {
      // Before it is watched: replaced in between, it is watched again after the next scan.
      watched.key = keyOf(directory);
      watched.watcher = this.#watch(directory, watched);
      return undefined;
    } catch (error) {
      return error as NodeJS.ErrnoException;
    }
  }

  #watch(directory: string, watched: WatchedDirectory): FSWatcher {
    const watcher = watch(directory, { persistent: true }, (event, name) => {
      if (watched.watcher !== watcher) return;
      this.#hooks.onHint(directory, name ?? undefined, event === 'rename');
      if (this.#isBusy(watched)) this.#unwatch(directory, watched, undefined);
    });
    watcher.on('error', (error) => {
      this.#unwatch(directory, watched, error);
    });
    return watcher;
  }

  #isBusy(watched: WatchedDirectory): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= watched.windowEndMs) {
      watched.windowEndMs = nowMs + BUSY_WINDOW_MS;
      watched.events = 0;
    }
    watched.events += 1;
    return watched.events >= BUSY_EVENTS;
  }

  #unwatch(directory: string, watched: WatchedDirectory, error: Error | undefined): void {
    watched.watcher?.close();
    watched.watcher = undefined;
    watched.isBusy = error === undefined;
    this.#hooks.onUnwatched(directory, error);
  }
}

function newDirectory(): WatchedDirectory {
  return { watcher: undefined, isBusy: false, key: undefined, windowEndMs: 0, events: 0 };
}

function keyOf(directory: string): string | undefined {
  try {
    const stats = statSync(directory, { throwIfNoEntry: false });
    return stats === undefined ? undefined : `${String(stats.dev)}:${String(stats.ino)}`;
  } catch {
    return undefined;
  }
}
