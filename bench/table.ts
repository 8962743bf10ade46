/** Tables of figures, each a median with its range over the runs. */
import type { Spread } from './statistics.ts';

/** A column of a table. */
export interface Figure<S> {
  readonly title: string;
  readonly of: (sample: S) => number;
  readonly digits: number;
}

/** Rows of a table as Markdown, the head first. */
export function markdown(head: readonly string[], body: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

/** Empty where there is no such figure. */
export function spreadText({ median, min, max }: Spread, digits: number): string {
  if (Number.isNaN(median)) return '';
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

/** Whether the broker held, after each run, what was sent. */
export function storedText<S>(runs: readonly S[], isStored: (run: S) => boolean): string {
  const wrong = runs.filter((run) => !isStored(run)).length;
  return wrong === 0 ? 'all' : `wrong in ${wrong} of ${runs.length}`;
}

/** By name, in the order in which the names come first. */
export function grouped<S>(samples: readonly S[], nameOf: (sample: S) => string): Map<string, S[]> {
  const groups = new Map<string, S[]>();
  for (const sample of samples) {
    const name = nameOf(sample);
    groups.set(name, [...(groups.get(name) ?? []), sample]);
  }
  return groups;
}
