import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../../config/load.ts';
import type { Overrides } from '../../config/overrides.ts';
import { staleFiles } from '../../config/render.ts';
import type { Config } from '../../config/schema.ts';
import { projectRoot } from '../support/project.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
const file = join(folder, 'm.yaml');
after(() => rmSync(folder, { recursive: true }));

function load(text: string, overrides: Overrides = {}): Config {
  writeFileSync(file, text);
  return loadConfig(file, overrides);
}

const small = `
kafka: { bootstrap.servers: "kafka1:9093, [::1]:9094, kafka2" }
inputs: [{ tail: { paths: [logs/*.log, /var/log/x], topic: logs } }]
`;

test('what is not written has its default, and relative paths start at the folder of the file', () => {
  const { kafka, inputs, stateDir, notes } = load(small);
  assert.deepEqual(kafka.bootstrapServers, [
    { host: 'kafka1', port: 9093 },
    { host: '::1', port: 9094 },
    { host: 'kafka2', port: 9092 },
  ]);
  assert.equal(kafka.acks, -1);
  assert.equal(kafka.lingerMs, 5);
  assert.equal(kafka.batchSize, 1_000_000);
  assert.equal(stateDir, '/var/lib/millrace');
  assert.deepEqual(inputs, [
    {
      kind: 'tail',
      paths: [join(folder, 'logs/*.log'), '/var/log/x'],
      exclude: [],
      topic: 'logs',
      from: 'beginning',
      headers: { host: false, path: false },
      maxLineBytes: 1_000_000,
      longLines: 'split',
      emptyLines: 'keep',
      stripCr: false,
      scanIntervalMs: 1000,
    },
  ]);
  assert.deepEqual(notes, []);
});

test('names and paths to exclude mean any folder, and the folder of the file', () => {
  const [tail] = load(small.replace('topic:', 'exclude: ["*.gz", old/*.log], topic:')).inputs;
  assert.deepEqual(tail?.kind === 'tail' && tail.exclude, ['/**/*.gz', join(folder, 'old/*.log')]);
});

test('memory grows with the workers, and lines and batches stay within a request', () => {
  assert.equal(load(`${small}workers: 1`).kafka.bufferMemory, 32 * 1024 * 1024);
  assert.equal(load(`${small}workers: 3`).kafka.bufferMemory, 48 * 1024 * 1024);
  const { kafka, inputs } = load(small, { kafka: ['max.request.size=500000'] });
  assert.equal(kafka.batchSize, 500_000);
  assert.equal(inputs[0]?.maxLineBytes, 495_904);
});

test('nothing of it can be changed', () => {
  const config = load(small);
  assert.throws(() => ((config.kafka as { lingerMs: number }).lingerMs = 1), TypeError);
  assert.throws(() => (config.inputs as unknown[]).push(1), TypeError);
  assert.throws(() => ((config.kafka.bootstrapServers[0] as { port: number }).port = 1), TypeError);
});

test('our own keys have units, and octal modes stand with and without quotes', () => {
  const socket = (more: string): string =>
    `kafka: { bootstrap.servers: k }\ninputs: [{ socket: { path: /s, topic: t, ${more} } }]`;
  for (const mode of ['"0660"', '0660', '660', '0o660']) {
    const [input] = load(socket(`mode: ${mode}`)).inputs;
    assert.equal(input?.kind === 'socket' && input.mode, 0o660, mode);
  }
  assert.equal(load(socket('max.line.bytes: 64KiB')).inputs[0]?.maxLineBytes, 65_536);
  assert.equal(load(socket('max.line.bytes: 64 KB')).inputs[0]?.maxLineBytes, 64_000);
  const [tail] = load(small, { set: ['inputs.0.tail.scan.interval.ms=2s'] }).inputs;
  assert.equal(tail?.kind === 'tail' && tail.scanIntervalMs, 2000);
});

test('the environment is stronger than the file, and flags are stronger than the environment', () => {
  const environment = {
    MILLRACE__KAFKA__LINGER_MS: '10',
    MILLRACE__STATE_DIR: 'state',
    MILLRACE__INPUTS__0__TAIL__FROM: 'end',
    MILLRACE_FULL: '1',
  };
  const config = load(`${small}state.dir: /a`, {
    environment,
    kafka: ['linger.ms=20'],
    set: ['inputs.0.tail.headers.path=true', 'inputs.0.tail.paths=[/a/b, c]', 'log.level=warn'],
  });
  assert.equal(config.kafka.lingerMs, 20);
  assert.equal(config.stateDir, join(process.cwd(), 'state'));
  assert.equal(config.log.level, 'warn');
  const [tail] = config.inputs;
  assert.ok(tail?.kind === 'tail');
  assert.deepEqual(tail.headers, { host: false, path: true });
  assert.deepEqual(tail.paths, ['/a/b', join(process.cwd(), 'c')]);
  assert.equal(tail.from, 'end');
});

test('the environment sets more than ten inputs, in the order of their numbers', () => {
  const environment: Record<string, string> = {};
  for (let i = 0; i < 12; i += 1) {
    environment[`MILLRACE__INPUTS__${i}__SOCKET__PATH`] = `/run/${i}.sock`;
    environment[`MILLRACE__INPUTS__${i}__SOCKET__TOPIC`] = 'logs';
  }
  const { inputs } = load('kafka: {bootstrap.servers: localhost}\nstate.dir: /a\n', {
    environment,
  });
  assert.deepEqual(
    inputs.map((input) => (input.kind === 'socket' ? input.path : '')),
    Array.from({ length: 12 }, (_, i) => `/run/${i}.sock`),
  );
});

test('a fault of a flag or of the environment is told with what the user wrote', () => {
  const faults = (overrides: Overrides): string => {
    try {
      load(small, overrides);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const overrides = {
    environment: { MILLRACE__KAFKA__LINGER: '5', MILLRACE__WORKERS: 'two' },
    kafka: ['lingerms', 'batch.sizes=1'],
    set: ['workers.x=1', 'inputs.7.tail.topic=x', 'inputs.0.tail.paths=[a'],
  };
  assert.equal(
    faults(overrides),
    [
      `--set workers.x=1: workers.x cannot be set: what is at environment MILLRACE__WORKERS has no such part`,
      '  fix: set the part that is there, or mend the path',
      `--set inputs.7.tail.topic=x: inputs.7.tail.topic cannot be set: what is at ${file}:3:9 has no such part`,
      '  fix: set the part that is there, or mend the path',
      '--set inputs.0.tail.paths=[a: the value is not YAML: Flow sequence must end with a ]',
      '  fix: close every bracket',
      '-X lingerms: "lingerms" is not name=value',
      '  fix: write -X name=value',
      'environment MILLRACE__WORKERS: workers: "two" is not a whole number',
      '  fix: write integer from 1 to 64',
      'environment MILLRACE__KAFKA__LINGER: kafka.linger is not a key of millrace',
      '  fix: did you mean linger.ms?',
      '-X batch.sizes=1: kafka.batch.sizes is not a key of millrace',
      '  fix: did you mean batch.size?',
    ].join('\n'),
  );
});

test("librdkafka's names are taken for ours, with a note, and never beside ours", () => {
  const config = load(small, {
    kafka: ['queue.buffering.max.ms=7', 'message.timeout.ms=0', 'queue.buffering.max.kbytes=65536'],
  });
  assert.equal(config.kafka.lingerMs, 7);
  assert.equal(config.kafka.deliveryTimeoutMs, 2_147_483_647);
  assert.equal(config.kafka.bufferMemory, 65_536 * 1024);
  assert.equal(
    config.notes[0],
    "-X queue.buffering.max.ms=7: queue.buffering.max.ms is librdkafka's name for linger.ms, and is taken as that",
  );
  const both =
    'kafka: { bootstrap.servers: k, linger.ms: 1, queue.buffering.max.ms: 2 }\ninputs: [{stdin: {topic: t}}]';
  assert.throws(
    () => load(both),
    /1:46: kafka.queue.buffering.max.ms and linger.ms are two names of one setting/,
  );
  const stronger = load(
    'kafka: { bootstrap.servers: k, linger.ms: 1 }\ninputs: [{stdin: {topic: t}}]',
    {
      kafka: ['queue.buffering.max.ms=9'],
    },
  );
  assert.equal(stronger.kafka.lingerMs, 9);
});

test('a level of a codec that is not in use is noted', () => {
  const { notes } = load(small, { kafka: ['compression.type=zstd', 'compression.gzip.level=1'] });
  assert.deepEqual(notes, [
    'kafka.compression.gzip.level has no effect while compression.type is zstd',
  ]);
});

test('memory that is little for so many topics is noted', () => {
  const inputs = [0, 1, 2, 3, 4].map(
    (index) => `{socket: {path: /tmp/${index}, topic: t${index % 3}}}`,
  );
  const text = (bytes: number): string =>
    `kafka: { bootstrap.servers: k, buffer.memory: ${bytes} }\nworkers: 1\ninputs: [${inputs.join(', ')}]`;
  assert.deepEqual(load(text(16_252_928)).notes, []);
  assert.deepEqual(load(text(16_252_927)).notes, [
    'kafka.buffer.memory=16252927 is little for 3 topics: while one of them takes nothing, others may wait for it; write 16252928 or more',
  ]);
});

test('a configuration can come from flags alone', () => {
  const config = loadConfig(undefined, {
    own: [
      { place: '-b h:1', path: ['kafka', 'bootstrap.servers'], text: 'h:1' },
      { place: '-t logs', path: ['inputs', '0', 'stdin', 'topic'], text: 'logs' },
    ],
  });
  assert.deepEqual(config.kafka.bootstrapServers, [{ host: 'h', port: 1 }]);
  assert.equal(config.inputs[0]?.kind, 'stdin');
});

test('every example loads without a note', () => {
  const examples = readdirSync(join(projectRoot, 'config/examples'));
  assert.deepEqual(examples.sort(), ['millrace.yaml', 'socket.yaml', 'tail.yaml']);
  for (const name of examples) {
    const config = loadConfig(join(projectRoot, 'config/examples', name));
    assert.deepEqual(config.notes, [], name);
  }
});

test('docs/CONFIGURATION.md and config/schema.json are what the tables say', () => {
  assert.deepEqual(staleFiles(), []);
});
