import type { LoadSample } from './producer.ts';
import { spread, type Spread } from './statistics.ts';

interface Figure {
  readonly title: string;
  readonly of: (sample: LoadSample) => number;
  readonly digits: number;
}

const figures: readonly Figure[] = [
  { title: 'records/s', of: (s) => s.records / s.wallSeconds, digits: 0 },
  { title: 'CPU-s per million', of: (s) => (s.cpuSeconds / s.records) * 1e6, digits: 2 },
  { title: 'p50 ms', of: (s) => s.latencyMs, digits: 2 },
  { title: 'p99 ms', of: (s) => s.latencyP99Ms, digits: 2 },
  { title: 'peak MB', of: (s) => s.peakBytes / 1e6, digits: 0 },
];

/** Medians and ranges, a row for each client in each cell; behind the CPU of the others, how many times ours it is. */
export function producerTable(samples: readonly LoadSample[]): string {
  const head = [
    'records',
    'style',
    'client',
    ...figures.map(({ title }) => title),
    'CPU',
    'stored',
  ];
  const groups = new Map<string, LoadSample[]>();
  for (const sample of samples) {
    const name = `${nameOf(sample.cell)}\t${sample.contender}`;
    groups.set(name, [...(groups.get(name) ?? []), sample]);
  }
  const cpuOf = (group: readonly LoadSample[]): number =>
    spread(group.map((sample) => sample.cpuSeconds / sample.records)).median;
  const body = [...groups.values()].map((group) => {
    const { cell, contender } = group[0] ?? missing();
    const ours = groups.get(`${nameOf(cell)}\tmillrace`);
    const times = ours === undefined ? '' : `${(cpuOf(group) / cpuOf(ours)).toFixed(1)} x`;
    const wrong = group.filter(({ stored, sent }) => stored !== sent).length;
    return [
      `${cell.valueBytes} B ${cell.codec}${cell.isKeyed ? ' keyed' : ''}`,
      ...[cell.style, contender],
      ...figures.map(({ of, digits }) => show(spread(group.map(of)), digits)),
      times,
      wrong === 0 ? 'all' : `wrong in ${wrong} of ${group.length}`,
    ];
  });
  const lines = [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

function nameOf({ valueBytes, codec, style, isKeyed }: LoadSample['cell']): string {
  return `${valueBytes} ${codec} ${style} ${String(isKeyed)}`;
}

function show(value: Spread, digits: number): string {
  if (Number.isNaN(value.median)) return '';
  return `${value.median.toFixed(digits)} (${value.min.toFixed(digits)}-${value.max.toFixed(digits)})`;
}

function missing(): never {
  throw new Error('a group has a sample');
}
