import { cpus, release, totalmem } from 'node:os';
import type { Sample } from './ingest.ts';
import { reportStyle } from './report-style.ts';
import { spread, type Spread } from './statistics.ts';
import { grouped, markdown, spreadText, storedText, type Figure } from './table.ts';

interface Plotted extends Figure<Sample> {
  readonly betterIs: 'less' | 'more';
}

const figures: readonly Plotted[] = [
  { title: 'MB/s', of: (s) => s.cell.bytes / 1e6 / s.wallSeconds, digits: 0, betterIs: 'more' },
  { title: 'records/s', of: (s) => s.records / s.wallSeconds, digits: 0, betterIs: 'more' },
  {
    title: 'CPU-s/GB',
    of: (s) => (s.cpuSeconds / s.cell.bytes) * 1e9,
    digits: 2,
    betterIs: 'less',
  },
  { title: 'peak MB', of: (s) => s.peakBytes / 1e6, digits: 0, betterIs: 'less' },
  {
    title: 'wire MB per GB',
    of: (s) => (s.wireBytes / s.cell.bytes) * 1e3,
    digits: 0,
    betterIs: 'less',
  },
];

interface Row {
  readonly cell: string;
  readonly contender: string;
  readonly spreads: readonly Spread[];
  readonly stored: string;
}

function rows(samples: readonly Sample[]): Row[] {
  const groups = grouped(samples, ({ cell: { lineBytes, bytes, codec }, contender }) => {
    return `${lineBytes} B, ${(bytes / 1e6).toFixed(0)} MB, ${codec}\t${contender}`;
  });
  return [...groups].map(([key, group]): Row => {
    const [cell = '', contender = ''] = key.split('\t');
    return {
      cell,
      contender,
      spreads: figures.map((figure) => spread(group.map(figure.of))),
      stored: storedText(group, ({ stored, records }) => stored === records),
    };
  });
}

/** The machine and the versions that the figures hold for. */
export function machine(versions: Readonly<Record<string, string>>): string {
  const cpu = cpus()[0]?.model ?? 'unknown processor';
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [`${cpus().length} x ${cpu}`, memory, `Linux ${release()}`, ...programs].join(', ');
}

export function markdownTable(samples: readonly Sample[]): string {
  const titles = figures.map(({ title }) => title);
  const body = rows(samples).map(({ cell, contender, spreads, stored }) => [
    ...[cell, contender],
    ...spreads.map((value, index) => spreadText(value, figures[index]?.digits ?? 0)),
    stored,
  ]);
  return markdown(['lines, file, codec', 'program', ...titles, 'stored'], body);
}

/** One self-contained page: the table and, for each figure, bars of the medians with whiskers from minimum to maximum. */
export function htmlPage(samples: readonly Sample[], about: string): string {
  const all = rows(samples);
  const cells = [...new Set(all.map((row) => row.cell))];
  const plots = figures.map((figure, index) => {
    const charts = cells.map((cell) =>
      chart(
        cell,
        all.filter((row) => row.cell === cell),
        index,
      ),
    );
    const hint = figure.betterIs === 'less' ? 'shorter is better' : 'longer is better';
    return `<h2>${escape(figure.title)} <small>${hint}</small></h2>\n<div class="plots">${charts.join('')}</div>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>millrace bench</title><style>${reportStyle}</style></head>
<body><h1>Lines of a file into Apache Kafka</h1><p>acks=all, idempotence on, ${escape(about)}. Median, and the range over all runs.</p>
${plots.join('\n')}
<h2>All figures</h2>
${htmlTable(samples)}</body></html>
`;
}

function chart(cell: string, group: readonly Row[], figure: number): string {
  const widest = Math.max(...group.map((row) => row.spreads[figure]?.max ?? 0));
  const digits = figures[figure]?.digits ?? 0;
  const bars = group.map((row, index) => {
    const { min, median, max } = row.spreads[figure] ?? { min: 0, median: 0, max: 0 };
    const x = (value: number): string => (130 + (value / widest) * 230).toFixed(1);
    const y = 22 + index * 24;
    const kind = row.contender === 'millrace' ? 'ours' : 'peer';
    return `<text x="124" y="${y + 12}" text-anchor="end">${escape(row.contender)}</text>
<rect class="${kind}" x="130" y="${y}" width="${((median / widest) * 230).toFixed(1)}" height="16"/>
<path d="M${x(min)} ${y + 8}H${x(max)}M${x(min)} ${y + 4}v8M${x(max)} ${y + 4}v8"/>
<text x="${Number(x(max)) + 5}" y="${y + 12}">${median.toFixed(digits)}</text>`;
  });
  const height = 28 + group.length * 24;
  return `<svg viewBox="0 0 430 ${height}" width="430" height="${height}" role="img"><title>${escape(cell)}</title><text class="cell" x="0" y="12">${escape(cell)}</text>${bars.join('')}</svg>`;
}

function htmlTable(samples: readonly Sample[]): string {
  const lines = markdownTable(samples).trim().split('\n');
  const cut = (line: string): string[] => line.slice(2, -2).split(' | ');
  const row = (line: string, tag: string): string =>
    `<tr>${cut(line)
      .map((cell) => `<${tag}>${escape(cell)}</${tag}>`)
      .join('')}</tr>`;
  const [head = '', , ...body] = lines;
  return `<table>${row(head, 'th')}${body.map((line) => row(line, 'td')).join('\n')}</table>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
