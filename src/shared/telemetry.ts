/** What millrace says about itself: one line an event, with a stable code. The only door to pino. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { pino } from 'pino';

/** Values of a line: no buffers, so that no payload can get in. */
export type LineFields = Readonly<Record<string, string | number | boolean | undefined>>;

export type LineLevel = 'info' | 'warn' | 'error';

/** Codes are stable and meant for searching: `brokerLost`, `socketListening`. Messages are for reading. */
export interface Telemetry {
  info(code: string, message: string, fields?: LineFields): void;
  warn(code: string, message: string, fields?: LineFields): void;
  error(code: string, message: string, fields?: LineFields): void;
  /**
   * Says what repeats were left out. Resolves when everything is written, or a second later when nobody reads: what is said or done after it
   * comes after it. What is not written by then is at the exit, as far as anybody reads.
   */
  close(): Promise<void>;
}

export interface TelemetryOptions {
  /** Least important level that is written. */
  readonly level: LineLevel;
  /** `auto`: text on a terminal, JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'text';
  /** File descriptor. Default 2. */
  readonly to?: number;
  /** In milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Lines of one code in one window that are written out; the rest is counted. */
const BURST = 10;
const WINDOW_MS = 10_000;
const TEXT_CHARACTERS_MAX = 2000;
/** Bytes of lines that wait for a reader; further ones are dropped and counted. */
const MEMORY_MAX = 1024 * 1024;
/** Tenths of a second that an exit waits for a reader that stands still. */
const EXIT_WAITS_MAX = 10;
/** A close waits a second for it, looking this often. */
const CLOSE_WAIT_MS = 2;
const CLOSE_WAITS_MAX = 500;
const levels: readonly LineLevel[] = ['info', 'warn', 'error'];

interface Window {
  readonly level: LineLevel;
  readonly sinceMs: number;
  /** How often each message came. */
  readonly seen: Map<string, number>;
  left: number;
}

export function createTelemetry(options: TelemetryOptions): Telemetry {
  const now = options.now ?? Date.now;
  const writer = lineWriter(options, now);
  const windows = new Map<string, Window>();
  let timer: NodeJS.Timeout | undefined;

  const closeWindow = (code: string, window: Window): void => {
    windows.delete(code);
    const repeats =
      [...window.seen.values()].reduce((sum, count) => sum + count - 1, 0) + window.left;
    if (repeats === 0) return;
    const seconds = Math.max(1, Math.round((now() - window.sinceMs) / 1000));
    const message = `${repeats} more of ${code} in ${seconds} s`;
    writer.write(window.level, code, message, { repeats });
  };
  const closeWindows = (isDue: (window: Window) => boolean): void => {
    for (const [code, window] of [...windows]) if (isDue(window)) closeWindow(code, window);
  };
  const isOver = (window: Window): boolean => now() - window.sinceMs >= WINDOW_MS;
  const arm = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      closeWindows(isOver);
      if (windows.size > 0) arm();
    }, WINDOW_MS).unref();
  };
  const say = (level: LineLevel, code: string, message: string, fields: LineFields = {}): void => {
    if (levels.indexOf(level) < levels.indexOf(options.level)) return;
    const known = windows.get(code);
    if (known !== undefined && isOver(known)) closeWindow(code, known);
    const window = windows.get(code) ?? {
      level,
      sinceMs: now(),
      seen: new Map<string, number>(),
      left: 0,
    };
    windows.set(code, window);
    arm();
    const count = window.seen.get(message);
    if (count !== undefined) window.seen.set(message, count + 1);
    else if (window.seen.size === BURST) window.left += 1;
    else {
      window.seen.set(message, 1);
      writer.write(level, code, message, fields);
    }
  };
  const sayRepeats = (): void => {
    clearTimeout(timer);
    timer = undefined;
    closeWindows(() => true);
  };
  const onExit = (): void => {
    sayRepeats();
    writer.flush();
  };
  // Before pino's own.
  process.prependListener('exit', onExit);
  return {
    info: (code, message, fields) => say('info', code, message, fields),
    warn: (code, message, fields) => say('warn', code, message, fields),
    error: (code, message, fields) => say('error', code, message, fields),
    close: async () => {
      sayRepeats();
      if (await writer.written()) process.off('exit', onExit);
    },
  };
}

interface LineWriter {
  write(level: LineLevel, code: string, message: string, fields: LineFields): void;
  /** Writes what is still in memory, before it returns. */
  flush(): void;
  /** Resolves when nothing is in memory any more; with false when nobody takes it. */
  written(): Promise<boolean>;
}

function lineWriter(options: TelemetryOptions, now: () => number): LineWriter {
  const to = options.to ?? 2;
  const isText = options.format === 'text' || (options.format === 'auto' && isatty(to));
  const out = bufferedOutput(to, (lines) => {
    write('warn', 'linesDropped', `${lines} lines were lost: nobody read them in time`, {});
  });
  const logger = pino(
    {
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    out.stream,
  );
  const write: LineWriter['write'] = (level, code, message, fields) => {
    if (isText) out.stream.write(textLine(now(), level, code, message, fields));
    else logger[level]({ event: code, ...printable(fields) }, printableText(message));
  };
  return { write, flush: out.flush, written: out.written };
}

/** Lines are written in the background: a terminal or pipe that stands still must not hold up the shipping. */
function bufferedOutput(to: number, sayDropped: (lines: number) => void) {
  let isExiting = false;
  let isBroken = false;
  /** The last write failed. */
  let isFailing = false;
  let isBusy = false;
  let dropped = 0;
  let waits = 0;
  const destination = pino.destination({
    fd: to,
    sync: false,
    maxLength: MEMORY_MAX,
    retryEAGAIN: () => !isExiting || ++waits < EXIT_WAITS_MAX,
  });
  // Nobody reads our lines any more: that is no reason to stop shipping. A full disk is tried again with the next line.
  destination.on('error', (error: NodeJS.ErrnoException) => {
    isFailing = true;
    isBroken = error.code !== 'ENOSPC';
  });
  destination.on('drop', () => (dropped += 1));
  destination.on('drain', () => {
    isBusy = false;
    isFailing = false;
    if (dropped === 0) return;
    const lost = dropped;
    dropped = 0;
    sayDropped(lost);
  });
  const stream = {
    write(line: string): void {
      if (isBroken) return;
      isBusy = true;
      destination.write(line);
    },
  };
  const flush = (): void => {
    isExiting = true;
    if (isFailing) {
      // At the exit SonicBoom, unless destroyed, tries to write to a full disk for ever.
      destination.destroy();
      return;
    }
    try {
      destination.flushSync();
    } catch {
      // The reader went away, or stands still, in the middle of the last lines: there is no other place to tell it.
      isBroken = true;
    }
  };
  const written = async (): Promise<boolean> => {
    for (let waits = 0; isBusy && !isFailing && waits < CLOSE_WAITS_MAX; waits += 1) {
      await sleep(CLOSE_WAIT_MS);
    }
    return !isBusy;
  };
  return { stream, flush, written };
}

function textLine(
  nowMs: number,
  level: LineLevel,
  code: string,
  message: string,
  fields: LineFields,
): string {
  const clock = new Date(nowMs).toTimeString().slice(0, 8);
  const said = printableText(message);
  const details = Object.entries(printable(fields))
    .filter(([, value]) => !said.includes(String(value)))
    .map(([name, value]) => `${name}=${String(value)}`);
  const tail = details.length === 0 ? '' : ` (${details.join(' ')})`;
  return `${clock} ${level.padEnd(5)} ${code}: ${said}${tail}\n`;
}

function printable(fields: LineFields): Record<string, string | number | boolean> {
  const entries = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [[name, typeof value === 'string' ? printableText(value) : value] as const],
  );
  return Object.fromEntries(entries);
}

/** Names of files, hosts and topics come from outside: nothing in them may steer a terminal or begin a line. */
export function printableText(text: string): string {
  const short =
    text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX)}...` : text;
  // Control characters of C0 and C1, line separators, and marks that turn the direction of writing.
  return short.replace(
    /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => {
      const code = character.charCodeAt(0).toString(16);
      return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
    },
  );
}
