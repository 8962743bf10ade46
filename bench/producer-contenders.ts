import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LINGER_MS } from './load-shape.ts';
import { loadValues } from './load-values.ts';
import { javaCommand, javaSettings, peerCommand } from './peer-command.ts';
import { buildNodeRdkafka, rdkafkaPerformance } from './peers/node-rdkafka.ts';
import {
  loadStyles,
  type LoadCell,
  type LoadFigures,
  type LoadStyle,
} from './producer-load-style.ts';
import type { Cost } from './measure.ts';

/** In no log line. */
const VALUE_END = '@@@@';

export interface LoadJob {
  readonly bootstrap: string;
  readonly topic: string;
  readonly cell: LoadCell;
  readonly classpath: string;
  /** Of the bench, for files that a program needs. */
  readonly folder: string;
}

/** A program that sends records made up by itself, with acks=all and idempotence, and ends. */
export interface LoadContender {
  readonly name: string;
  /** Makes it ready. Returns why it cannot take part on this machine. */
  readonly prepare?: () => string | undefined;
  /** It can do no others. */
  readonly styles: readonly LoadStyle[];
  readonly command: (job: LoadJob) => string[];
  /** Where a call a record is a request a record: the most that are sent with a promise or callback, or a run would take minutes. */
  readonly promisesMax?: number;
  /** What the run cost, from what the program printed and what was measured from outside. */
  readonly figures: (printed: string, cost: Cost) => LoadFigures;
  /** It sends as many records as it is asked for, and then measures as many. */
  readonly warmsUp: boolean;
}

function program(
  name: string,
  file: string,
  styles: readonly LoadStyle[],
  more: Pick<LoadContender, 'promisesMax' | 'prepare'> = {},
): LoadContender {
  return {
    ...{ name, styles, ...more },
    command: ({ bootstrap, topic, cell: { codec, style, isKeyed, valueBytes, records } }) =>
      peerCommand(
        `producer-${file}`,
        ...[bootstrap, topic, codec, style, isKeyed ? 'keyed' : 'keyless'],
        ...[String(valueBytes), String(records)],
      ),
    figures: figuresIn,
    warmsUp: true,
  };
}

/** ProducerPerformance draws from a file; left to itself it would make each value anew, and that would be measured. */
function valuesFile(folder: string, valueBytes: number): string[] {
  const file = join(folder, `values-${valueBytes}`);
  writeFileSync(file, loadValues(valueBytes).join(VALUE_END));
  return ['--payload-file', file, '--payload-delimiter', VALUE_END];
}

/** The last line that a program printed. */
function figuresIn(printed: string): LoadFigures {
  const line = printed.trim().split('\n').at(-1) ?? '';
  // JSON has no NaN.
  return JSON.parse(line, (_, value: unknown) => (value === null ? NaN : value)) as LoadFigures;
}

/** Start and compiler are in the figures. */
const fromOutside: Pick<LoadContender, 'figures' | 'warmsUp'> = {
  figures: (_printed, { wallSeconds, cpuSeconds, peakBytes }) => ({
    ...{ wallSeconds, cpuSeconds, peakBytes },
    ...{ latencyMs: NaN, latencyP99Ms: NaN },
  }),
  warmsUp: false,
};

export const loadContenders: readonly LoadContender[] = [
  program('millrace', 'millrace', loadStyles),
  program('@platformatic/kafka', 'platformatic', loadStyles, { promisesMax: 20_000 }),
  program('kafkajs', 'kafkajs', ['batch', 'promise', 'single'], { promisesMax: 20_000 }),
  program('node-rdkafka', 'node-rdkafka', loadStyles, { prepare: buildNodeRdkafka }),
  {
    name: 'rdkafka_performance',
    prepare: buildNodeRdkafka,
    styles: ['callback'],
    command: ({ bootstrap, topic, cell: { codec, valueBytes, records } }) => [
      ...[rdkafkaPerformance, '-P', '-q', '-b', bootstrap, '-t', topic, '-z', codec, '-a', '-1'],
      ...['-s', String(valueBytes), '-c', String(records), '-X', 'enable.idempotence=true'],
      ...['-X', `linger.ms=${LINGER_MS}`],
    ],
    ...fromOutside,
  },
  {
    name: 'java',
    styles: ['callback'],
    command: ({ bootstrap, topic, classpath, folder, cell: { codec, valueBytes, records } }) => [
      ...javaCommand(classpath, 'ProducerPerformance', '--topic', topic, '--throughput', '-1'),
      ...['--num-records', String(records), ...valuesFile(folder, valueBytes)],
      ...['--producer-props', `bootstrap.servers=${bootstrap}`, `compression.type=${codec}`],
      ...javaSettings,
    ],
    ...fromOutside,
  },
];
