import type { LongLines } from './input/route.ts';
import { counted } from './shared/counted.ts';
import type { Telemetry } from './shared/telemetry.ts';

/** What an input does with its long lines. */
export interface LongLineRule {
  readonly topic: string;
  readonly longLines: LongLines;
  /** `max.line.bytes`. */
  readonly recordBytesMax: number;
}

/** The first of them are told soon, the others together. */
const FIRST_MS = 1000;
const NEXT_MS = 60_000;

/** Says that lines are longer than `max.line.bytes`, and what became of them: one line a minute for each topic, not one for each line. */
export class LongLinesTold {
  readonly #telemetry: Telemetry;
  /** By topic, limit and what becomes of them. */
  readonly #sums = new Map<string, { readonly rule: LongLineRule; lines: number }>();
  #timer: NodeJS.Timeout | undefined;
  #isFirst = true;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  /** @param lines or cuts, where they are split */
  add(rule: LongLineRule, lines: number): void {
    if (lines === 0) return;
    const key = `${rule.longLines} ${rule.recordBytesMax} ${rule.topic}`;
    const sum = this.#sums.get(key) ?? { rule, lines: 0 };
    sum.lines += lines;
    this.#sums.set(key, sum);
    this.#timer ??= setTimeout(() => this.say(), this.#isFirst ? FIRST_MS : NEXT_MS).unref();
    this.#isFirst = false;
  }

  /** What was added since the last time. */
  say(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { rule, lines } of this.#sums.values()) {
      const { topic, longLines, recordBytesMax } = rule;
      const what = `longer than max.line.bytes (${recordBytesMax})`;
      const fix = 'Fix: raise max.line.bytes, and kafka.max.request.size with it';
      const fields = { topic, longLines: lines };
      switch (longLines) {
        case 'split':
          this.#telemetry.info(
            'longLines',
            `lines for topic ${topic} are ${what}: ${counted(lines, 'cut')} made several records of them. ${fix}`,
            fields,
          );
          break;
        case 'truncate':
        case 'drop': {
          const fate = longLines === 'drop' ? 'left out' : 'truncated to that';
          const text = `${counted(lines, 'line')} for topic ${topic} ${what}: ${fate}. ${fix}`;
          this.#telemetry.warn('longLines', text, fields);
        }
      }
    }
    this.#sums.clear();
  }
}
