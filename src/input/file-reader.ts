import { fstatSync, readv, readvSync } from 'node:fs';
import { assert, present } from '../shared/assert.ts';
import type { Reservation } from './chunker.ts';
import { ANCHOR_BYTES, compressionOf, holdsAnchor, readAt } from './file-identity.ts';
import { readPrefix } from './file-positions.ts';
import { leadingNulBytes } from './framing.ts';
import type { Cut } from './framing.ts';
import type { InputCounters, InputGate } from './input.ts';
import type { RouteSpec } from './route.ts';
import type { TailedFile } from './tailed-file.ts';

/**
 * How one read ended: `taken` something, perhaps there is more; at the `end` of what can be taken now; `noRoom` in the arena;
 * `failed`, and the file is asked again later; `compressed`, as its first bytes say, and nothing of it was taken.
 */
export type ReadOutcome = 'taken' | 'end' | 'noRoom' | 'failed' | 'compressed';

/** A single read takes at most this much, the longest chunk, then it is another file's turn. */
const QUANTUM_BYTES = 2 * 1024 * 1024;
/** Up to here a read is made on main, even of a file that is slow: its end was written a moment ago, and the page cache has it. */
const SYNC_BYTES_MAX = 64 * 1024;
/** A chunk whose tail is smaller than this is closed, rather than read into. */
const RESERVE_BYTES_MIN = 64 * 1024;
const NEWLINE = 10;

export interface FileReaderHooks {
  /** The route of a file's lines. */
  readonly route: (path: string) => RouteSpec;
  /** The content is no longer the one that was read; called before it is read again from the beginning. */
  readonly onReplaced: (file: TailedFile, reason: string) => void;
  readonly onFailed: (file: TailedFile, error: NodeJS.ErrnoException) => void;
}

/**
 * Reads files straight into the open chunk of their route. Every read begins with the bytes before the position, so that a file
 * that was truncated and has grown beyond its old size again is noticed.
 *
 *     file     ......... | anchor, 64 bytes | whole lines ............ | begun line
 *                                  position ^                          ^ next position
 *     buffers            | compared         | reserved memory of the chunk ......... |
 */
export class FileReader {
  readonly #gate: InputGate;
  readonly #counters: InputCounters;
  readonly #hooks: FileReaderHooks;

  constructor(gate: InputGate, counters: InputCounters, hooks: FileReaderHooks) {
    this.#gate = gate;
    this.#counters = counters;
    this.#hooks = hooks;
  }

  /** One read. Small ones are done when it returns. */
  read(file: TailedFile): ReadOutcome | Promise<ReadOutcome> {
    assert(!file.isReading && !file.isClosed, 'one read of a file at a time');
    try {
      return this.#readIfGrown(file);
    } catch (error) {
      return this.#fail(file, error as NodeJS.ErrnoException);
    }
  }

  #readIfGrown(file: TailedFile): ReadOutcome | Promise<ReadOutcome> {
    const stats = fstatSync(file.fd);
    const wasModified = stats.mtimeMs !== file.modifiedMs;
    const hasGrown = stats.size !== file.size;
    if (wasModified || hasGrown) file.lastDataMs = this.#gate.clock.nowMs();
    if (hasGrown) file.grewMs = file.lastDataMs;
    file.modifiedMs = stats.mtimeMs;
    file.size = stats.size;
    file.links = stats.nlink;
    if (stats.size < file.position) {
      this.#replace(
        file,
        `it is ${String(stats.size)} bytes long and was read to ${String(file.position)}`,
      );
    } else if (stats.size === file.position) {
      if (!wasModified || holdsAnchor(file.fd, file.anchor)) return 'end';
      this.#replace(file, 'its bytes before the position read to are others');
    }
    const pendingBytes = stats.size - file.position;
    if (pendingBytes === 0) return 'end';
    if (file.partialEnd === stats.size && !wasModified && !file.isFinal) return 'end';
    // It may have been written anew behind the position as well: what was seen there is read again, and what is before it compared.
    if (file.partialEnd >= stats.size) file.partialEnd = -1;
    if (this.#isStillOneLine(file)) return file.partialEnd < stats.size ? 'taken' : 'end';
    return this.#readPending(file, pendingBytes);
  }

  /** A long line that grows in small steps is not read from its beginning again for each of them. */
  #isStillOneLine(file: TailedFile): boolean {
    const seenBytes = file.partialEnd - file.position;
    if (seenBytes < RESERVE_BYTES_MIN || file.isFinal) return false;
    const growth = readAt(
      file.fd,
      file.partialEnd,
      Math.min(file.size - file.partialEnd, SYNC_BYTES_MAX),
    );
    const isLong = seenBytes + growth.length >= file.framer.frameBytesMax;
    if (isLong || growth.includes(NEWLINE)) {
      file.frameBytesMin = Math.min(file.framer.frameBytesMax, seenBytes + growth.length);
      return false;
    }
    file.partialEnd += growth.length;
    return growth.length > 0;
  }

  #readPending(file: TailedFile, pendingBytes: number): ReadOutcome | Promise<ReadOutcome> {
    file.chunker ??= this.#gate.chunkers.open(this.#hooks.route(file.path));
    // One more than is there, to see the end; and one more than is read: a last line may need its newline.
    const bytesMin =
      Math.min(pendingBytes + 1, Math.max(file.frameBytesMin, RESERVE_BYTES_MIN)) + 1;
    const bytesWanted = Math.min(pendingBytes + 1, QUANTUM_BYTES) + 1;
    const reservation = file.chunker?.reserve(bytesMin, bytesWanted);
    if (reservation === undefined) return 'noRoom';
    const length = Math.min(reservation.bytes - 1, Math.max(bytesMin, QUANTUM_BYTES));
    const overlap = Buffer.allocUnsafeSlow(file.anchor.bytes.length);
    const buffers = [overlap, this.#gate.memory.view(reservation.address, length)];
    const from = file.position - overlap.length;
    if (pendingBytes <= SYNC_BYTES_MAX || file.pace.isCached) {
      const startMs = this.#gate.clock.nowMs();
      const count = orCancel(file, reservation, () => readvSync(file.fd, buffers, from));
      file.pace.readOnMain(count, this.#gate.clock.nowMs() - startMs);
      return this.#arrived(file, reservation, { overlap, count, length });
    }
    file.isReading = true;
    return new Promise((resolve) => {
      readv(file.fd, buffers, from, (error, count) => {
        file.isReading = false;
        file.pace.readOnPool();
        if (error === null) {
          resolve(this.#arrived(file, reservation, { overlap, count, length }));
          return;
        }
        file.chunker?.cancel(reservation);
        resolve(this.#fail(file, error));
      });
    });
  }

  #arrived(file: TailedFile, reservation: Reservation, read: Arrival): ReadOutcome {
    const { overlap, count } = read;
    const bytes = count - overlap.length;
    const isReplaced = bytes < 0 || !overlap.equals(file.anchor.bytes);
    if (isReplaced) {
      file.chunker?.cancel(reservation);
      this.#replace(file, 'its bytes before the position read to are others');
      return 'taken';
    }
    if (file.isHeadUnseen && this.#isCompressed(reservation.address, bytes)) {
      file.chunker?.cancel(reservation);
      return 'compressed';
    }
    const cut = this.#cut(file, reservation.address, bytes, read.length);
    if (cut.kind === 'more') {
      file.chunker?.cancel(reservation);
      return this.#seePartialLine(file, bytes, read.length);
    }
    this.#take(file, reservation, cut);
    this.#counters.readBytes += cut.bytes;
    if (file.needsPrefix) file.learnPrefix(readPrefix(file.fd));
    return 'taken';
  }

  #isCompressed(address: number, bytes: number): boolean {
    const head = this.#gate.memory.view(address, Math.min(bytes, ANCHOR_BYTES));
    return compressionOf(Buffer.from(head)) !== undefined;
  }

  #cut(file: TailedFile, address: number, bytes: number, length: number): Cut {
    if (file.mayHaveNulHead && bytes > 0) {
      const nulBytes = leadingNulBytes(this.#gate.memory, address, bytes);
      this.#counters.nulBytes += nulBytes;
      if (nulBytes > 0) return { kind: 'skip', bytes: nulBytes };
      file.mayHaveNulHead = false;
    }
    const cut = file.framer.cut(address, bytes);
    const isLastLine = cut.kind === 'more' && file.isFinal && bytes < length;
    return isLastLine ? file.framer.finish(bytes) : cut;
  }

  /** The file moves on before anybody hears of its bytes: an answer may come at once. */
  #take(file: TailedFile, reservation: Reservation, cut: Exclude<Cut, { kind: 'more' }>): void {
    const { memory, skipped } = this.#gate;
    const { source, position: from } = file;
    const chunker = present(file.chunker, 'a file with a reservation has a chunker');
    const to = from + cut.bytes;
    const end = reservation.address + cut.bytes;
    const length = Math.min(ANCHOR_BYTES, cut.bytes);
    file.advance(to, Buffer.from(memory.view(end - length, length)));
    if (cut.kind === 'skip') {
      chunker.cancel(reservation);
      this.#counters.skippedBytes += cut.bytes;
      skipped({ source, from, to });
      return;
    }
    if (cut.addNewline) memory.bytes[end] = NEWLINE;
    chunker.commit(reservation, source, cut.bytes + (cut.addNewline ? 1 : 0), from, to);
  }

  /** No line ends in what was read: at the file's end it is left there, else a longer run is asked for. */
  #seePartialLine(file: TailedFile, bytes: number, length: number): ReadOutcome {
    file.partialEnd = file.position + bytes;
    if (bytes < length) return 'end';
    file.frameBytesMin = Math.min(file.framer.frameBytesMax, length * 2);
    file.partialEnd = -1;
    return 'taken';
  }

  #replace(file: TailedFile, reason: string): void {
    this.#counters.filesTruncated += 1;
    this.#hooks.onReplaced(file, reason);
    file.restart();
  }

  #fail(file: TailedFile, error: NodeJS.ErrnoException): ReadOutcome {
    // No size that it could have: the next scan asks again.
    file.size = -1;
    this.#hooks.onFailed(file, error);
    return 'failed';
  }
}

interface Arrival {
  readonly overlap: Buffer;
  readonly count: number;
  readonly length: number;
}

function orCancel<T>(file: TailedFile, reservation: Reservation, read: () => T): T {
  try {
    return read();
  } catch (error) {
    file.chunker?.cancel(reservation);
    throw error;
  }
}
