import { closeSync, fstatSync, realpathSync } from 'node:fs';
import type { OpenedFile } from './file-identity.ts';
import {
  compressionOf,
  identityKey,
  identityOf,
  lineEndBefore,
  openRegularFile,
  readAnchor,
} from './file-identity.ts';
import { COMPRESSED, NOT_REGULAR, fileFault } from './file-faults.ts';
import type { FilePositions } from './file-positions.ts';
import { readPrefix } from './file-positions.ts';
import type { SeenFile } from './file-scan.ts';
import { LineFramer } from './framing.ts';
import type { InputCounters, InputGate } from './input.ts';
import type { RouteSpec } from './route.ts';
import type { FileStart } from './tailed-file.ts';
import { TailedFile, fileBeginning } from './tailed-file.ts';

export interface FileOpenerOptions {
  readonly gate: InputGate;
  readonly counters: InputCounters;
  readonly positions: FilePositions;
  readonly route: (path: string) => RouteSpec;
  /** Files were named to be read: one that is compressed is a fault, and not passed over. */
  readonly require: boolean;
}

interface Ignored {
  readonly birthNs: string;
  readonly size: number;
  readonly modifiedMs: number;
}

/** Opens files and decides where their reading begins. */
export class FileOpener {
  readonly #options: FileOpenerOptions;
  /** Compressed files as they were seen, by identity: not opened again at every scan. */
  readonly #ignored = new Map<string, Ignored>();

  constructor(options: FileOpenerOptions) {
    this.#options = options;
  }

  /** Whether it is one that is not read. One that has changed is asked again: its inode may be another file's now. */
  isIgnored({ key, size, modifiedMs }: SeenFile): boolean {
    const ignored = this.#ignored.get(key);
    return ignored?.size === size && ignored.modifiedMs === modifiedMs;
  }

  /** The others are gone. */
  forgetIgnored(isThere: (key: string) => boolean): void {
    for (const key of this.#ignored.keys()) if (!isThere(key)) this.#ignored.delete(key);
  }

  /** Remembers an open file as one that is compressed, if it is. */
  ignoreCompressed(path: string, fd: number): void {
    const compression = compressionOf(readPrefix(fd));
    if (compression !== undefined) this.#ignore(path, fd, compression);
  }

  #ignore(path: string, fd: number, compression: string): void {
    const stats = fstatSync(fd, { bigint: true });
    const identity = identityOf(stats);
    const key = identityKey(identity);
    const known = this.#ignored.get(key);
    this.#ignored.set(key, {
      birthNs: identity.birthNs,
      size: Number(stats.size),
      modifiedMs: Number(stats.mtimeMs),
    });
    if (known?.birthNs === identity.birthNs) return;
    this.#options.gate.report({
      event: 'fileIgnored',
      level: 'info',
      message: `${path} is not read: it is compressed (${compression}), as rotated files are that were read before`,
    });
  }

  /**
   * @param atEnd begin behind the last complete line, if nothing is known of the file
   * @param isOpen whether a file of this identity is being read already
   * @returns undefined when it is ignored or open
   * @throws {NodeJS.ErrnoException} it cannot be opened
   */
  open(path: string, atEnd: boolean, isOpen: (key: string) => boolean): TailedFile | undefined {
    const opened = openRegularFile(path);
    if (opened === undefined) throw fileFault(NOT_REGULAR);
    const file = isOpen(identityKey(opened.identity))
      ? undefined
      : this.#begin(path, opened, atEnd);
    if (file === undefined) closeSync(opened.fd);
    return file;
  }

  #begin(path: string, opened: OpenedFile, atEnd: boolean): TailedFile | undefined {
    const { gate, counters, positions, route } = this.#options;
    const framer = new LineFramer(gate, route(path), counters);
    const start = this.#recallStart(path, opened) ?? this.#freshStart(path, opened, atEnd, framer);
    if (start === undefined) return undefined;
    counters.filesOpened += 1;
    gate.report({
      event: 'fileOpened',
      level: 'debug',
      message: `${path} is read from position ${String(start.position)}`,
    });
    const keep = positions.keeper(opened.identity, () => file.settled);
    const file = new TailedFile({
      ...opened,
      path,
      realPath: realPathOf(path),
      framer,
      start,
      onSettled: () => {
        if (isGone(file)) positions.forget(file.identity);
        else keep();
      },
    });
    file.isHeadUnseen = start.position === 0;
    // At once: a file that begins at its end, or is renamed before anything of it is delivered, must be known after a restart.
    keep();
    return file;
  }

  #recallStart(path: string, opened: OpenedFile): FileStart | undefined {
    const recalled = this.#options.positions.recall(opened);
    if (recalled.kind === 'known') {
      // The kept anchor may end before the position; reads compare what stands right in front of it.
      const { position } = recalled;
      return { ...position, anchor: readAnchor(opened.fd, position.position) };
    }
    if (recalled.kind === 'unknown') return undefined;
    this.#options.gate.report({
      event: 'filePositionRefused',
      level: 'warning',
      message: `${path} is read from its beginning: it was known, but ${recalled.reason}`,
    });
    return fileBeginning;
  }

  #freshStart(
    path: string,
    opened: OpenedFile,
    atEnd: boolean,
    framer: LineFramer,
  ): FileStart | undefined {
    const compression = compressionOf(readPrefix(opened.fd));
    if (compression !== undefined) {
      if (this.#options.require) throw fileFault(COMPRESSED);
      this.#ignore(path, opened.fd, compression);
      return undefined;
    }
    if (!atEnd) return fileBeginning;
    const lineEnd = lineEndBefore(opened.fd, opened.size, framer.frameBytesMax);
    const position = lineEnd ?? opened.size;
    return {
      position,
      anchor: readAnchor(opened.fd, position),
      prefix: readPrefix(opened.fd).subarray(0, position),
      place: lineEnd === undefined ? 'skippedRest' : 'line',
    };
  }
}

/** A deleted file that is delivered to its end leaves nothing to go on with. */
export function isGone(file: TailedFile): boolean {
  return file.isClosed && file.links === 0 && file.isSettled;
}

/** Without links; the path itself when it has gone meanwhile. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
