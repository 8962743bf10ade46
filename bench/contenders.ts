import { mainFile, node24 } from '../test/support/project.ts';
import { LINGER_MS } from './load-shape.ts';
import { javaCommand, javaSettings, peerCommand } from './peer-command.ts';
import { buildFranzGo, franzGoProgram } from './peers/franz-go.ts';

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof codecs)[number];

export interface Job {
  readonly bootstrap: string;
  readonly topic: string;
  readonly codec: Codec;
  readonly file: string;
  readonly classpath: string;
}

/** A program that ships the lines of a file into a topic with acks=all and idempotence, and ends. */
export interface Contender {
  readonly name: string;
  readonly command: (job: Job) => string[];
  /** The program reads the lines on standard input instead of opening the file. */
  readonly readsStdin?: true;
  /** Lines of input past which a run would take minutes and say nothing new. */
  readonly linesMax?: number;
  /** Makes it ready. Returns why it cannot take part on this machine. */
  readonly prepare?: () => string | undefined;
}

/** As the peers' programs take it. */
function fileJob({ bootstrap, topic, codec, file }: Job): string[] {
  return [bootstrap, topic, codec, file];
}

export const contenders: readonly Contender[] = [
  {
    name: 'millrace',
    command: (job) => [
      ...[node24, mainFile, 'produce', '-b', job.bootstrap, '-t', job.topic, '-z', job.codec],
      job.file,
    ],
  },
  {
    name: 'kcat',
    command: (job) => [
      ...['kcat', '-P', '-b', job.bootstrap, '-t', job.topic, '-z', job.codec],
      ...['-X', 'acks=all', '-X', 'enable.idempotence=true', '-X', `linger.ms=${LINGER_MS}`],
      ...['-l', job.file],
    ],
  },
  {
    name: 'franz-go',
    prepare: buildFranzGo,
    command: (job) => [franzGoProgram, ...fileJob(job)],
  },
  {
    // No peer but a yardstick: bench/peers/prototype.ts.
    name: 'prototype',
    command: (job) => peerCommand('prototype', ...fileJob(job)),
  },
  {
    name: 'java',
    readsStdin: true,
    command: (job) => [
      ...javaCommand(job.classpath, 'ConsoleProducer', '--bootstrap-server', job.bootstrap),
      ...['--topic', job.topic],
      ...javaSettings.flatMap((setting) => ['--producer-property', setting]),
      // As a property it would be overruled by this option's default, none.
      ...['--compression-codec', job.codec],
    ],
  },
  {
    name: '@platformatic/kafka',
    linesMax: 2.5e6,
    command: (job) => peerCommand('platformatic', ...fileJob(job)),
  },
  {
    name: 'kafkajs',
    linesMax: 2.5e6,
    command: (job) => peerCommand('kafkajs', ...fileJob(job)),
  },
];
