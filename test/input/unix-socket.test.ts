import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { canReadInPlace } from '../../src/input/zero-copy-read.ts';
import {
  createTestGate,
  eventually,
  isWholeAgain,
  routeSpec,
  temporaryDirectory,
  untilNothingIsRead,
} from './gate.ts';
import { connect, listen, write } from './socket-scene.ts';

const BURST = 1001;

test('this Node lets an accepted socket be read in place', async (t) => {
  const path = join(temporaryDirectory(t), 'probe.sock');
  const server = net.createServer({ pauseOnConnect: true }).listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  const client = net.connect(path);
  const [accepted] = (await once(server, 'connection')) as [net.Socket];
  assert.ok(canReadInPlace(accepted));
  accepted.destroy();
  client.destroy();
});

for (const readInPlace of [true, false]) {
  const way = readInPlace ? 'in place' : 'by copy';

  test(`lines of fifty connections come whole and in order, read ${way}`, async (t) => {
    const { gate, input, path } = await listen(t, { readInPlace });
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect(path)));
    const linesOf = (client: number): string[] =>
      Array.from(
        { length: 2000 },
        (_, n) => `${String(client)} ${String(n)} ${'x'.repeat((client * n) % 700)}`,
      );
    await Promise.all(
      clients.map(async (socket, client) => {
        const bytes = Buffer.from(`${linesOf(client).join('\n')}\n`);
        for (let at = 0; at < bytes.length; at += 10_007) {
          await write(socket, bytes.subarray(at, at + 10_007));
        }
        socket.end();
      }),
    );
    await eventually('all lines come', () => gate.lines.length === 100_000, 30_000);
    for (const client of clients.keys()) {
      const own = gate.lines.filter((line) => line.startsWith(`${String(client)} `));
      assert.deepEqual(own, linesOf(client));
    }
    await eventually('all connections close', () => input.counters.connectionsClosed === 50);
    await input.stop();
    assert.ok(isWholeAgain(gate));
    assert.ok(!existsSync(path), 'the socket file is removed');
  });

  test(`a line that comes in pieces is one record, a last one without newline too, read ${way}`, async (t) => {
    const { gate, input, path } = await listen(t, { readInPlace });
    const socket = await connect(path);
    for (const piece of ['be', 'gun', ' and done\nnext\nla', 'st']) {
      await write(socket, piece);
      await sleep(10);
    }
    assert.deepEqual(gate.lines, ['begun and done', 'next']);
    socket.end();
    await eventually('the last line comes', () => gate.lines.length === 3);
    assert.equal(gate.lines.at(-1), 'last');
    assert.equal(input.counters.unterminatedLines, 1);
  });

  test(`without room the writers wait, and nothing is lost, read ${way}`, async (t) => {
    const gate = await createTestGate({
      arenaBytes: 3 * 1024 * 1024,
      chunkBytesMax: 256 * 1024,
      delivers: false,
    });
    const route = routeSpec({ recordBytesMax: 65_536 });
    const { path } = await listen(t, { readInPlace, route }, gate);
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(path)));
    const line = 'y'.repeat(96);
    const sent = clients.map(async (socket, client) => {
      for (let block = 0; block < 10; block += 1) {
        const lines = Array.from(
          { length: 1000 },
          (_, n) => `${String(client)} ${String(block * 1000 + n)} ${line}\n`,
        );
        await write(socket, lines.join(''));
      }
      socket.end();
    });
    await untilNothingIsRead(gate);
    assert.ok(gate.tracker.openBytes < gate.arena.totalBytes, 'the rest was left where it is');
    while (gate.lines.length < 80_000) {
      gate.deliverSome(1);
      await sleep(1);
    }
    await Promise.all(sent);
    for (const client of clients.keys()) {
      const own = gate.lines.filter((text) => text.startsWith(`${String(client)} `));
      assert.deepEqual(
        own,
        Array.from({ length: 10_000 }, (_, n) => `${String(client)} ${String(n)} ${line}`),
      );
    }
    gate.deliver();
  });

  test(`at the stop what clients have written is still taken, the begun line too, read ${way}`, async (t) => {
    const { gate, input, path } = await listen(t, { readInPlace });
    const [busy, begun] = [await connect(path), await connect(path)];
    busy.on('error', () => undefined);
    await write(busy, 'x\n'.repeat(50_000));
    await write(begun, 'no end');
    await input.stop();
    assert.equal(gate.lines.length, 50_001);
    assert.equal(gate.lines.filter((text) => text === 'no end').length, 1);
    assert.ok(isWholeAgain(gate));
    busy.destroy();
    begun.destroy();
  });

  for (const [longLines, expected] of [
    [
      'split',
      ['a', 'z'.repeat(1000), 'z'.repeat(1000), 'z'.repeat(500), 'b', 'q'.repeat(1000), 'c'],
    ],
    ['truncate', ['a', 'z'.repeat(1000), 'b', 'q'.repeat(1000), 'c']],
    ['drop', ['a', 'b', 'q'.repeat(1000), 'c']],
  ] as const) {
    test(`a line over the limit that comes in pieces is handled by \`${longLines}\`, read ${way}`, async (t) => {
      const gate = await createTestGate();
      const route = routeSpec({ longLines, recordBytesMax: 1000 });
      const { path, input } = await listen(t, { readInPlace, route }, gate);
      const socket = await connect(path);
      for (const piece of [
        'a\n',
        'z'.repeat(400),
        'z'.repeat(700),
        'z'.repeat(1400),
        '\nb\n',
        'q'.repeat(1000),
        '\nc\n',
      ]) {
        await write(socket, piece);
        await sleep(10);
      }
      await eventually('the last line comes', () => gate.lines.at(-1) === 'c');
      assert.deepEqual(gate.lines, expected);
      assert.equal(input.counters.longLines, longLines === 'split' ? 2 : 1);
      socket.destroy();
    });
  }
}

test('begun lines of many connections stay within their memory: beyond it they are cut, not lost', async (t) => {
  const { gate, input, path } = await listen(t, { partialBytesMax: 10_000 });
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(path)));
  await Promise.all(clients.map((socket) => write(socket, 'p'.repeat(900))));
  await eventually('the lines beyond are cut', () => input.counters.longLines >= 9);
  for (const socket of clients) socket.end('q\n');
  await eventually('every byte comes', () => gate.lines.join('').length === 20 * 901);
});

test('begun lines may hold an eighth of the arena, not all of it', async (t) => {
  const gate = await createTestGate({ arenaBytes: 3 * 1024 * 1024 });
  const route = routeSpec({ recordBytesMax: 65_536 });
  const { input, path } = await listen(t, { route }, gate);
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(path)));
  const begun = 'p'.repeat(60_000);
  await Promise.all(clients.map((socket) => write(socket, begun)));
  const bytes = clients.length * begun.length;
  const heldBytesMax = gate.arena.totalBytes / 8;
  await eventually(
    'what is more is a record',
    () => bytes - input.counters.readBytes <= heldBytesMax,
  );
  for (const socket of clients) socket.end();
  await eventually('every byte comes', () => gate.lines.join('').length === bytes);
  assert.ok(input.counters.unterminatedLines > 0, 'and some were held');
});

test('a burst of more than a thousand connections is taken', async (t) => {
  const { gate, input, path } = await listen(t);
  const clients = Array.from({ length: BURST }, () => net.connect({ path }));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  const { counters } = input;
  await eventually(
    'each is taken or refused',
    () => counters.connectionsOpened + counters.connectionsRefused === BURST,
  );
  assert.equal(counters.connectionsRefused, 0);
  for (const [number, client] of clients.entries()) client.end(`${String(number)}\n`);
  await eventually('all lines come', () => gate.lines.length === BURST);
  await eventually('all connections close', () => counters.connectionsClosed === BURST);
});

test('a client that connects while there is no room is not read before there is', async (t) => {
  const gate = await createTestGate({ arenaBytes: 3 * 1024 * 1024, delivers: false });
  const route = routeSpec({ recordBytesMax: 65_536 });
  const { path } = await listen(t, { route }, gate);
  const first = await connect(path);
  void write(first, 'x'.repeat(999).concat('\n').repeat(5000));
  await eventually('the arena is full', () => gate.waiting > 0);
  await sleep(100);
  const late = await connect(path);
  await write(late, 'late\n');
  await sleep(50);
  assert.ok(!gate.lines.includes('late'));
  gate.deliver();
  await eventually('all lines come', () => gate.lines.length === 5001);
  first.destroy();
  late.destroy();
});

/** @returns what the other side heard of it */
async function refusedConnect(path: string): Promise<void> {
  const refused = net.connect({ path });
  refused.on('error', () => undefined);
  await once(refused, 'close');
}

test('more connections than may be are refused, which is told and counted, and the others go on', async (t) => {
  const { gate, input, path } = await listen(t, { connectionsMax: 2 });
  const clients = [await connect(path), await connect(path)];
  for (let i = 0; i < 3; i++) await refusedConnect(path);
  for (const client of clients) client.end('line\n');
  await eventually('the others work', () => gate.lines.length === 2);
  assert.equal(input.counters.connectionsRefused, 3);
  await input.stop();
  const refused = gate.notices.filter(({ event }) => event === 'connectionsRefused');
  const why = 'there are 2 connections, as many as may be. Fix: let writers keep fewer open';
  assert.deepEqual(
    refused.map(({ level, message }) => [level, message]),
    [
      [
        'warning',
        `socket ${path}: a connection was refused, and what was written to it is lost: ${why}`,
      ],
      [
        'warning',
        `socket ${path}: 2 connections were refused, and what was written to them is lost: ${why}`,
      ],
    ],
    'the first at once, the others together',
  );
});

test('a connection is refused, and told of, before the process has no file left to open', async (t) => {
  const first = await listen(t);
  const probe = await connect(first.path);
  const openFilesMax = 16;
  const { gate, path } = await listen(t, { openFilesMax });
  await refusedConnect(path);
  assert.match(
    gate.notices.find(({ event }) => event === 'connectionsRefused')?.message ?? '',
    /: this process may have 16 files open, and the last 16 are kept for files and brokers\. Fix: raise LimitNOFILE \(ulimit -n\)$/,
  );
  probe.destroy();
});
