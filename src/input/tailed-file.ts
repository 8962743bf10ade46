import type { Chunker } from './chunker.ts';
import type { Anchor, FileIdentity } from './file-identity.ts';
import { ANCHOR_BYTES, identityKey } from './file-identity.ts';
import type { FilePosition } from './file-positions.ts';
import type { LineFramer, LinePlace } from './framing.ts';
import { ReadPace } from './read-pace.ts';
import type { Source } from './source.ts';

/** Where a file's reading begins. */
export interface FileStart {
  readonly position: number;
  readonly anchor: Anchor;
  readonly prefix: Buffer;
  readonly place: LinePlace;
}

/** From its first byte, when nothing is known of it. */
export const fileBeginning: FileStart = {
  position: 0,
  anchor: { end: 0, bytes: Buffer.alloc(0) },
  prefix: Buffer.alloc(0),
  place: 'line',
};

/** One content of a file; a truncation begins another. */
export interface FileContent {
  /** Everything before it is delivered, or left out on purpose. */
  settledTo: number;
}

interface Mark {
  readonly anchor: Anchor;
  readonly place: LinePlace;
}

/** Marks of unsettled bytes are kept this far apart: a slow broker must not make one of every line. */
const MARK_SPACING_BYTES = 64 * 1024;

export interface TailedFileOptions {
  readonly fd: number;
  readonly identity: FileIdentity;
  /** When it was opened. Default 0. */
  readonly size?: number;
  readonly path: string;
  readonly realPath: string;
  readonly framer: LineFramer;
  readonly start: FileStart;
  /** Something of the file is settled: its position is worth keeping. */
  readonly onSettled: () => void;
}

/** One open file: what it is, how far it is read, and how far it is settled. Reading it is the file reader's work. */
export class TailedFile {
  readonly identity: FileIdentity;
  /** Of the identity. */
  readonly key: string;
  readonly fd: number;
  readonly framer: LineFramer;
  readonly pace = new ReadPace();
  /** The name under which it was seen last. */
  path: string;
  /** The same without links: what the directory's watch speaks of. */
  realPath: string;

  /** Opened at the first read. */
  chunker: Chunker | undefined;
  /** The next byte that is not yet taken: the end of the last complete line, or of a cut. */
  position: number;
  /** Bytes in front of `position`; compared at every read. */
  anchor: Anchor;
  /** What was seen behind `position` without finding the end of a line reaches to here. */
  partialEnd = -1;
  /** A run must hold this much to find the end of the next line. */
  frameBytesMin = 0;
  /** Opened before it had its first bytes: whether it is compressed has not been seen. */
  isHeadUnseen = false;
  /** After a truncation: its writer may leave NUL bytes up to its old offset. */
  mayHaveNulHead = false;

  /** As last seen. */
  size: number;
  modifiedMs = 0;
  links = 1;
  /** Its size or time of modification was seen to change then. */
  lastDataMs = 0;
  /** It was seen to grow then, or to appear, while it was followed. */
  grewMs = -Infinity;
  /** No name leads to it any more: renamed away or deleted. */
  isDetached = false;
  /** Nobody will write to it any more: its last line is complete as it stands. */
  isFinal = false;
  isReading = false;
  isClosed = false;
  isHazardTold = false;

  #source: Source;
  #content: FileContent;
  #incarnation = 0;
  #prefix: Buffer;
  #settledMark: Mark;
  /** Of bytes that are read and not settled, oldest first. */
  readonly #marks: Mark[] = [];
  readonly #onSettled: () => void;

  constructor(options: TailedFileOptions) {
    const { start } = options;
    this.identity = options.identity;
    this.key = identityKey(options.identity);
    this.fd = options.fd;
    this.size = options.size ?? 0;
    this.path = options.path;
    this.realPath = options.realPath;
    this.framer = options.framer;
    this.framer.resume(start.place);
    this.position = start.position;
    this.anchor = start.anchor;
    this.#prefix = start.prefix;
    this.#settledMark = { anchor: start.anchor, place: start.place };
    this.#onSettled = options.onSettled;
    this.#content = { settledTo: start.position };
    this.#source = this.#createSource(this.#content);
  }

  /** Changes when the content does. */
  get source(): Source {
    return this.#source;
  }

  /** Changes with the source, and goes on being settled after that. */
  get content(): FileContent {
    return this.#content;
  }

  /** Everything that was taken is delivered, or left out on purpose. */
  get isSettled(): boolean {
    return this.#content.settledTo === this.position;
  }

  /** What the checkpoint keeps. */
  get settled(): FilePosition {
    const { anchor, place } = this.#settledMark;
    const { settledTo } = this.#content;
    return {
      path: this.path,
      identity: this.identity,
      position: settledTo,
      anchor,
      prefix: this.#prefix,
      place: anchor.end === settledTo ? place : 'line',
    };
  }

  get needsPrefix(): boolean {
    return this.#prefix.length < ANCHOR_BYTES && this.#prefix.length < this.position;
  }

  /** @param head the first bytes of the file; what lies behind `position` is not believed yet */
  learnPrefix(head: Buffer): void {
    this.#prefix = head.subarray(0, this.position);
  }

  /** The bytes up to `position` are taken; `lastBytes` are the last of them. */
  advance(position: number, lastBytes: Buffer): void {
    const keep = Math.max(0, ANCHOR_BYTES - lastBytes.length);
    const before = this.anchor.bytes.subarray(Math.max(0, this.anchor.bytes.length - keep));
    this.anchor = { end: position, bytes: Buffer.concat([before, lastBytes]) };
    this.position = position;
    this.partialEnd = -1;
    this.frameBytesMin = 0;
    this.isHeadUnseen = false;
    this.#addMark({ anchor: this.anchor, place: this.framer.place });
  }

  /** The content is another than the one that was read: from its first byte, as a new source. */
  restart(): void {
    this.position = 0;
    this.anchor = fileBeginning.anchor;
    this.partialEnd = -1;
    this.frameBytesMin = 0;
    this.mayHaveNulHead = true;
    this.framer.resume('line');
    this.#prefix = fileBeginning.prefix;
    this.#settledMark = { anchor: this.anchor, place: 'line' };
    this.#marks.length = 0;
    this.#incarnation += 1;
    this.#content = { settledTo: 0 };
    this.#source = this.#createSource(this.#content);
    this.#onSettled();
  }

  #createSource(content: FileContent): Source {
    const again = this.#incarnation === 0 ? '' : ` (content ${String(this.#incarnation + 1)})`;
    return {
      id: `${this.path}${again}`,
      startPosition: this.position,
      settled: (position) => {
        content.settledTo = position;
        // Late answers about a content that is gone say nothing about this one.
        if (this.#content === content) this.#settle(position);
      },
    };
  }

  #addMark(mark: Mark): void {
    const last = this.#marks.at(-1);
    const beforeEnd = this.#marks.at(-2)?.anchor.end ?? this.#settledMark.anchor.end;
    const isClose = mark.anchor.end - beforeEnd < MARK_SPACING_BYTES;
    if (last !== undefined && isClose && last.place === 'line') this.#marks.pop();
    this.#marks.push(mark);
  }

  #settle(position: number): void {
    for (let mark = this.#marks[0]; mark !== undefined; mark = this.#marks[0]) {
      if (mark.anchor.end > position) break;
      this.#settledMark = mark;
      this.#marks.shift();
    }
    this.#onSettled();
  }
}
