/** What the demo shows on: lines that stay, and on a terminal one line that is drawn again and again below them. */
import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';
import type { LineLevel, Telemetry } from '../shared/telemetry.ts';
import { printableText } from '../shared/telemetry.ts';

/** Where it is drawn: standard output, or what a test puts in its place. */
export type ScreenOutput = Pick<WriteStream, 'write'> &
  Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'hasColors'>>;

type Style = Parameters<typeof styleText>[0];

/** Paints a text, or leaves it as it is where there are no colours. */
export type Paint = (style: Style, text: string) => string;

const CLEAR_LINE = '\r\u001b[K';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const COLUMNS = 80;

export class Screen {
  /** Whether the live line can be drawn in place. */
  readonly isLive: boolean;
  readonly #output: ScreenOutput;
  #live = '';
  #isCursorHidden = false;

  constructor(output: ScreenOutput) {
    this.#output = output;
    this.isLive = output.isTTY === true && process.env['TERM'] !== 'dumb';
  }

  get columns(): number {
    // A terminal that nobody has given a size says 0.
    const { columns = 0 } = this.#output;
    return columns > 0 ? columns : COLUMNS;
  }

  /** Colours on a terminal that has them and where `NO_COLOR` is not set. */
  readonly paint: Paint = (style, text) => {
    const hasColors = this.isLive && this.#output.hasColors?.() === true;
    return hasColors ? styleText(style, text, { validateStream: false }) : text;
  };

  /** Writes lines that stay, above the live line. */
  say(text: string): void {
    this.#output.write(`${this.isLive ? CLEAR_LINE : ''}${text}\n${this.#live}`);
  }

  /** Draws the live line; elsewhere than on a terminal it is a line like any other. @param text no longer than `columns` */
  draw(text: string): void {
    if (!this.isLive) {
      this.#output.write(`${text}\n`);
      return;
    }
    const hide = this.#isCursorHidden ? '' : HIDE_CURSOR;
    this.#isCursorHidden = true;
    this.#live = text;
    this.#output.write(`${hide}${CLEAR_LINE}${text}`);
  }

  /** Takes the live line away, and gives the cursor back. */
  clear(): void {
    if (!this.#isCursorHidden) return;
    this.#live = '';
    this.#isCursorHidden = false;
    this.#output.write(`${CLEAR_LINE}${SHOW_CURSOR}`);
  }

  /** Warnings and errors of the daemon, as lines of this screen. What it says on its ordinary way the live line shows better. */
  telemetry(nowMs: () => number): Telemetry {
    const said = new Map<string, number>();
    const say = (level: LineLevel, code: string, message: string): void => {
      // A hundred refused connections are one line a second.
      if (nowMs() - (said.get(code) ?? -Infinity) < SAME_CODE_MS) return;
      said.set(code, nowMs());
      const mark = this.paint(level === 'error' ? ['bold', 'red'] : 'yellow', level);
      this.say(`  ${mark} ${printableText(message)}`);
    };
    return {
      info: () => undefined,
      warn: (code, message) => say('warn', code, message),
      error: (code, message) => say('error', code, message),
      close: () => Promise.resolve(),
    };
  }
}

const SAME_CODE_MS = 1000;
