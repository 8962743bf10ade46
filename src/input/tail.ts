import { closeSync, fstatSync, statSync } from 'node:fs';
import { FileFaults, describeFileFault, describeTruncation } from './file-faults.ts';
import { FileHints } from './file-hints.ts';
import { identityKey, identityOf } from './file-identity.ts';
import { FileOpener, isGone, realPathOf } from './file-opener.ts';
import { FilePositions } from './file-positions.ts';
import { FileReader } from './file-reader.ts';
import type { ReadOutcome } from './file-reader.ts';
import { FileScan } from './file-scan.ts';
import type { SeenFile } from './file-scan.ts';
import { GoneContents } from './gone-contents.ts';
import { createInputCounters } from './input.ts';
import type { Input, InputCounters, InputGate } from './input.ts';
import { PositionsInMemory } from './position-store.ts';
import type { PositionStore } from './position-store.ts';
import { ReadQueue } from './read-queue.ts';
import type { RouteSpec } from './route.ts';
import type { TailedFile } from './tailed-file.ts';

export interface TailOptions {
  /** The same across restarts, different for each tail: positions are kept under it. */
  readonly id: string;
  /** Paths and globs. */
  readonly paths: readonly string[];
  /** Paths and globs of what is not read, though `paths` leads to it; without a slash: names in any directory. */
  readonly exclude?: readonly string[];
  /** Where a file begins that is there at the very first start. What appears later is read from its beginning. */
  readonly from: 'beginning' | 'end';
  /** `false`: each file is read once to its end, then `ended` resolves. Default true. */
  readonly follow?: boolean;
  /** What cannot be read, or a glob that leads to nothing, fails the start, instead of being waited for. Default false. */
  readonly require?: boolean;
  /** The route of a file's lines; equal ones share chunks. */
  readonly route: (path: string) => RouteSpec;
  /** Default: nothing is remembered beyond the life of the process. */
  readonly store?: PositionStore;
  /** Between two looks at everything, whatever was hinted. Default 2000 ms. */
  readonly scanIntervalMs?: number;
  /** A file that was renamed or deleted is given up when it has been quiet for so long. Default 5000 ms. */
  readonly rotateQuietMs?: number;
}

const SCAN_INTERVAL_MS = 2000;
/** With very many files scans are rarer, so that they cost no more than a fiftieth of the time; but never rarer than this. */
const SCAN_INTERVAL_MS_MAX = 10_000;
const SCAN_REST = 50;
const ROTATE_QUIET_MS = 5000;
/** A renamed file that nobody succeeds is held this many times as long. */
const UNSUCCEEDED_QUIET = 120;
/** A hint that a name came or went leads to a scan this much later, or later still when scans take long. */
const HINTED_SCAN_MS = 10;
const HINTED_SCAN_REST = 20;

/**
 * Follows files: globs, rotation by rename, truncation, files that appear and go. Watches are hints, a periodic scan is the truth.
 *
 * A file is known by its identity, not by its name, and is read to its end whatever becomes of its name. A line that has no newline
 * yet stays in the file; it becomes a record when the file is final.
 */
export class Tail implements Input {
  readonly describe: string;
  readonly counters: InputCounters = createInputCounters();
  readonly ended: Promise<void>;
  isBroken = false;
  readonly #options: TailOptions;
  readonly #gate: InputGate;
  readonly #follows: boolean;
  readonly #positions: FilePositions;
  readonly #opener: FileOpener;
  readonly #queue: ReadQueue;
  readonly #hints: FileHints;
  readonly #scan: FileScan;
  /** Of open files: apart from those of the scan, which finds nothing wrong with their names. */
  readonly #readFaults: FileFaults;
  readonly #gone = new GoneContents();
  /** By identity. */
  readonly #files = new Map<string, TailedFile>();
  #beginsAtEnd = false;
  #scanning: Promise<void> | undefined;
  #isScanHinted = false;
  #cancelScan: (() => void) | undefined;
  #isStarted = false;
  #isStopped = false;
  #end: () => void = () => undefined;

  constructor(gate: InputGate, options: TailOptions) {
    const { counters } = this;
    const { clock, chunkers, report } = gate;
    const { route, paths } = options;
    this.describe = `tail ${paths.join(', ')}`;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#gate = gate;
    this.#options = options;
    this.#follows = options.follow !== false;
    this.#positions = new FilePositions(options.store ?? new PositionsInMemory(), options.id);
    const require = options.require === true;
    this.#opener = new FileOpener({ gate, counters, positions: this.#positions, route, require });
    this.#scan = new FileScan({
      paths,
      exclude: options.exclude ?? [],
      clock,
      report,
      require,
      onSeen: (seen) => {
        this.#onSeen(seen);
      },
      isStopped: () => this.#isStopped,
    });
    this.#readFaults = new FileFaults(report);
    const reader = new FileReader(gate, counters, {
      route,
      onReplaced: (file, reason) => {
        this.#tellTruncation(file, reason);
      },
      onFailed: (file, error) => {
        this.#readFaults.tell(
          file.path,
          error.code ?? '',
          `${describeFileFault(file.path, error)}. ${this.#follows ? 'It is tried again' : 'The rest of it is not read'}.`,
        );
      },
    });
    this.#queue = new ReadQueue({
      clock,
      chunkers,
      read: (file) => reader.read(file),
      onRead: (file, outcome) => {
        this.#onRead(file, outcome);
      },
    });
    this.#hints = new FileHints({
      clock,
      report,
      matches: (path) => this.#scan.patterns.matches(path),
      onMayHaveGrown: (file) => {
        this.#queue.add(file);
      },
      onDue: (files) => {
        this.#queue.addNow(files);
      },
      onMayLeadElsewhere: (path, file) => {
        this.#lookAtName(path, file);
      },
      onMayHaveNames: () => {
        this.#hintScan();
      },
    });
  }

  async start(): Promise<void> {
    const isFirstRun = this.#positions.beginRun();
    this.#beginsAtEnd = this.#options.from === 'end' && isFirstRun;
    await this.#scanNow();
    // What is left out is decided once: a crash a moment later must not decide again.
    if (this.#beginsAtEnd) await this.#positions.flush();
    this.#beginsAtEnd = false;
    this.#isStarted = true;
    if (this.#follows) this.#adoptStrays();
    this.#endIfDone();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#cancelScan?.();
    this.#hints.close();
    await this.#scanning;
    await this.#queue.stop();
    for (const file of [...this.#files.values()]) this.#close(file);
  }

  undelivered(): readonly string[] {
    return this.#gone.undelivered();
  }

  #scheduleScan(delayMs: number): void {
    this.#cancelScan?.();
    this.#cancelScan = this.#gate.clock.after(delayMs, () => {
      void this.#scanNow();
    });
  }

  /** Scans soon, but never for more than a small part of the time. */
  #hintScan(): void {
    if (this.#isScanHinted || this.#isStopped || !this.#follows) return;
    this.#isScanHinted = true;
    if (this.#scanning === undefined) this.#scheduleNextScan();
  }

  #scheduleNextScan(): void {
    const { lastMs } = this.#scan;
    const intervalMs = this.#options.scanIntervalMs ?? SCAN_INTERVAL_MS;
    const regularMs = Math.max(intervalMs, Math.min(SCAN_INTERVAL_MS_MAX, lastMs * SCAN_REST));
    const hintedMs = Math.min(intervalMs, HINTED_SCAN_MS + lastMs * HINTED_SCAN_REST);
    this.#scheduleScan(this.#isScanHinted ? hintedMs : regularMs);
  }

  async #scanNow(): Promise<void> {
    this.#isScanHinted = false;
    this.#scanning = this.#scan.run();
    try {
      await this.#scanning;
    } finally {
      this.#scanning = undefined;
    }
    if (this.#isStopped) return;
    this.#followNames();
    this.#opener.forgetIgnored((key) => this.#scan.hasSeen(key));
    this.#positions.forgetGone(this.#files.size, (id) => this.#files.has(identityKey(id)));
    if (!this.#follows) return;
    this.#hints.setDirectories(this.#scan.directories);
    this.#scheduleNextScan();
  }

  /** A successor's name may be another file's before the next scan: it is opened now. */
  #lookAtName(path: string, former: TailedFile | undefined): void {
    if (this.#isStopped) return;
    const seen = this.#scan.lookNow(path);
    if (seen === undefined || seen.key === former?.key) return;
    const known = this.#files.get(seen.key);
    // Two names of one file: the first that was found is its path.
    if (known !== undefined && !known.isDetached && this.#leadsTo(known) === known.key) return;
    try {
      this.#onSeen(seen);
    } catch (error) {
      this.#scan.tell(path, error as NodeJS.ErrnoException, 'It is tried again');
    }
    if (former?.path === path && !former.isDetached && !former.isClosed) this.#detach(former);
  }

  #onSeen(seen: SeenFile): void {
    const { path, key, size, modifiedMs } = seen;
    const known = this.#files.get(key);
    if (known === undefined) {
      if (this.#opener.isIgnored(seen)) return;
      const file = this.#opener.open(path, this.#beginsAtEnd, (other) => this.#files.has(other));
      if (file !== undefined) this.#adopt(file);
      return;
    }
    if (known.isDetached || known.path !== path) this.#rename(known, path);
    const hasChanged = size !== known.size || modifiedMs !== Math.trunc(known.modifiedMs);
    if (hasChanged) this.#queue.add(known);
  }

  #adopt(file: TailedFile): void {
    file.lastDataMs = this.#gate.clock.nowMs();
    if (this.#isStarted) file.grewMs = file.lastDataMs;
    file.isFinal = !this.#follows;
    this.#files.set(file.key, file);
    if (this.#follows) this.#hints.add(file);
    this.#queue.add(file);
  }

  #rename(file: TailedFile, path: string): void {
    this.#hints.remove(file);
    file.isDetached = false;
    file.path = path;
    file.realPath = realPathOf(path);
    this.#hints.add(file);
  }

  /** Files renamed while nobody looked, to a name that no pattern covers: their unread rest is still read. */
  #adoptStrays(): void {
    const isOpen = (key: string): boolean => this.#files.has(key);
    for (const { path, lastPath } of this.#positions.findStrays((id) => isOpen(identityKey(id)))) {
      try {
        const file = this.#opener.open(path, false, isOpen);
        if (file === undefined) continue;
        this.#adopt(file);
        this.#detach(file);
        // Its successor tells when its writer has left it.
        file.path = lastPath;
      } catch (error) {
        this.#scan.tell(path, error as NodeJS.ErrnoException, 'Its unread rest is given up');
      }
    }
  }

  #followNames(): void {
    for (const file of this.#files.values()) {
      if (this.#scan.hasSeen(file.key)) continue;
      if (file.isDetached) this.#giveUpIfQuiet(file);
      else this.#detach(file);
    }
  }

  #detach(file: TailedFile): void {
    file.isDetached = true;
    this.#hints.addNameless(file);
    this.#queue.add(file);
  }

  /** @returns the key of the file that its path leads to now; undefined when none is there. @throws {NodeJS.ErrnoException} */
  #leadsTo(file: TailedFile): string | undefined {
    const stats = statSync(file.path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? undefined : identityKey(identityOf(stats));
  }

  /**
   * A writer goes on writing to a renamed file until it opens the new one. So it is held until it is at its end and quiet, and
   * deleted or succeeded by another file of its name; without a successor much longer, but not for ever. A file whose name still
   * leads to it, though the scan could not see that, is not given up.
   */
  #giveUpIfQuiet(file: TailedFile): void {
    if (file.isFinal || file.isReading) return;
    try {
      const { size, nlink } = fstatSync(file.fd);
      file.links = nlink;
      const quietMs = this.#gate.clock.nowMs() - file.lastDataMs;
      const isRead = size === file.position || size === file.partialEnd;
      if (!isRead || quietMs < this.#quietMsToGiveUp(file)) return;
    } catch (error) {
      // A network file system may take a file away that is open (ESTALE).
      this.#scan.tell(file.path, error as NodeJS.ErrnoException, 'Its unread rest is given up');
      this.#close(file);
      return;
    }
    file.isFinal = true;
    this.#queue.add(file);
  }

  #quietMsToGiveUp(file: TailedFile): number {
    const quietMs = this.#options.rotateQuietMs ?? ROTATE_QUIET_MS;
    if (file.links === 0) return quietMs;
    try {
      const key = this.#leadsTo(file);
      if (key === file.key) return Infinity;
      return key === undefined ? quietMs * UNSUCCEEDED_QUIET : quietMs;
    } catch {
      // What it leads to cannot be seen now.
      return Infinity;
    }
  }

  #onRead(file: TailedFile, outcome: Exclude<ReadOutcome, 'noRoom'>): void {
    if (outcome !== 'failed') this.#readFaults.clear(file.path);
    if (outcome === 'taken') {
      this.#hints.grew(file);
      return;
    }
    if (outcome === 'compressed') {
      this.#opener.ignoreCompressed(file.path, file.fd);
      this.#positions.forget(file.identity);
      file.content.settledTo = file.size;
      this.#close(file);
      return;
    }
    const isOver = outcome === 'end' ? file.isFinal : !this.#follows;
    if (isOver && outcome === 'failed') this.isBroken = true;
    if (isOver) this.#close(file);
  }

  #close(file: TailedFile): void {
    const { path, position, chunker } = file;
    file.isClosed = true;
    this.#queue.remove(file);
    this.#hints.remove(file);
    this.#files.delete(file.key);
    this.#readFaults.forget(path);
    if (chunker !== undefined) this.#gate.chunkers.close(chunker);
    this.#noteIfGone(file);
    closeSync(file.fd);
    this.counters.filesClosed += 1;
    this.#gate.report({
      event: 'fileClosed',
      level: 'debug',
      message: `${path} is closed at position ${String(position)}`,
    });
    if (isGone(file)) this.#positions.forget(file.identity);
    this.#endIfDone();
  }

  #noteIfGone(file: TailedFile): void {
    try {
      const { nlink, size } = fstatSync(file.fd);
      file.links = nlink;
      if (nlink === 0) this.#gone.add(file.path, 'deleted', file.content, size);
    } catch {
      // A network file system has taken it away: that was told.
    }
  }

  #endIfDone(): void {
    if (!this.#follows && this.#files.size === 0) this.#end();
  }

  #tellTruncation(file: TailedFile, reason: string): void {
    const { path, content, position } = file;
    this.#gone.add(path, 'truncated', content, position);
    const isTold = file.isHazardTold;
    file.isHazardTold = true;
    this.#gate.report({
      event: 'fileTruncated',
      level: isTold ? 'info' : 'warning',
      message: describeTruncation(path, reason, isTold),
    });
  }
}
