import type { LongLineRule } from './input/route.ts';
import { counted } from './shared/counted.ts';
import { Sums } from './shared/sums.ts';
import type { Telemetry } from './shared/telemetry.ts';

/** The first of them are told soon, the others together. */
const FIRST_MS = 1000;
const NEXT_MS = 60_000;

const FIX = 'Fix: raise max.line.bytes, and kafka.max.request.size with it';

/** Says that lines are longer than `max.line.bytes`, and what became of them: one line a minute for each topic, not one for each line. */
export class LongLinesTold {
  readonly #sums: Sums<LongLineRule>;

  constructor(telemetry: Telemetry) {
    this.#sums = new Sums(FIRST_MS, NEXT_MS, (rule, lines) => {
      const text = `${whatBecame(rule, lines)}. ${FIX}`;
      const fields = { topic: rule.topic, longLines: lines };
      if (rule.longLines === 'split') telemetry.info('longLines', text, fields);
      else telemetry.warn('longLines', text, fields);
    });
  }

  /** @param lines or cuts, where they are split */
  add(rule: LongLineRule, lines: number): void {
    if (lines === 0) return;
    this.#sums.add(`${rule.longLines} ${rule.recordBytesMax} ${rule.topic}`, rule, lines);
  }

  /** What was added since the last time. */
  say(): void {
    this.#sums.say();
  }
}

function whatBecame({ topic, longLines, recordBytesMax }: LongLineRule, lines: number): string {
  const what = `longer than max.line.bytes (${recordBytesMax})`;
  switch (longLines) {
    case 'split':
      return `lines for topic ${topic} are ${what}: ${counted(lines, 'cut')} made several records of them`;
    case 'truncate':
      return `${counted(lines, 'line')} for topic ${topic} ${what}: truncated to that`;
    case 'drop':
      return `${counted(lines, 'line')} for topic ${topic} ${what}: left out`;
  }
}
