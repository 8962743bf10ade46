import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnixSocketInput } from '../../src/input/unix-socket.ts';
import type { UnixSocketOptions } from '../../src/input/unix-socket.ts';
import { canReadInPlace } from '../../src/input/zero-copy-read.ts';
import { SetupError } from '../../src/shared/errors.ts';
import {
  asNobody,
  createTestGate,
  eventually,
  isWholeAgain,
  routeSpec,
  temporaryDirectory,
  untilNothingIsRead,
} from './gate.ts';
import type { TestGate } from './gate.ts';

interface Setup {
  readonly gate: TestGate;
  readonly input: UnixSocketInput;
  readonly path: string;
}

async function listen(
  t: TestContext,
  options: Partial<UnixSocketOptions> = {},
  given?: TestGate,
): Promise<Setup> {
  const gate = given ?? (await createTestGate());
  const path = options.path ?? join(temporaryDirectory(t), 'ingest.sock');
  const input = new UnixSocketInput(gate, { route: routeSpec(), ...options, path });
  await input.start();
  t.after(() => input.stop());
  return { gate, input, path };
}

async function connect(path: string): Promise<net.Socket> {
  const socket = net.connect({ path });
  await once(socket, 'connect');
  return socket;
}

async function write(socket: net.Socket, bytes: string | Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.write(bytes, () => {
      resolve();
    });
  });
}

const isSetupError =
  (reason: string, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof SetupError, String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    return true;
  };

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

test('the socket file has the mode and group that were asked for', async (t) => {
  const { path } = await listen(t, {
    mode: 0o620,
    ...(process.getuid?.() === 0 ? { group: 'daemon' } : {}),
  });
  assert.equal(statSync(path).mode & 0o777, 0o620);
  if (process.getuid?.() === 0) assert.equal(statSync(path).gid, 1);
  const numeric = await listen(t, { group: String(process.getgid?.()) });
  assert.equal(statSync(numeric.path).gid, process.getgid?.());
  assert.equal(statSync(numeric.path).mode & 0o777, 0o660);
});

test('a group that is not there is refused, and no socket is left behind', async (t) => {
  const path = join(temporaryDirectory(t), 's.sock');
  await assert.rejects(
    listen(t, { path, group: 'no-such-group' }),
    isSetupError(
      'config',
      /there is no group no-such-group in \/etc\/group\. Fix: groupadd no-such-group/,
    ),
  );
  assert.ok(!existsSync(path));
});

test('a path that a running process listens on is refused, and left alone', async (t) => {
  const { path, gate } = await listen(t);
  await assert.rejects(
    listen(t, { path }),
    isSetupError(
      'cannotCreate',
      /socket .*ingest\.sock cannot be created: a running process listens on it\. Fix: stop that process, or choose another path/,
    ),
  );
  const socket = await connect(path);
  await write(socket, 'still here\n');
  await eventually('the first one still works', () => gate.lines.length === 1);
  socket.destroy();
});

test('a path that a dead process left behind is taken over', async (t) => {
  const path = join(temporaryDirectory(t), 'left.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(lstatSync(path).isSocket());
  const { gate } = await listen(t, { path });
  const socket = await connect(path);
  await write(socket, 'hello\n');
  await eventually('the new one works', () => gate.lines.length === 1);
  socket.destroy();
});

test('what is not a socket is never removed; a missing directory and a long path are named', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, 'precious');
  await assert.rejects(
    listen(t, { path: file }),
    isSetupError(
      'cannotCreate',
      /there is a file of that name which is not a socket\. Fix: remove it, or choose another path/,
    ),
  );
  assert.ok(existsSync(file));
  await assert.rejects(
    listen(t, { path: join(directory, 'no/x.sock') }),
    isSetupError(
      'cannotCreate',
      /\/no does not exist\. Fix: mkdir -p .*\/no, or RuntimeDirectory= in the unit/,
    ),
  );
  await assert.rejects(
    listen(t, { path: join(file, 'x.sock') }),
    isSetupError('cannotCreate', /file is not a directory/),
  );
  await assert.rejects(
    listen(t, { path: join(directory, 'x'.repeat(110)) }),
    isSetupError('cannotCreate', /bytes long, and 107 are possible\. Fix: choose a shorter path/),
  );
});

test('a directory that may not be written is named', async (t) => {
  const directory = join(temporaryDirectory(t), 'closed');
  mkdirSync(directory, { mode: 0o555 });
  chmodSync(dirname(directory), 0o755);
  await asNobody(async () => {
    const path = join(directory, 'x.sock');
    const message =
      /permission denied\. Fix: let this user (enter and )?write .*closed, or choose another path/;
    await assert.rejects(listen(t, { path }), isSetupError('noPermission', message));
  });
});

test('a burst of a thousand connections is taken', async (t) => {
  const { gate, input, path } = await listen(t);
  const clients = Array.from({ length: 1000 }, () => net.connect({ path }));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  for (const [number, client] of clients.entries()) client.end(`${String(number)}\n`);
  await eventually('all lines come', () => gate.lines.length === 1000);
  assert.equal(input.counters.connectionsOpened, 1000);
  await eventually('all connections close', () => input.counters.connectionsClosed === 1000);
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

test('more connections than may be are refused, and the others go on', async (t) => {
  const { gate, path } = await listen(t, { connectionsMax: 2 });
  const clients = [await connect(path), await connect(path)];
  const third = net.connect({ path });
  third.on('error', () => undefined);
  await once(third, 'close');
  for (const client of clients) client.end('line\n');
  await eventually('the others work', () => gate.lines.length === 2);
});
