/** The commands: what each is for, its options, and how they become its arguments. Modules are loaded when their command is run. */
import { join } from 'node:path';
import type { OwnSetting, Overrides } from '../../config/overrides.ts';
import type { ExitReason } from '../shared/exit-codes.ts';
import { packageRoot } from '../shared/package.ts';
import { UsageError, type Flag, type FlagValues, type Flags } from './cli-flags.ts';

export interface Command {
  readonly summary: string;
  readonly flags: Flags;
  /** What may stand on the line besides options. */
  readonly operands?: { readonly name: string; readonly doc: string };
  readonly examples: readonly (readonly [line: string, doc: string])[];
  readonly run: (values: FlagValues, operands: readonly string[]) => Promise<ExitReason>;
}

const DEFAULT_CONFIG = '/etc/millrace/millrace.yaml';
const DEFAULT_PORT = 9092;

const settingFlags = {
  X: {
    kind: 'texts',
    value: 'NAME=VALUE',
    doc: "Kafka's setting of that name; -X list prints them all",
  },
  set: {
    kind: 'texts',
    value: 'PATH=VALUE',
    doc: 'any setting: inputs.0.tail.from=end, log.level=warn',
  },
} as const satisfies Flags;

const configFlag = {
  kind: 'text',
  short: 'c',
  value: 'FILE',
  doc: 'configuration in YAML',
  default: DEFAULT_CONFIG,
} as const;

const run: Command = {
  summary: 'ship what the inputs of a configuration yield, until it is told to stop',
  flags: { config: configFlag, ...settingFlags },
  examples: [['millrace run -c millrace.yaml', 'SIGTERM and Ctrl-C send everything, then end it']],
  run: async (values) => {
    const overrides = await overridesOf(values);
    if (overrides === undefined) return 'ok';
    const command = await import('./run.ts');
    return command.run({ configFile: values.text('config') ?? DEFAULT_CONFIG, overrides });
  },
};

const brokerFlag: Flag = {
  kind: 'text',
  short: 'b',
  value: 'HOST:PORT',
  doc: 'brokers to ask first, with commas between them (required)',
};

const topicFlag: Flag = {
  kind: 'text',
  short: 't',
  value: 'TOPIC',
  doc: 'topic that the lines go to (required)',
};

const produce: Command = {
  summary: 'ship the lines of files or of standard input into a topic, then end',
  flags: {
    broker: brokerFlag,
    topic: topicFlag,
    codec: { kind: 'text', short: 'z', value: 'CODEC', doc: 'none, gzip, snappy, lz4 or zstd' },
    ...settingFlags,
    set: {
      ...settingFlags.set,
      doc: 'any setting: inputs.0.stdin.max.line.bytes=1000, log.level=warn',
    },
    P: { kind: 'switch', doc: "kcat's producer mode", isHidden: true },
    l: { kind: 'switch', doc: "kcat's line mode", isHidden: true },
  },
  operands: { name: 'files', doc: 'files to read, each once; none or -: standard input' },
  examples: [
    ['millrace produce -b localhost:9092 -t logs < app.log', 'standard input'],
    ['millrace produce -b localhost -t logs -z zstd a.log b.log', 'files'],
  ],
  run: async (values, operands) => {
    const own: OwnSetting[] = [
      ownSetting(values, 'broker', ['kafka', 'bootstrap.servers']),
      ownSetting(values, 'topic', ['inputs', '0', 'stdin', 'topic']),
      ownSetting(values, 'codec', ['kafka', 'compression.type']),
    ].flat();
    const overrides = await overridesOf(values, own);
    if (overrides === undefined) return 'ok';
    values.needed('broker', brokerFlag);
    values.needed('topic', topicFlag);
    if (operands.includes('-') && operands.length > 1) {
      throw new UsageError('- is standard input, and cannot stand among files');
    }
    const files = operands.filter((name) => name !== '-');
    const command = await import('./produce.ts');
    return command.produce({ overrides, files });
  },
};

const validate: Command = {
  summary: 'check a configuration and name every fault in it',
  flags: {
    config: configFlag,
    connect: { kind: 'switch', doc: 'ask the brokers too: address, version, topics' },
    ...settingFlags,
  },
  examples: [['millrace validate -c millrace.yaml --connect', 'before a restart']],
  run: async (values) => {
    const overrides = await overridesOf(values);
    if (overrides === undefined) return 'ok';
    const command = await import('./validate.ts');
    const configFile = values.text('config') ?? DEFAULT_CONFIG;
    return command.validate({ configFile, overrides, connect: values.isOn('connect') });
  },
};

const broker: Command = {
  summary: 'run an embedded broker, in memory, for trying things out',
  flags: {
    port: {
      kind: 'text',
      value: 'PORT',
      doc: 'port of the first node; the others follow',
      default: String(DEFAULT_PORT),
    },
    host: { kind: 'text', value: 'ADDRESS', doc: 'address to listen on', default: '127.0.0.1' },
    nodes: { kind: 'text', value: 'COUNT', doc: 'brokers of the cluster', default: '1' },
    topic: { kind: 'texts', value: 'NAME[:PARTITIONS]', doc: 'topic to begin with' },
    partitions: {
      kind: 'text',
      value: 'COUNT',
      doc: 'partitions of topics that do not say',
      default: '1',
    },
    'no-auto-create': { kind: 'switch', doc: 'a topic that is not there stays so' },
    discard: { kind: 'switch', doc: 'check and count batches, and keep none' },
  },
  examples: [['millrace broker --nodes 3 --topic logs:6', 'three nodes at ports 9092 to 9094']],
  run: async (values) => {
    const nodes = values.count('nodes', 1, 100) ?? 1;
    const port = values.count('port', 0, 65_536 - nodes) ?? DEFAULT_PORT;
    const partitions = values.count('partitions', 1, 10_000) ?? 1;
    const command = await import('./broker.ts');
    return command.broker({
      host: values.text('host') ?? '127.0.0.1',
      ports: Array.from({ length: nodes }, (_, node) => (port === 0 ? 0 : port + node)),
      topics: Object.fromEntries(values.texts('topic').map((text) => topicOf(text, partitions))),
      partitions,
      autoCreate: !values.isOn('no-auto-create'),
      discard: values.isOn('discard'),
    });
  },
};

const demo: Command = {
  summary: 'see it all at once: embedded broker, a growing log, a socket, one live line',
  flags: {
    config: { ...configFlag, default: 'the example' },
    dir: {
      kind: 'text',
      value: 'DIR',
      doc: 'folder for log, socket and state; default: a new one, removed at the end',
    },
    rate: {
      kind: 'text',
      value: 'LINES',
      doc: 'lines a second that the sample log grows by',
      default: '20000',
    },
    seconds: { kind: 'text', value: 'SECONDS', doc: 'end after so long; default: with Ctrl-C' },
    ...settingFlags,
  },
  examples: [['millrace demo -X compression.type=zstd', 'another codec']],
  run: async (values) => {
    const overrides = await overridesOf(values);
    if (overrides === undefined) return 'ok';
    const config = values.text('config');
    const example = join(packageRoot(), 'config/examples/millrace.yaml');
    const linesPerSecond = values.count('rate', 0, 10_000_000) ?? 0;
    const seconds = values.count('seconds', 1, 1_000_000);
    const command = await import('./demo.ts');
    return command.demo({
      configFile:
        config === undefined || config === demo.flags['config']?.default ? example : config,
      overrides,
      folder: values.text('dir'),
      linesPerSecond,
      seconds,
    });
  },
};

export const commands: Readonly<Record<string, Command>> = { run, produce, validate, broker, demo };

/** @returns undefined when the user asked for the list of settings, and has got it */
async function overridesOf(
  values: FlagValues,
  own: readonly OwnSetting[] = [],
): Promise<Overrides | undefined> {
  const kafka = values.texts('X');
  if (kafka.includes('list') || kafka.includes('help')) {
    const { kafkaKeyList } = await import('./cli-settings.ts');
    process.stdout.write(kafkaKeyList());
    return undefined;
  }
  return { kafka, set: values.texts('set'), environment: process.env, own };
}

function ownSetting(values: FlagValues, flag: string, path: readonly string[]): OwnSetting[] {
  const text = values.text(flag);
  const short = produce.flags[flag]?.short ?? flag;
  return text === undefined ? [] : [{ place: `-${short} ${text}`, path, text }];
}

function topicOf(text: string, partitions: number): [string, number] {
  const [, name, count] = /^([a-zA-Z0-9._-]{1,249})(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (name === undefined || count === '0') {
    throw new UsageError(`--topic ${text} is not NAME or NAME:PARTITIONS`);
  }
  return [name, count === undefined ? partitions : Number(count)];
}
