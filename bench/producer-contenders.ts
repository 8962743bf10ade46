import { javaCommand, javaSettings, peerCommand } from './peer-command.ts';
import {
  warmUpRecords,
  type LoadCell,
  type LoadFigures,
  type LoadStyle,
} from './producer-load-style.ts';
import type { Cost } from './measure.ts';

export interface LoadJob {
  readonly bootstrap: string;
  readonly topic: string;
  readonly cell: LoadCell;
  readonly classpath: string;
}

/** A program that sends records made up by itself, with acks=all and idempotence, and ends. */
export interface LoadContender {
  readonly name: string;
  /** It can do no others. */
  readonly styles: readonly LoadStyle[];
  readonly command: (job: LoadJob) => string[];
  /** Where a call a record is a request a record: the most that are sent so, or a run would take minutes. */
  readonly promisesMax?: number;
  /** What the run cost, from what the program printed and what was measured from outside. */
  readonly figures: (printed: string, cost: Cost) => LoadFigures;
  /** Records that it sends more than it is asked for, before it measures. */
  readonly warmUp: (style: LoadStyle, records: number) => number;
}

function program(
  name: string,
  file: string,
  styles: readonly LoadStyle[],
  promisesMax?: number,
): LoadContender {
  return {
    ...{ name, styles },
    ...(promisesMax === undefined ? {} : { promisesMax }),
    command: ({ bootstrap, topic, cell: { codec, style, isKeyed, valueBytes, records } }) =>
      peerCommand(
        `producer-${file}`,
        ...[bootstrap, topic, codec, style, isKeyed ? 'keyed' : 'keyless'],
        ...[String(valueBytes), String(records)],
      ),
    figures: figuresIn,
    warmUp: warmUpRecords,
  };
}

/** The last line that a program printed. */
function figuresIn(printed: string): LoadFigures {
  const line = printed.trim().split('\n').at(-1) ?? '';
  // JSON has no NaN.
  return JSON.parse(line, (_, value: unknown) => (value === null ? NaN : value)) as LoadFigures;
}

export const loadContenders: readonly LoadContender[] = [
  program('millrace', 'millrace', ['batch', 'promise', 'fire', 'single']),
  program('@platformatic/kafka', 'platformatic', ['batch', 'promise', 'fire', 'single'], 20_000),
  program('kafkajs', 'kafkajs', ['batch', 'promise', 'single'], 20_000),
  {
    // Its start and its compiler are in its figures: they are measured from outside.
    name: 'java',
    styles: ['fire'],
    command: ({ bootstrap, topic, classpath, cell: { codec, valueBytes, records } }) => [
      ...javaCommand(classpath, 'ProducerPerformance', '--topic', topic, '--throughput', '-1'),
      ...['--num-records', String(records), '--record-size', String(valueBytes)],
      ...['--producer-props', `bootstrap.servers=${bootstrap}`, `compression.type=${codec}`],
      ...javaSettings,
    ],
    figures: (_printed, { wallSeconds, cpuSeconds, peakBytes }) => ({
      ...{ wallSeconds, cpuSeconds, peakBytes },
      ...{ latencyMs: NaN, latencyP99Ms: NaN },
    }),
    warmUp: () => 0,
  },
];
