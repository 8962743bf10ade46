import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaKeys } from '../../config/kafka-keys.ts';
import { reportFailure } from '../../src/commands/cli-report.ts';
import { Producer } from '../../src/index.ts';
import { Bug } from '../../src/shared/assert.ts';
import { SetupError } from '../../src/shared/errors.ts';
import { exitCodes } from '../../src/shared/exit-codes.ts';
import { Daemon } from '../support/daemon.ts';
import { projectRoot } from '../support/project.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs the real program to its end. */
async function millrace(
  ...args: string[]
): Promise<{ code: number | NodeJS.Signals; said: string }> {
  const daemon = new Daemon(args);
  daemon.child.stdin?.end();
  return { code: await daemon.ended(), said: daemon.output };
}

const hint = 'millrace --help says what there is\n';

test('--help lists all commands and every exit code', async () => {
  const { code, said } = await millrace('--help');
  assert.equal(code, 0);
  for (const name of ['run', 'produce', 'validate', 'broker', 'demo']) {
    assert.match(said, new RegExp(`millrace ${name} `));
  }
  for (const exit of Object.values(exitCodes))
    assert.ok(said.includes(`${exit.code}  ${exit.doc}`));
});

test('--help of a command lists its options, and -h does too', async () => {
  const { code, said } = await millrace('produce', '-h');
  assert.equal(code, 0);
  assert.match(said, /^millrace produce \[OPTIONS\] \[FILES\.\.\.\]\n/);
  assert.match(said, /-b, --broker +HOST:PORT: brokers to ask first/);
  assert.doesNotMatch(said, /kcat's line mode/);
});

test('--version and -V print the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  assert.deepEqual(await millrace('--version'), { code: 0, said: `${version}\n` });
  assert.deepEqual(await millrace('-V'), { code: 0, said: `${version}\n` });
});

test('wrong usage ends with 64, and says what is meant', async () => {
  const cases: [string[], string][] = [
    [[], 'name a command'],
    [['prodcue'], 'there is no command prodcue: did you mean produce?'],
    [['ship'], 'there is no command ship: there are run, produce, validate, broker, demo'],
    [['run', '--confg', 'x'], 'run has no option --confg: did you mean --config?'],
    [['run', 'file.yaml'], 'run does not know what to do with "file.yaml"'],
    [['run', '--', '-x'], 'run does not know what to do with "-x"'],
    [['validate', '-'], 'validate does not know what to do with "-"'],
    [['validate', '-c', 'a', '-c', 'b'], '--config is given 2 times'],
    [
      ['validate', '-c', 'a', '--connect=yes'],
      '--connect takes no value: write --connect, or leave it out',
    ],
    [
      ['produce', '-t', 'logs'],
      '-b HOST:PORT is missing: brokers to ask first, with commas between them (required)',
    ],
    [['produce', '-b', 'k', '-t'], 'not enough arguments following: t'],
    [['produce', '-bk', '-tlogs', '-', 'a'], '- is standard input, and cannot stand among files'],
    [['broker', '--nodes', 'x'], '--nodes has to be a whole number from 1 to 100, and is "x"'],
    [
      ['broker', '--port', '65535', '--nodes', '2'],
      '--port has to be a whole number from 0 to 65534, and is "65535"',
    ],
    [['broker', '--topic', 'a:b'], '--topic a:b is not NAME or NAME:PARTITIONS'],
  ];
  for (const [args, message] of cases) {
    assert.deepEqual(await millrace(...args), { code: 64, said: `millrace: ${message}\n${hint}` });
  }
});

test('faults in flags are faults of the configuration: all of them at once, and 78', async () => {
  const args = [
    '-b',
    'k:x',
    '-t',
    'a b',
    '-zlz5',
    '-Xlinger.mss=1',
    '-X',
    'key.serializer=S',
    '-P',
    '-l',
  ];
  assert.deepEqual(await millrace('produce', ...args), {
    code: 78,
    said: `millrace: the configuration has 5 faults:
-X linger.mss=1: kafka.linger.mss is not a key of millrace
  fix: did you mean linger.ms?
-X key.serializer=S: kafka.key.serializer does not apply: records have no key, and bytes are sent as they are
  fix: take it out
-b k:x: kafka.bootstrap.servers: "k:x" has the port "x", which is not one from 1 to 65535
  fix: write host:port, several with commas between them, such as kafka1:9092,kafka2:9092
-z lz5: kafka.compression.type: "lz5" is not one of its values
  fix: write one of none, gzip, snappy, lz4, zstd
-t a b: inputs.0.stdin.topic: "a b" is not a name that Kafka allows for a topic: it contains " "
  fix: use 1 to 249 characters out of a-z A-Z 0-9 . _ -
`,
  });
});

test('-X list prints every Kafka key', async () => {
  const { code, said } = await millrace('produce', '-X', 'list');
  assert.equal(code, 0);
  for (const key of Object.keys(kafkaKeys)) assert.ok(said.includes(`${key} = `), key);
});

test('a broken configuration of run ends with 78 and without a stack', async () => {
  const file = join(folder, 'bad.yaml');
  writeFileSync(file, 'kafka:\n  acks: 2\n');
  const { code, said } = await millrace('run', '-c', file);
  assert.equal(code, 78);
  assert.match(said, /^millrace: the configuration has 3 faults:\n/);
  assert.doesNotMatch(said, /^ +at /m);
});

test('only a bug of ours comes with a stack, and with a request to report it', () => {
  const tell = (error: unknown): [string, string] => {
    let said = '';
    const reason = reportFailure(error, (text) => (said += text));
    return [reason, said];
  };
  const setup = new SetupError('cannotCreate', 'socket /s is in use: stop the other one');
  assert.deepEqual(tell(setup), [
    'cannotCreate',
    'millrace: socket /s is in use: stop the other one\n',
  ]);
  const [reason, said] = tell(new Bug('two is three'));
  assert.equal(reason, 'internal');
  assert.match(
    said,
    /^millrace: Bug: two is three\n +at [^]*\nThis is a bug of millrace: please report it/,
  );
  assert.equal(tell(new TypeError('x is undefined'))[0], 'unexpected');
  const full = Object.assign(new Error("EMFILE: too many open files, open '/x'"), {
    code: 'EMFILE',
  });
  assert.deepEqual(tell(full), [
    'ioError',
    "millrace: EMFILE: too many open files, open '/x'. Fix: raise LimitNOFILE (ulimit -n), to 1024 or more\n",
  ]);
});

test('the embedded broker prints where it is and how to use it, and ends with 0 at Ctrl-C', async (t) => {
  const daemon = new Daemon(['broker', '--port', '0', '--nodes', '2', '--topic', 'logs:3']);
  t.after(() => daemon.signal('SIGKILL'));
  const [, bootstrap = ''] = await daemon.says(/embedded broker at (\S+), in memory only\n/);
  assert.match(bootstrap, /^127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/);
  await daemon.says(/kcat -C -b \S+ -t logs -o beginning -e\n/);

  const [first = ''] = bootstrap.split(',');
  const taken = await millrace('broker', '--port', first.split(':')[1] ?? '');
  assert.equal(taken.code, exitCodes.cannotCreate.code, taken.said);
  assert.equal(await daemon.stop('SIGINT'), 0);
});

test('the embedded broker aborts a transaction that is open for too long', async (t) => {
  const daemon = new Daemon(['broker', '--port', '0']);
  t.after(() => daemon.signal('SIGKILL'));
  const [, bootstrap = ''] = await daemon.says(/embedded broker at (\S+), in memory only\n/);
  const producer = new Producer({
    ...{ 'bootstrap.servers': bootstrap, 'transactional.id': 'slow' },
    'transaction.timeout.ms': 2000,
  });
  t.after(() => producer.close(0));
  await producer.initTransactions();
  producer.beginTransaction();
  await producer.send({ topic: 'logs', value: 'x' });
  await sleep(4500);
  await assert.rejects(producer.commitTransaction(), { name: 'ProducerFencedError' });
});
