/**
 * The table of everything that can be configured. From it: the type `Config`, validation (`load.ts`), `-X list`, the JSON schema for editors
 * and docs/CONFIGURATION.md (`render.ts`). Rules between keys are in `rules.ts`.
 */
import { availableParallelism } from 'node:os';
import { kafkaKeysNotApplicable, librdkafkaSynonyms } from './kafka-keys-elsewhere.ts';
import { kafkaKeys, RECORD_ROOM_BYTES } from './kafka-keys.ts';
import {
  derived,
  optional,
  optionalList,
  required,
  requiredList,
  setting,
  type Nodes,
  type Section,
  type ValueOf,
} from './rows.ts';
import {
  boolean,
  byteSize,
  choice,
  duration,
  excludePattern,
  fileMode,
  integer,
  path,
  socketPath,
  text,
  topicName,
} from './value-types.ts';

const topic = required(topicName, 'logs', {
  importance: 'high',
  doc: 'Topic that the records go to.',
});

const hostHeader = setting(boolean, 'false', {
  importance: 'medium',
  doc: 'Gives each record a header `host` with the name of this machine.',
});

/** How bytes become records: the same for all inputs. */
const framing = {
  'max.line.bytes': derived(
    byteSize(1, 64 * 1024 * 1024),
    '1000000, or max.request.size less 4096 when that is less',
    (of) => Math.min(1_000_000, of('kafka.max.request.size') - RECORD_ROOM_BYTES),
    {
      importance: 'medium',
      doc: 'Longest line, in bytes; `long.lines` says what happens to longer ones.',
    },
  ),
  'long.lines': setting(choice(['split', 'truncate', 'drop']), 'split', {
    importance: 'medium',
    doc: 'What becomes of a line over `max.line.bytes`: several records one after the other, its beginning, or nothing. They are counted, and told of once a minute.',
  }),
  'empty.lines': setting(choice(['keep', 'skip']), 'keep', {
    importance: 'low',
    doc: 'Whether an empty line becomes a record with an empty value, or nothing; those are counted, and the last line of the log has the count.',
  }),
  'strip.cr': setting(boolean, 'false', {
    importance: 'low',
    doc: 'Takes one carriage return off the end of each line, for files with Windows line ends.',
  }),
} as const;

const tail = {
  kind: 'section',
  doc: 'Follows files: reads what is there, then what is appended, over rotation by rename and over truncation. Positions are kept in `state.dir`.',
  rows: {
    paths: requiredList(path, '[/var/log/app/*.log]', {
      importance: 'high',
      doc: 'Files and patterns with `*`, `?`, `[...]`, `{a,b}` and `**`. Files that appear later are found too, and read from their beginning. A file that two inputs find is sent by both.',
    }),
    exclude: optionalList(excludePattern, {
      importance: 'medium',
      doc: 'Files and patterns that are left out. One without a slash is held against the name of the file alone: `*.gz`.',
    }),
    topic,
    from: setting(choice(['beginning', 'end']), 'beginning', {
      importance: 'high',
      doc: 'Where to start in a file that is there at the first start and has no position yet.',
    }),
    headers: {
      kind: 'section',
      doc: 'Headers that each record gets.',
      rows: {
        host: hostHeader,
        path: setting(boolean, 'false', {
          importance: 'medium',
          doc: 'Gives each record a header `path` with the path under which its file was first found, also after a rename.',
        }),
      },
    },
    ...framing,
    'scan.interval.ms': setting(duration(50, 3_600_000), '1000', {
      importance: 'low',
      doc: 'How often the folders are searched for new files, besides the notices of the system.',
    }),
  },
} as const satisfies Section<Nodes>;

const socket = {
  kind: 'section',
  doc: 'Listens on a Unix stream socket: each line of each connection is a record. When memory is full, writers wait.',
  rows: {
    path: required(socketPath, '/run/millrace/ingest.sock', {
      importance: 'high',
      doc: 'Where the socket is made. A socket that a dead process left is replaced, one that is in use is not. When its file is removed, it is made again within 10 seconds.',
    }),
    mode: setting(fileMode, '0660', {
      importance: 'medium',
      doc: 'Permissions of the socket file: who may write to it.',
    }),
    group: optional(text(255), "the process's own", {
      importance: 'medium',
      doc: 'Group of the socket file, by name or number.',
    }),
    topic,
    headers: { kind: 'section', doc: 'Headers that each record gets.', rows: { host: hostHeader } },
    ...framing,
  },
} as const satisfies Section<Nodes>;

const stdin = {
  kind: 'section',
  doc: 'Reads standard input: each line is a record. At its end, everything is sent and the daemon goes on with its other inputs, or stops.',
  rows: {
    topic,
    headers: { kind: 'section', doc: 'Headers that each record gets.', rows: { host: hostHeader } },
    ...framing,
  },
} as const satisfies Section<Nodes>;

export const schema = {
  kind: 'section',
  doc: 'The whole file.',
  rows: {
    workers: derived(
      integer(1, 64),
      'one less than there are processors, at least 1 and at most 4',
      () => Math.min(4, Math.max(1, availableParallelism() - 1)),
      {
        importance: 'high',
        doc: 'Threads that encode and compress. They start when there is work for them. With gzip, which costs the most, one for each processor is faster.',
      },
    ),
    'state.dir': setting(path, '/var/lib/millrace', {
      importance: 'high',
      doc: 'Folder for what is remembered over a restart: how far each file has been delivered. One daemon at a time can use it.',
    }),
    'drain.timeout.ms': setting(duration(0, 3_600_000), '30000', {
      importance: 'medium',
      doc: 'How long a stop may take to deliver what was read. What is left then stays in its file; of a socket or standard input it is lost.',
    }),
    log: {
      kind: 'section',
      doc: 'What millrace says about itself, on standard error.',
      rows: {
        level: setting(choice(['info', 'warn', 'error']), 'info', {
          importance: 'medium',
          doc: 'Least important lines that are printed.',
        }),
        format: setting(choice(['auto', 'json', 'text']), 'auto', {
          importance: 'low',
          doc: 'One JSON object a line, or text for people; auto is text on a terminal and JSON elsewhere.',
        }),
      },
    },
    kafka: {
      kind: 'section',
      doc: "Kafka's own keys, under Kafka's own names and with Kafka's meaning.",
      rows: kafkaKeys,
      synonyms: librdkafkaSynonyms,
      notApplicable: kafkaKeysNotApplicable,
    },
    inputs: {
      kind: 'variants',
      doc: 'Where records come from: one entry for each input.',
      of: { tail, socket, stdin },
    },
  },
} as const satisfies Section<Nodes>;

/** Everything that is configured, complete with defaults, checked and frozen. */
export type Config = ValueOf<typeof schema> & {
  /** What the user should know and need not mend: synonyms that were taken, and the like. */
  readonly notes: readonly string[];
};

export type KafkaConfig = Config['kafka'];
export type InputConfig = Config['inputs'][number];
export type TailConfig = Extract<InputConfig, { kind: 'tail' }>;
export type SocketConfig = Extract<InputConfig, { kind: 'socket' }>;
export type StdinConfig = Extract<InputConfig, { kind: 'stdin' }>;
