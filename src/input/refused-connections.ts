import { readFileSync } from 'node:fs';
import type { InputClock } from './clock.ts';
import type { InputNotice } from './input.ts';

const SAY_AGAIN_MS = 60_000;
/** For files that are followed and for brokers: without one, libuv accepts a connection and closes it, and nobody hears of it. */
const SPARE_FILES = 16;

export interface ConnectionLimits {
  readonly connectionsMax: number;
  /** The process may have so many files open. */
  readonly openFilesMax: number;
}

/** Why no further connection is taken, and the fix; undefined: it may come in. */
export function connectionRefusal(
  limits: ConnectionLimits,
  connectionCount: number,
  fd: number | undefined,
): string | undefined {
  const { connectionsMax, openFilesMax } = limits;
  if (connectionCount >= connectionsMax) {
    return `there are ${connectionsMax} connections, as many as may be. Fix: let writers keep fewer open`;
  }
  // The system gives the lowest number that is free.
  if (fd === undefined || fd < openFilesMax - SPARE_FILES) return undefined;
  return `this process may have ${openFilesMax} files open, and the last ${SPARE_FILES} are kept for files and brokers. Fix: raise LimitNOFILE (ulimit -n)`;
}

/** How many files this process may have open; Infinity where the system does not say. Node raises it once, when it starts. */
export function limitOfOpenFiles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}

/** Says that connections are refused: the first at once, more of them once a minute. */
export class RefusedConnections {
  readonly #describe: string;
  readonly #clock: InputClock;
  readonly #report: (notice: InputNotice) => void;
  #count = 0;
  #reason = '';
  #untime: (() => void) | undefined;

  constructor(describe: string, clock: InputClock, report: (notice: InputNotice) => void) {
    this.#describe = describe;
    this.#clock = clock;
    this.#report = report;
  }

  /** @param reason with the fix */
  add(reason: string): void {
    this.#count += 1;
    this.#reason = reason;
    if (this.#untime === undefined) this.#say();
  }

  /** What was not told yet is told now. */
  close(): void {
    this.#untime?.();
    if (this.#count > 0) this.#tell();
  }

  #say(): void {
    this.#tell();
    this.#untime = this.#clock.after(SAY_AGAIN_MS, () => {
      this.#untime = undefined;
      if (this.#count > 0) this.#say();
    });
  }

  #tell(): void {
    const refused =
      this.#count === 1
        ? 'a connection was refused, and what was written to it is lost'
        : `${this.#count} connections were refused, and what was written to them is lost`;
    this.#count = 0;
    const message = `${this.#describe}: ${refused}: ${this.#reason}`;
    this.#report({ event: 'connectionsRefused', level: 'warning', message });
  }
}
