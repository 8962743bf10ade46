import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SampleLog, sampleNumber } from '../../src/commands/demo-log.ts';
import { readBack } from '../../src/commands/demo-read-back.ts';
import { Screen } from '../../src/commands/demo-screen.ts';
import { liveLine, sized, verdict, type DemoCounts } from '../../src/commands/demo-text.ts';
import { startEmbeddedBroker } from '../../src/broker/embedded-broker.ts';
import { Daemon } from '../support/daemon.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-demo-parts-'));
after(() => rmSync(folder, { recursive: true }));

function bare(_style: unknown, text: string): string {
  return text;
}

function sampleLog(name: string, linesPerSecond: number, rotateBytes: number): SampleLog {
  return new SampleLog({
    path: join(folder, `${name}.log`),
    rotatedPath: join(folder, `${name}.1.log`),
    linesPerSecond,
    rotateBytes,
    onRotated: () => undefined,
  });
}

function linesOf(name: string): Buffer[] {
  const text = readFileSync(join(folder, name), 'latin1');
  if (text === '') return [];
  assert.ok(text.endsWith('\n'));
  return text
    .trimEnd()
    .split('\n')
    .map((line) => Buffer.from(line, 'latin1'));
}

async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo() && waited < 30_000; waited += 10) await sleep(10);
  assert.ok(isSo(), 'it took over 30 seconds');
}

test('the lines of the sample log are JSON and numbered without a gap, over rotations too', async () => {
  const log = sampleLog('rotating', 200_000, 500_000);
  await log.create();
  log.grow(() => 0);
  await until(() => log.rotations >= 2);
  await log.finish();
  const lines = [...linesOf('rotating.1.log'), ...linesOf('rotating.log')];
  const numbers = lines.map((line) => sampleNumber(line) ?? -1);
  const first = numbers[0] ?? 0;
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => first + index),
  );
  assert.equal(first + numbers.length, log.lines);
  assert.ok(first > 0);
  assert.equal(log.fileOf(first), log.rotations - 1);
  assert.equal(log.fileOf(first - 1), log.rotations - 2);
  for (const line of lines.slice(0, 2000)) {
    const { time, status } = JSON.parse(line.toString()) as { time: string; status: number };
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
    assert.ok(status >= 200);
  }
});

test('a log that nobody reads stops growing: the disk does not fill', async () => {
  const log = sampleLog('unread', 1_000_000, 1_000_000);
  await log.create();
  log.grow(() => log.bytes);
  await until(() => log.bytes >= 1_000_000);
  const { bytes } = log;
  await sleep(100);
  assert.equal(log.bytes, bytes);
  await log.finish();
  assert.ok(bytes < 1_500_000);
  assert.ok(
    statSync(join(folder, 'unread.1.log')).size + statSync(join(folder, 'unread.log')).size ===
      bytes,
  );
});

test('a log that cannot be written says so, with the fix', async () => {
  const log = sampleLog('missing/log', 1, 1000);
  await assert.rejects(
    log.create(),
    /the sample log .*missing\/log\.log cannot be written: ENOENT.* Fix: /,
  );
});

test('only lines of the sample log have a number', () => {
  const line = '{"time":"2026-11-21T10:11:12.345Z","request":"000000000123","level":"info"}';
  assert.equal(sampleNumber(Buffer.from(line)), 123);
  for (const other of ['', 'hello', line.slice(1), line.slice(0, 50), line.replace('123', '12x')]) {
    assert.equal(sampleNumber(Buffer.from(other)), undefined);
  }
});

test('reading back counts what is stored, and finds lines that are doubled or out of order', async (t) => {
  const log = sampleLog('faulty', 10_000, 1_000_000);
  await log.create();
  log.grow(() => 0);
  await until(() => log.lines >= 100);
  await log.finish();
  const lines = linesOf('faulty.log')
    .slice(0, 100)
    .map((line) => line.toString());
  const [first = ''] = lines;
  const cluster = await startEmbeddedBroker({ topics: { sound: 3, faulty: 1 } });
  t.after(() => cluster.close());
  for (const [topic, written] of [
    ['sound', [...lines, 'hello']],
    ['faulty', [...lines, first]],
  ] as const) {
    const file = join(folder, topic);
    writeFileSync(file, `${written.join('\n')}\n`);
    const produce = new Daemon(['produce', '-b', cluster.bootstrap, '-t', topic, file]);
    assert.equal(await produce.ended(), 0, produce.output);
  }
  const [host = '', port = ''] = cluster.bootstrap.split(':');
  const ask = (topic: string): ReturnType<typeof readBack> =>
    readBack({
      endpoint: { host, port: Number(port) },
      topics: [topic],
      fileOf: () => 0,
      onProgress: () => undefined,
    });
  assert.deepEqual(await ask('sound'), {
    partitions: 3,
    stored: 101,
    read: 101,
    sampleLines: 100,
    withoutProducerId: 0,
    faults: [],
  });
  assert.deepEqual((await ask('faulty')).faults, [
    'faulty-0: line 0 of the sample log stands behind 99',
    'line 0 of the sample log is there twice',
  ]);
  for (const index of [0, 1, 2]) {
    const partition = cluster.partition('sound', index);
    partition.deleteRecordsBefore(partition.highWatermark);
  }
  const rest = await ask('sound');
  assert.deepEqual([rest.stored, rest.read, rest.faults], [101, 0, []]);
  await cluster.close();
  await assert.rejects(ask('sound'), /could not be read back/);
});

const counts: DemoCounts = {
  written: 1000,
  socketBytes: 6,
  sent: 1001,
  acked: 1001,
  stored: 1001,
  read: 1001,
  foreign: 0,
  partitions: 3,
  batches: 7,
  rawBytes: 250_000,
  batchBytes: 50_000,
  codec: 'lz4',
  rotations: 0,
};

test('the verdict says sent = acked = stored only when nothing is wrong', () => {
  assert.equal(
    verdict(counts, [], bare),
    `  written    1,000  lines to the sample log, and 6 B to the socket
  sent       1,001  records in 7 batches, 250 KB as 50 KB of lz4
  acked      1,001  by the broker
  stored     1,001  by the end offsets of 3 partitions
  read back  1,001  over the wire and checked: all of them

  sent = acked = stored: 1,001 records
`,
  );
  const unequal = verdict({ ...counts, stored: 999 }, ['these three have to be equal'], bare);
  assert.match(unequal, /NOT EQUAL: sent 1,001, acked 1,001, stored 999\n {2}these three/);
  const wrong = verdict(counts, ['line 7 of the sample log is there twice'], bare);
  assert.doesNotMatch(wrong, /sent = acked = stored/);
  assert.match(wrong, /line 7 of the sample log is there twice/);
});

test('the live line leaves figures out rather than going over the edge of the terminal', () => {
  const figures = {
    phase: 'shipping',
    recordsAcked: 12_345_678,
    recordsPerSecond: 20_012,
    bytesPerSecond: 4_910_000,
    ratio: 5.224,
    codec: 'lz4',
    requestsInFlight: 2,
    lagBytes: 99_400,
    socketBytes: 0,
  } as const;
  const line = '  12,345,678 records  20,012/s  4.91 MB/s  5.22x lz4  2 in flight  99.4 KB lag';
  assert.equal(liveLine(figures, 80, bare), line);
  assert.equal(liveLine(figures, line.length, bare), line.slice(0, line.indexOf('  99.4')));
  for (let columns = 1; columns < 100; columns += 1) {
    assert.ok(liveLine(figures, columns, bare).length < Math.max(columns, 2));
  }
  assert.match(liveLine({ ...figures, socketBytes: 6 }, 120, bare), / 99\.4 KB lag {2}6 B socket$/);
});

test('sizes have three digits', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [812, '812 B'],
    [1000, '1 KB'],
    [4_611_000, '4.61 MB'],
    [64_000_000, '64 MB'],
    [999_999, '1 MB'],
    [7e15, '7000 TB'],
  ];
  for (const [bytes, text] of cases) assert.equal(sized(bytes), text);
});

test('a warning stands above the live line, and a flood of one kind is one line a second', () => {
  let written = '';
  const output = {
    isTTY: true,
    columns: 40,
    write: (text: string) => {
      written += text;
      return true;
    },
  };
  const screen = new Screen(output);
  let nowMs = 0;
  const telemetry = screen.telemetry(() => nowMs);
  screen.draw('live');
  telemetry.info('ordinary', 'not shown');
  for (nowMs = 0; nowMs < 2000; nowMs += 100) telemetry.warn('refused', `at ${nowMs}\u001b[2J`);
  screen.clear();
  assert.equal(
    written,
    '\u001b[?25l\r\u001b[Klive' +
      '\r\u001b[K  warn at 0\\x1b[2J\nlive' +
      '\r\u001b[K  warn at 1000\\x1b[2J\nlive' +
      '\r\u001b[K\u001b[?25h',
  );
});
