import { present } from '../src/shared/assert.ts';
import type { LoadSample } from './producer.ts';
import { spread } from './statistics.ts';
import { grouped, markdown, spreadText, storedText, type Figure } from './table.ts';

const figures: readonly Figure<LoadSample>[] = [
  { title: 'records/s', of: (s) => s.records / s.wallSeconds, digits: 0 },
  { title: 'CPU-s per million', of: (s) => (s.cpuSeconds / s.records) * 1e6, digits: 2 },
  { title: 'p50 ms', of: (s) => s.latencyMs, digits: 2 },
  { title: 'p99 ms', of: (s) => s.latencyP99Ms, digits: 2 },
  { title: 'peak MB', of: (s) => s.peakBytes / 1e6, digits: 0 },
];

/** Medians and ranges, a row for each client in each cell; behind the CPU of the others, how many times ours it is. */
export function producerTable(samples: readonly LoadSample[]): string {
  const titles = figures.map(({ title }) => title);
  const groups = grouped(samples, ({ cell, contender }) => `${nameOf(cell)}\t${contender}`);
  const cpuOf = (group: readonly LoadSample[]): number =>
    spread(group.map((sample) => sample.cpuSeconds / sample.records)).median;
  const body = [...groups.values()].map((group) => {
    const { cell, contender } = present(group[0], 'a group has a sample');
    const ours = groups.get(`${nameOf(cell)}\tmillrace`);
    return [
      `${cell.valueBytes} B ${cell.codec}${cell.isKeyed ? ' keyed' : ''}`,
      ...[cell.style, contender],
      ...figures.map(({ of, digits }) => spreadText(spread(group.map(of)), digits)),
      ours === undefined ? '' : `${(cpuOf(group) / cpuOf(ours)).toFixed(1)} x`,
      storedText(group, ({ stored, sent }) => stored === sent),
    ];
  });
  return markdown(['records', 'style', 'client', ...titles, 'CPU', 'stored'], body);
}

function nameOf({ valueBytes, codec, style, isKeyed }: LoadSample['cell']): string {
  return `${valueBytes} ${codec} ${style} ${String(isKeyed)}`;
}
