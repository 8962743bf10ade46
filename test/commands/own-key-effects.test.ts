/** Like test/config/key-effects.test.ts, for the keys that are not Kafka's: for each there is a test that shows what it does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { schema } from '../../config/schema.ts';
import { missingTest } from '../support/named-test.ts';

/** Keys of a table with those of the sections in it: `headers.path`. */
type KeysOf<Rows> = {
  [Key in keyof Rows & string]: Rows[Key] extends { kind: 'section'; rows: infer Inner }
    ? `${Key}.${KeysOf<Inner>}`
    : Key;
}[keyof Rows & string];

type Rows = (typeof schema)['rows'];
type Inputs = Rows['inputs']['of'];
type Key =
  | KeysOf<Omit<Rows, 'kafka' | 'inputs'>>
  | { [Kind in keyof Inputs]: `${Kind}.${KeysOf<Inputs[Kind]['rows']>}` }[keyof Inputs];

type Effect = readonly [file: string, title: string];

const inputs = 'commands/configured-inputs';
const topic: Effect = [
  inputs,
  'each kind of input ships into its topic every line as it is, and no headers, unless told otherwise',
];
const framing: Effect = [
  inputs,
  'each kind of input skips empty lines, takes off carriage returns, cuts long lines and names its host when told to',
];
const logging: Effect = [
  inputs,
  'log.format=text is for people, json for programs, and log.level leaves out what is less important',
];
const socketFile: Effect = [
  inputs,
  'socket: its file has the mode and the group of the configuration',
];

/** File and title. A key without an entry does not compile. */
const effects: Readonly<Record<Key, Effect>> = {
  workers: [inputs, 'workers is how many threads encode a backlog'],
  'state.dir': [
    inputs,
    'state.dir is where positions are kept: with another one, everything is shipped again',
  ],
  'drain.timeout.ms': [
    'bad-input/socket',
    'what came through a socket and cannot be delivered in time is said to be lost',
  ],
  'log.level': logging,
  'log.format': logging,
  'tail.paths': [inputs, 'tail: what exclude names is not shipped, though paths leads to it'],
  'tail.exclude': [inputs, 'tail: what exclude names is not shipped, though paths leads to it'],
  'tail.topic': topic,
  'tail.from': [
    inputs,
    'tail: two with from=end and one topic leave out what was there first, and go on where they were, each by itself',
  ],
  'tail.headers.host': framing,
  'tail.headers.path': [
    inputs,
    'tail: with headers.path each record names its file, beside the host if that is wanted',
  ],
  'tail.max.line.bytes': framing,
  'tail.long.lines': framing,
  'tail.empty.lines': framing,
  'tail.strip.cr': framing,
  'tail.scan.interval.ms': [
    inputs,
    'tail: a change that the system does not tell of is found within scan.interval.ms',
  ],
  'socket.path': topic,
  'socket.mode': socketFile,
  'socket.group': socketFile,
  'socket.topic': topic,
  'socket.headers.host': framing,
  'socket.max.line.bytes': framing,
  'socket.long.lines': framing,
  'socket.empty.lines': framing,
  'socket.strip.cr': framing,
  'stdin.topic': topic,
  'stdin.headers.host': framing,
  'stdin.max.line.bytes': framing,
  'stdin.long.lines': framing,
  'stdin.empty.lines': framing,
  'stdin.strip.cr': framing,
};

test('for each key of our own there is a test of its effect, under its name', () => {
  const missing = Object.values(effects).flatMap(([file, title]) => missingTest(file, title) ?? []);
  assert.deepEqual(missing, []);
});
