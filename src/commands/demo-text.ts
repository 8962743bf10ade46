/** What the demo says: the greeting, the live line and the verdict. */
import type { Paint } from './demo-screen.ts';

const wholeNumber = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `1,234,567`. */
export function counted(number: number): string {
  return wholeNumber.format(number);
}

const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** Decimal units, three digits: `812 B`, `4.61 MB`, `64 MB`. */
export function sized(bytes: number): string {
  const rounded = Number(bytes.toPrecision(3));
  const thousands = rounded < 1000 ? 0 : Math.floor(Math.log10(rounded) / 3);
  const step = Math.min(thousands, units.length - 1);
  return `${Number((rounded / 1000 ** step).toPrecision(3))} ${units[step] ?? ''}`;
}

export interface DemoPlaces {
  readonly version: string;
  readonly configFile: string;
  /** Undefined when the configuration has no tail. */
  readonly log: { readonly path: string; readonly linesPerSecond: number } | undefined;
  readonly sockets: readonly string[];
  readonly bootstrap: string;
  readonly topics: readonly string[];
  readonly codec: string;
}

const LABEL_WIDTH = 11;

/** What this is, where everything is, how to write to it and how to read from it. */
export function greeting(places: DemoPlaces, paint: Paint): string {
  const { log, sockets, bootstrap, topics } = places;
  const row = (label: string, text: string, note = ''): string =>
    `  ${paint('dim', label.padEnd(LABEL_WIDTH))}${text}${note && `  ${paint('dim', note)}`}`;
  const command = (label: string, text: string): string =>
    `  ${paint('dim', label.padEnd(LABEL_WIDTH))}${paint('cyan', text)}`;
  const sources = [
    ...(log === undefined ? [] : ['a growing log']),
    ...(sockets.length === 0 ? [] : ['a Unix socket']),
  ];
  const growth = log && `${counted(log.linesPerSecond)} lines/s`;
  return [
    '',
    `  ${paint('bold', 'millrace')} ${places.version}: ${sources.join(' and ') || 'standard input'}, shipped into Kafka.`,
    `  ${paint('dim', 'A demo: daemon and broker are this one process, and nothing of it stays.')}`,
    '',
    ...(log === undefined ? [] : [row('from', log.path, growth)]),
    ...sockets.map((path) => row(log === undefined ? 'from' : '', path, 'one record a line')),
    row('to', `${topics.join(', ')} at ${bootstrap}`, 'embedded broker, in memory'),
    row('config', places.configFile, `compression ${places.codec}`),
    '',
    ...sockets
      .slice(0, 1)
      .flatMap((path) => [
        command('write', `echo hello | nc -U -N ${quoted(path)}`),
        command('', `echo hello | socat - UNIX-CONNECT:${quoted(path)}`),
      ]),
    ...topics.map((topic, index) =>
      command(index === 0 ? 'read' : '', `kcat -C -b ${bootstrap} -t ${topic} -o beginning`),
    ),
    `  ${paint('dim', 'end'.padEnd(LABEL_WIDTH))}Ctrl-C: sends what is left, then counts what arrived`,
    '',
  ].join('\n');
}

/** As the shell takes it for one word. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

export interface LiveFigures {
  readonly phase: 'shipping' | 'draining';
  readonly recordsAcked: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of the codec; undefined before the first batch. */
  readonly ratio: number | undefined;
  readonly codec: string;
  readonly requestsInFlight: number;
  /** Written and not acknowledged yet. */
  readonly lagBytes: number;
  /** That came in on sockets. */
  readonly socketBytes: number;
}

/** One line, cut at `columns` between two figures. */
export function liveLine(figures: LiveFigures, columns: number, paint: Paint): string {
  const { phase, ratio, socketBytes } = figures;
  const shown: [value: string, label: string][] = [
    [counted(figures.recordsAcked), phase === 'draining' ? 'records, draining' : 'records'],
    [`${counted(figures.recordsPerSecond)}/s`, ''],
    [(figures.bytesPerSecond / 1e6).toFixed(2), 'MB/s'],
    [ratio === undefined ? '-' : `${ratio.toFixed(2)}x`, figures.codec],
    [counted(figures.requestsInFlight), 'in flight'],
    [sized(Math.max(0, figures.lagBytes)), 'lag'],
    ...(socketBytes === 0 ? [] : [[sized(socketBytes), 'socket'] as [string, string]]),
  ];
  let line = ' ';
  let width = 1;
  for (const [value, label] of shown) {
    const [space, labelled] = label === '' ? ['', ''] : [' ', paint('dim', label)];
    width += value.length + space.length + label.length + 2;
    // The last column stays free: a full line would make some terminals begin the next one.
    if (width >= columns) break;
    line += ` ${paint('bold', value)}${space}${labelled} `;
  }
  return line.trimEnd();
}

/** What became of everything. */
export interface DemoCounts {
  /** Lines written to the sample log. */
  readonly written: number;
  /** Bytes that came in on the sockets. */
  readonly socketBytes: number;
  /** Records made of lines of the log and of the sockets, and handed to the sender. */
  readonly sent: number;
  /** Of these, what the broker has acknowledged. */
  readonly acked: number;
  /** What the broker's end offsets say. */
  readonly stored: number;
  /** Of the stored, what was kept and read back. */
  readonly read: number;
  /** Records that another program has written; not among the others. */
  readonly foreign: number;
  readonly partitions: number;
  readonly batches: number;
  readonly rawBytes: number;
  readonly batchBytes: number;
  readonly codec: string;
  readonly rotations: number;
}

/** Numbers of everything, and whether they agree. @param faults what is wrong, a sentence each; none: all is well */
export function verdict(counts: DemoCounts, faults: readonly string[], paint: Paint): string {
  const { written, socketBytes, sent, acked, stored, read, rotations } = counts;
  const width = Math.max(...[written, sent, acked, stored, read].map((n) => counted(n).length));
  const row = (label: string, number: number, note: string): string =>
    `  ${paint('dim', label.padEnd(LABEL_WIDTH))}${counted(number).padStart(width)}  ${paint('dim', note)}`;
  const rotated = rotations === 0 ? '' : `, rotated ${counted(rotations)} times`;
  const socket = socketBytes === 0 ? '' : `, and ${sized(socketBytes)} to the socket`;
  const kept = read === stored ? 'all of them' : 'what the broker still keeps';
  const foreign =
    counts.foreign === 0 ? '' : `, less ${counted(counts.foreign)} of another program`;
  const small = counts.codec === 'none' ? '' : ` as ${sized(counts.batchBytes)} of ${counts.codec}`;
  const sizes = `${sized(counts.rawBytes)}${small}`;
  const rows = [
    row('written', written, `lines to the sample log${rotated}${socket}`),
    row('sent', sent, `records in ${counted(counts.batches)} batches, ${sizes}`),
    row('acked', acked, 'by the broker'),
    row(
      'stored',
      stored,
      `by the end offsets of ${counted(counts.partitions)} partitions${foreign}`,
    ),
    row('read back', read, `over the wire and checked: ${kept}`),
    '',
  ];
  if (faults.length === 0) {
    const line = `sent = acked = stored: ${counted(stored)} records`;
    return [...rows, `  ${paint(['bold', 'green'], line)}`, ''].join('\n');
  }
  const title = `NOT EQUAL: sent ${counted(sent)}, acked ${counted(acked)}, stored ${counted(stored)}`;
  const isEqual = sent === acked && acked === stored;
  const head = isEqual ? 'NOT AS IT WAS WRITTEN' : title;
  return [
    ...rows,
    `  ${paint(['bold', 'red'], head)}`,
    ...faults.map((text) => `  ${text}`),
    '',
  ].join('\n');
}
