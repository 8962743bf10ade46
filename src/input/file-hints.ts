import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import type { InputClock } from './clock.ts';
import { DirectoryLooks } from './directory-looks.ts';
import { FilePoller } from './file-poll.ts';
import { DirectoryWatches } from './file-watch.ts';
import type { InputNotice } from './input.ts';
import type { TailedFile } from './tailed-file.ts';

export interface FileHintsHooks {
  readonly clock: InputClock;
  /** Look at it. */
  readonly onMayHaveGrown: (file: TailedFile) => void;
  /** Look at them now. */
  readonly onDue: (files: readonly TailedFile[]) => void;
  /** The path may lead to another file than it did: to `file`, if that was known. */
  readonly onMayLeadElsewhere: (path: string, file: TailedFile | undefined) => void;
  /** Names came or went in a directory that is watched, or may have unseen. */
  readonly onMayHaveNames: () => void;
  readonly matches: (path: string) => boolean;
  readonly report: (notice: InputNotice) => void;
}

/** A directory whose files were quiet for so long is watched again. */
const REARM_QUIET_MS = 250;
/** A file that grew so lately may be rotated again before a scan of everything has come to it. */
const HOT_MS = 1000;
/** Of them so many are asked at once, the hottest first; the scan that follows comes to all. */
const HOT_FILES_MAX = 64;

/** Says when a file may have grown: by the watch of its directory, or by polling it while that is silent or too loud. */
export class FileHints {
  readonly #hooks: FileHintsHooks;
  readonly #poller: FilePoller;
  readonly #watches: DirectoryWatches;
  readonly #looks: DirectoryLooks;
  readonly #byRealPath = new Map<string, TailedFile>();
  #cancelRearm: (() => void) | undefined;
  #isFaultTold = false;

  constructor(hooks: FileHintsHooks) {
    this.#hooks = hooks;
    this.#poller = new FilePoller(hooks.clock, hooks.onDue);
    this.#watches = new DirectoryWatches(hooks.clock, {
      onHint: (directory, name, isRename) => {
        this.#onHint(directory, name, isRename);
      },
      onUnwatched: (directory, error) => {
        this.#onUnwatched(directory, error);
      },
    });
    this.#looks = new DirectoryLooks(hooks.clock, (directory) => {
      this.#onNamesChanged(directory);
    });
  }

  /** Where files are, or may appear. */
  setDirectories(directories: Iterable<string>): void {
    const wanted = new Set(directories);
    for (const path of this.#byRealPath.keys()) wanted.add(dirname(path));
    const hasNew = this.#watches.set(wanted);
    this.#lookAtUnwatched();
    if (!hasNew) return;
    for (const [path, file] of this.#byRealPath) {
      if (this.#watches.isWatched(dirname(path))) this.#poller.remove(file);
    }
    this.#hooks.onMayHaveNames();
  }

  /** Under the name that it has now. */
  add(file: TailedFile): void {
    this.#byRealPath.set(file.realPath, file);
    if (this.#watches.isWatched(dirname(file.realPath))) this.#poller.remove(file);
    else this.#poller.add(file);
  }

  remove(file: TailedFile): void {
    this.#poller.remove(file);
    if (this.#byRealPath.get(file.realPath) === file) this.#byRealPath.delete(file.realPath);
  }

  /** No name leads to it any more, so no hint will name it. */
  addNameless(file: TailedFile): void {
    this.remove(file);
    this.#poller.add(file);
  }

  /** It has just grown: if it is polled, it is looked at again soon. */
  grew(file: TailedFile): void {
    this.#poller.grew(file);
  }

  close(): void {
    this.#cancelRearm?.();
    this.#poller.stop();
    this.#looks.stop();
    this.#watches.close();
  }

  #onHint(directory: string, name: string | undefined, isRename: boolean): void {
    const path = name === undefined ? undefined : join(directory, name);
    const file = path === undefined ? undefined : this.#byRealPath.get(path);
    if (file !== undefined) this.#hooks.onMayHaveGrown(file);
    const isNew = file === undefined && (path === undefined || this.#hooks.matches(path));
    const mayLeadElsewhere = isRename && path !== undefined && (file !== undefined || isNew);
    if (mayLeadElsewhere) this.#hooks.onMayLeadElsewhere(file?.path ?? path, file);
    if (isRename || isNew) this.#hooks.onMayHaveNames();
  }

  /** Seen by the directory itself, while it is not watched: it does not say which names. */
  #onNamesChanged(directory: string): void {
    const sinceMs = this.#hooks.clock.nowMs() - HOT_MS;
    const hot = [...this.#byRealPath.values()].filter(
      ({ grewMs, path, realPath }) =>
        grewMs > sinceMs && (dirname(realPath) === directory || dirname(path) === directory),
    );
    hot.sort((a, b) => b.grewMs - a.grewMs);
    for (const file of hot.slice(0, HOT_FILES_MAX)) {
      this.#hooks.onMayLeadElsewhere(file.path, file);
    }
    this.#hooks.onMayHaveNames();
  }

  #lookAtUnwatched(): void {
    this.#looks.set(this.#watches.unwatched, this.#watches.busy.length > 0);
  }

  #onUnwatched(directory: string, error: NodeJS.ErrnoException | undefined): void {
    const sinceMs = this.#hooks.clock.nowMs() - HOT_MS;
    for (const [path, file] of this.#byRealPath) {
      if (dirname(path) !== directory) continue;
      if (file.grewMs > sinceMs) this.#poller.add(file);
      else this.#poller.addQuiet(file);
    }
    this.#hooks.onMayHaveNames();
    this.#lookAtUnwatched();
    if (error === undefined) this.#scheduleRearm();
    if (error !== undefined && error.code !== 'ENOENT') this.#tellFault(directory, error);
  }

  #tellFault(directory: string, error: NodeJS.ErrnoException): void {
    // Where this user may not even enter, the scan cannot see the files, and says so.
    if (this.#isFaultTold || (error.code === 'EACCES' && !canEnter(directory))) return;
    this.#isFaultTold = true;
    const fix = fixes[error.code ?? ''] ?? 'check the directory';
    this.#hooks.report({
      event: 'watchUnavailable',
      level: 'warning',
      message: `${directory} cannot be watched (${error.code ?? error.message}), its files are polled instead, which costs more. Fix: ${fix}.`,
    });
  }

  #scheduleRearm(): void {
    this.#cancelRearm ??= this.#hooks.clock.after(REARM_QUIET_MS, () => {
      this.#cancelRearm = undefined;
      this.#rearmQuiet();
    });
  }

  #rearmQuiet(): void {
    const unwatched = new Set(this.#watches.busy);
    const quietSinceMs = this.#hooks.clock.nowMs() - REARM_QUIET_MS;
    const filesIn = new Map<string, TailedFile[]>();
    for (const [path, file] of this.#byRealPath) {
      const directory = dirname(path);
      if (!unwatched.has(directory)) continue;
      if (file.lastDataMs > quietSinceMs) {
        unwatched.delete(directory);
        continue;
      }
      const files = filesIn.get(directory);
      if (files === undefined) filesIn.set(directory, [file]);
      else files.push(file);
    }
    for (const directory of unwatched) this.#rearm(directory, filesIn.get(directory) ?? []);
    if (this.#watches.busy.length > 0) this.#scheduleRearm();
    this.#lookAtUnwatched();
  }

  /** What happened between the last poll and the watch is seen by looking once more. */
  #rearm(directory: string, files: readonly TailedFile[]): void {
    if (!this.#watches.rearm(directory)) return;
    for (const file of files) {
      if (file.isDetached || file.isClosed) continue;
      this.#poller.remove(file);
      this.#hooks.onMayHaveGrown(file);
    }
    this.#onNamesChanged(directory);
  }
}

const moreWatches = 'raise fs.inotify.max_user_watches and max_user_instances with sysctl';
const fixes: Readonly<Record<string, string>> = {
  ENOSPC: moreWatches,
  EMFILE: `${moreWatches}, or LimitNOFILE`,
  EACCES: 'let this user list the directory',
};

function canEnter(directory: string): boolean {
  try {
    accessSync(directory, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
