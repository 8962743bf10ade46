import type { Kernel } from '../encode/kernel.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import type { Arena } from '../ring/arena.ts';
import type { Chunkers } from './chunkers.ts';
import type { InputClock } from './clock.ts';
import type { LongLineRule } from './route.ts';
import type { SourceRange } from './source.ts';

/**
 * Stage 1 of 7. Bytes come in, are cut into whole lines and laid into the open chunk of their route.
 * From: files, a Unix socket, standard input. To: closed chunks, in the order in which they were opened.
 * Bounds: the arena. Without a free run nothing is read: files wait, connections are paused, nothing is dropped.
 * After a crash files go on from their checkpoint; what a connection had sent and Kafka had not acknowledged is gone.
 */
export interface Input {
  /** For messages: `tail /var/log/app/*.log`. */
  readonly describe: string;
  readonly counters: InputCounters;
  /** Resolves when it reads. @throws {SetupError} when it cannot, and waiting would not help */
  start(): Promise<void>;
  /** Resolves when nothing is read any more and everything that was read is in chunks. */
  stop(): Promise<void>;
  /** It ended because it could not be read further, which was told. */
  readonly isBroken?: boolean;
  /** After `stop`: what it had that nobody can read again and that is not delivered yet, each for a message. */
  undelivered?(): readonly string[];
  /** Resolves when there is nothing more to come: standard input at its end, files that are read once. Else never. */
  readonly ended: Promise<void>;
}

/** What all inputs share. */
export interface InputGate {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly chunkers: Chunkers;
  readonly kernel: Pick<Kernel, 'copy'>;
  readonly clock: InputClock;
  /** These bytes were left out on purpose: nobody will acknowledge them. */
  readonly skipped: (range: SourceRange) => void;
  /** A line was cut here, because it is longer than what is read at a time. */
  readonly cutLine: (rule: LongLineRule) => void;
  readonly report: (notice: InputNotice) => void;
}

/** Something that the operator should know; told once, not once for every record. */
export interface InputNotice {
  readonly event:
    | 'fileOpened'
    | 'fileClosed'
    | 'fileUnreadable'
    | 'fileReadableAgain'
    | 'fileTruncated'
    | 'filePositionRefused'
    | 'fileIgnored'
    | 'watchUnavailable'
    | 'socketListening'
    | 'socketUnreachable'
    | 'connectionFailed'
    | 'connectionsRefused'
    | 'zeroCopyUnavailable';
  readonly level: 'debug' | 'info' | 'warning';
  /** A whole sentence: the thing, its place and the fix. */
  readonly message: string;
}

/** Counted since the start. */
export interface InputCounters {
  /** Taken in, whether they became records or not. */
  readBytes: number;
  /** Cuts of lines over the limit that the input made; the encoder counts its own. */
  longLines: number;
  /** Last lines without a newline that became records. */
  unterminatedLines: number;
  /** Left out: rests of long lines and leading NUL bytes. */
  skippedBytes: number;
  /** Of them: the NUL bytes that a writer leaves at the head of a file that was truncated under it. */
  nulBytes: number;
  filesOpened: number;
  filesClosed: number;
  filesTruncated: number;
  connectionsOpened: number;
  connectionsClosed: number;
  connectionsRefused: number;
}

export function createInputCounters(): InputCounters {
  return {
    readBytes: 0,
    longLines: 0,
    unterminatedLines: 0,
    skippedBytes: 0,
    nulBytes: 0,
    filesOpened: 0,
    filesClosed: 0,
    filesTruncated: 0,
    connectionsOpened: 0,
    connectionsClosed: 0,
    connectionsRefused: 0,
  };
}
