import { performance } from 'node:perf_hooks';
import type { Input } from '../input/input.ts';
import type { Pipeline } from '../pipeline.ts';
import type { SampleLog } from './demo-log.ts';
import type { Screen } from './demo-screen.ts';
import { liveLine, type LiveFigures } from './demo-text.ts';

export interface LiveViewOptions {
  readonly screen: Screen;
  readonly pipeline: Pick<Pipeline, 'counters'>;
  /** The log and the input that reads it. */
  readonly log: SampleLog | undefined;
  readonly tail: Input | undefined;
  readonly sockets: readonly Input[];
  readonly codec: string;
}

const REDRAW_MS = 200;
/** Where lines cannot be drawn again, they come rarely; the first one soon, to show that it works. */
const LINE_MS = 3000;
const FIRST_LINE_MS = 1000;
/** Rates are those of the last so many milliseconds. */
const WINDOW_MS = 2000;

interface Sample {
  readonly atMs: number;
  readonly records: number;
  readonly bytes: number;
}

/** Shows what goes on, from now until `stop`. */
export class LiveView {
  readonly #options: LiveViewOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #samples: Sample[] = [];
  #phase: LiveFigures['phase'] = 'shipping';
  #nextLineMs: number;

  constructor(options: LiveViewOptions) {
    this.#options = options;
    this.#nextLineMs = performance.now() + (options.screen.isLive ? 0 : FIRST_LINE_MS);
    this.#timer = setInterval(() => this.#look(), REDRAW_MS);
    this.#look();
  }

  /** From here on nothing new is read. */
  drain(): void {
    this.#phase = 'draining';
  }

  /** Takes it off the screen. */
  stop(): void {
    clearInterval(this.#timer);
    this.#options.screen.clear();
  }

  #look(): void {
    const { screen } = this.#options;
    const nowMs = performance.now();
    const figures = this.#figures(nowMs);
    if (nowMs < this.#nextLineMs) return;
    if (!screen.isLive) this.#nextLineMs = nowMs + LINE_MS;
    const columns = screen.isLive ? screen.columns : Infinity;
    screen.draw(liveLine(figures, columns, screen.paint));
  }

  #figures(nowMs: number): LiveFigures {
    const { pipeline, log, tail, sockets, codec } = this.#options;
    const counters = pipeline.counters();
    const { recordsAcked, rawBytes, batchBytes } = counters;
    const now = {
      atMs: nowMs,
      records: recordsAcked,
      bytes: counters.inputBytes - counters.lagBytes,
    };
    this.#samples.push(now);
    while ((this.#samples[1]?.atMs ?? Infinity) <= nowMs - WINDOW_MS) this.#samples.shift();
    const before = this.#samples[0] ?? now;
    const seconds = Math.max(nowMs - before.atMs, 1) / 1000;
    const unreadBytes = (log?.bytes ?? 0) - (tail?.counters.readBytes ?? 0);
    return {
      phase: this.#phase,
      recordsAcked,
      recordsPerSecond: (now.records - before.records) / seconds,
      bytesPerSecond: (now.bytes - before.bytes) / seconds,
      ratio: batchBytes === 0 ? undefined : rawBytes / batchBytes,
      codec,
      requestsInFlight: counters.requestsInFlight,
      lagBytes: counters.lagBytes + unreadBytes,
      socketBytes: sockets.reduce((sum, socket) => sum + socket.counters.readBytes, 0),
    };
  }
}
