/** Which setting counts when there are several, what a derived default comes from, and where the rules between keys begin. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os, { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { librdkafkaSynonyms } from '../../config/kafka-keys-elsewhere.ts';
import { loadConfig } from '../../config/load.ts';
import type { Overrides, OwnSetting } from '../../config/overrides.ts';
import { readProducerConfig } from '../../config/producer-config.ts';
import type { Config } from '../../config/schema.ts';

const MiB = 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
const file = join(folder, 'm.yaml');
after(() => rmSync(folder, { recursive: true }));

/** The fewest settings that hold together, and these. */
function load(kafka: readonly string[], set: readonly string[] = []): Config {
  const smallest = ['inputs.0.stdin.topic=t'];
  return loadConfig(undefined, {
    kafka: ['bootstrap.servers=k', ...kafka],
    set: [...smallest, ...set],
  });
}

/** The first fault of these settings without its place; undefined when they hold together. */
function faultOf(kafka: readonly string[], set: readonly string[] = []): string | undefined {
  try {
    load(kafka, set);
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0]?.replace(/^[^:]*: /, '');
  }
}

test("file, environment, a command's own flag, -X and --set: each is stronger than the one before", () => {
  writeFileSync(file, 'kafka: { bootstrap.servers: file }\ninputs: [{ stdin: { topic: file } }]\n');
  const environment = {
    MILLRACE__KAFKA__BOOTSTRAP_SERVERS: 'environment',
    MILLRACE__INPUTS__0__STDIN__TOPIC: 'environment',
  };
  const own: OwnSetting[] = [
    { place: '-b own', path: ['kafka', 'bootstrap.servers'], text: 'own' },
    { place: '-t own', path: ['inputs', '0', 'stdin', 'topic'], text: 'own' },
  ];
  const taken = (overrides: Overrides): string[] => {
    const { kafka, inputs } = loadConfig(file, overrides);
    return [kafka.bootstrapServers[0]?.host ?? '', inputs[0]?.topic ?? ''];
  };
  assert.deepEqual(taken({}), ['file', 'file']);
  assert.deepEqual(taken({ environment }), ['environment', 'environment']);
  assert.deepEqual(taken({ environment, own }), ['own', 'own']);
  const kafka = ['bootstrap.servers=flag'];
  assert.deepEqual(taken({ environment, own, kafka }), ['flag', 'own']);
  const set = ['kafka.bootstrap.servers=set', 'inputs.0.stdin.topic=set'];
  assert.deepEqual(taken({ environment, own, set }), ['set', 'set']);
  assert.deepEqual(taken({ environment, own, set, kafka }), ['flag', 'set']);
  assert.deepEqual(taken({ own: own.slice(0, 1), environment }), ['own', 'environment']);
});

function processors(t: TestContext, count: number): void {
  t.mock.method(os, 'availableParallelism', () => count);
  syncBuiltinESMExports();
}

test('there is one worker less than there are processors, at least one and at most four, and memory for them', (t) => {
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  const found = [1, 2, 3, 4, 5, 6, 64].map((count) => {
    processors(t, count);
    const { workers, kafka } = load([]);
    return [count, workers, kafka.bufferMemory / MiB];
  });
  assert.deepEqual(found, [
    [1, 1, 32],
    [2, 1, 32],
    [3, 2, 32],
    [4, 3, 48],
    [5, 4, 64],
    [6, 4, 64],
    [64, 4, 64],
  ]);
});

test('what the message of a rule recommends is taken, and one less is refused', () => {
  const fine: [kafka: string[], set: string[]][] = [
    [['delivery.timeout.ms=30005'], []],
    [['delivery.timeout.ms=2147483647', 'linger.ms=2147483647'], []],
    [['delivery.timeout.ms=1', 'request.timeout.ms=1', 'linger.ms=0'], []],
    [['retries=1', 'max.in.flight.requests.per.connection=5', 'acks=all'], []],
    [['max.in.flight.requests.per.connection=6', 'enable.idempotence=false'], []],
    [['batch.size=1048576'], []],
    [['buffer.memory=33554432'], ['workers=4']],
    [['max.request.size=65536', 'buffer.memory=14680064'], ['workers=1']],
    [['max.request.size=16777216', 'buffer.memory=127926272'], ['workers=2']],
    [['retry.backoff.ms=1000'], []],
    [['reconnect.backoff.ms=1000'], []],
    [['socket.connection.setup.timeout.ms=30000'], []],
    [[], ['inputs.0.stdin.max.line.bytes=1044480']],
    [['partitioner.rack.aware=true', 'client.rack=a'], []],
  ];
  for (const [kafka, set] of fine) assert.equal(faultOf(kafka, set), undefined, kafka.join());
  const refused: [kafka: string[], set: string[], fault: RegExp][] = [
    [['delivery.timeout.ms=30004'], [], /^kafka\.delivery\.timeout\.ms=30004 is less than /],
    [['delivery.timeout.ms=2147483646', 'linger.ms=2147483647'], [], /is less than linger\.ms/],
    [['max.in.flight.requests.per.connection=6'], [], /=6 contradicts enable\.idempotence/],
    [['batch.size=1048577'], [], /=1048577 is more than max\.request\.size/],
    [['buffer.memory=33554431'], ['workers=4'], /=33554431 is too little for workers=4/],
    [
      ['max.request.size=16777216', 'buffer.memory=127926271'],
      ['workers=2'],
      /is too much for buffer\.memory=127926271 with workers=2/,
    ],
    [['retry.backoff.ms=1001'], [], /=1001 is more than retry\.backoff\.max\.ms=1000/],
    [['reconnect.backoff.ms=1001'], [], /=1001 is more than reconnect\.backoff\.max\.ms=1000/],
    [['socket.connection.setup.timeout.ms=30001'], [], /=30001 is more than socket\./],
    [[], ['inputs.0.stdin.max.line.bytes=1044481'], /=1044481 does not fit kafka\./],
    [['partitioner.rack.aware=true', 'client.rack= '], [], /=true without client\.rack/],
  ];
  for (const [kafka, set, fault] of refused) assert.match(faultOf(kafka, set) ?? '', fault);
});

test('a size of batches and lines that is not written follows max.request.size, up to 1000000', () => {
  const sizes = (maxRequestSize: number): (number | undefined)[] => {
    const { kafka, inputs } = load([`max.request.size=${maxRequestSize}`]);
    return [kafka.batchSize, inputs[0]?.maxLineBytes];
  };
  assert.deepEqual(sizes(65_536), [65_536, 61_440]);
  assert.deepEqual(sizes(1_000_000), [1_000_000, 995_904]);
  assert.deepEqual(sizes(1_004_096), [1_000_000, 1_000_000]);
  assert.deepEqual(sizes(2_000_000), [1_000_000, 1_000_000]);
});

test("every name of librdkafka's sets the key that it stands for, in our unit, and says so", () => {
  const written: Readonly<
    Record<string, [text: string, key: keyof Config['kafka'], value: unknown]>
  > = {
    'metadata.broker.list': ['h:1', 'bootstrapServers', [{ host: 'h', port: 1 }]],
    'max.in.flight': ['3', 'maxInFlightRequestsPerConnection', 3],
    'request.required.acks': ['-1', 'acks', -1],
    'queue.buffering.max.ms': ['7', 'lingerMs', 7],
    'queue.buffering.max.kbytes': ['131072', 'bufferMemory', 134_217_728],
    'message.max.bytes': ['200000', 'maxRequestSize', 200_000],
    'message.send.max.retries': ['9', 'retries', 9],
    'message.timeout.ms': ['40000', 'deliveryTimeoutMs', 40_000],
    'compression.codec': ['lz4', 'compressionType', 'lz4'],
    'socket.timeout.ms': ['20000', 'requestTimeoutMs', 20_000],
    'topic.metadata.refresh.interval.ms': ['60000', 'metadataMaxAgeMs', 60_000],
  };
  assert.deepEqual(Object.keys(written).sort(), Object.keys(librdkafkaSynonyms).sort());
  for (const [name, [text, key, value]] of Object.entries(written)) {
    const { kafka, notes } = load([`${name}=${text}`]);
    assert.deepEqual(kafka[key], value, name);
    assert.ok(notes[0]?.startsWith(`-X ${name}=${text}: ${name} is librdkafka's name for `), name);
  }
});

test('a time limit of transactions without transactions is noted, and only then', () => {
  const servers = { 'bootstrap.servers': 'k' };
  const limit = { ...servers, 'transaction.timeout.ms': 5000 };
  assert.deepEqual(readProducerConfig(servers).notes, []);
  assert.deepEqual(readProducerConfig(limit).notes, [
    'transaction.timeout.ms has no effect without transactional.id',
  ]);
  assert.deepEqual(readProducerConfig({ ...limit, 'transactional.id': 'a' }).notes, []);
});

test('the level of every codec but the one in use is noted', () => {
  const levels = ['gzip.level=1', 'lz4.level=9', 'zstd.level=1'].map((one) => `compression.${one}`);
  const noted = (codec: string): string[] =>
    load([`compression.type=${codec}`, ...levels]).notes.map((note) => note.split('.')[2] ?? '');
  assert.deepEqual(noted('none'), ['gzip', 'lz4', 'zstd']);
  assert.deepEqual(noted('gzip'), ['lz4', 'zstd']);
  assert.deepEqual(noted('lz4'), ['gzip', 'zstd']);
  assert.deepEqual(noted('zstd'), ['gzip', 'lz4']);
});

test('a file of over 1 MiB is no configuration', () => {
  const text = 'kafka: { bootstrap.servers: k }\ninputs: [{ stdin: { topic: t } }]\n#';
  writeFileSync(file, text.padEnd(MiB, '#'));
  assert.equal(loadConfig(file).inputs.length, 1);
  writeFileSync(file, text.padEnd(MiB + 1, '#'));
  assert.throws(() => loadConfig(file), /is over 1 MiB: not a configuration/);
});
