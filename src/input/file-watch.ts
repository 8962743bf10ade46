import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import type { InputClock } from './clock.ts';

export interface DirectoryWatchHooks {
  /** Something happened to `name` in the directory; `isRename`: a name came or went. A hint: it may be late, doubled, or never come. */
  readonly onHint: (directory: string, name: string | undefined, isRename: boolean) => void;
  /** No hints come from the directory for now: look yourself. `error` when it is not for being busy. */
  readonly onUnwatched: (directory: string, error: NodeJS.ErrnoException | undefined) => void;
}

interface WatchedDirectory {
  watcher: FSWatcher | undefined;
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

  isWatched(directory: string): boolean {
    return this.#directories.get(directory)?.watcher !== undefined;
  }

  /** Exactly these from now on. @returns whether some are new: what happened in them before is not hinted */
  set(directories: ReadonlySet<string>): boolean {
    for (const [directory, { watcher }] of this.#directories) {
      if (directories.has(directory)) continue;
      watcher?.close();
      this.#directories.delete(directory);
    }
    let hasNew = false;
    for (const directory of directories) {
      if (this.#directories.has(directory)) continue;
      this.#directories.set(directory, { watcher: undefined, windowEndMs: 0, events: 0 });
      this.rearm(directory);
      hasNew = true;
    }
    return hasNew;
  }

  /** Watches again. What happened before this returns may not be hinted: look once more. @returns whether it is watched now */
  rearm(directory: string): boolean {
    const watched = this.#directories.get(directory);
    if (watched === undefined || watched.watcher !== undefined) return watched !== undefined;
    watched.events = 0;
    try {
      watched.watcher = this.#watch(directory, watched);
      return true;
    } catch (error) {
      this.#hooks.onUnwatched(directory, error as NodeJS.ErrnoException);
      return false;
    }
  }

  close(): void {
    this.set(new Set());
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
    this.#hooks.onUnwatched(directory, error);
  }
}
