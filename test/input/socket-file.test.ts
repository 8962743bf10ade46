import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InputNotice } from '../../src/input/input.ts';
import { grantSocket } from '../../src/input/socket-path.ts';
import { SetupError } from '../../src/shared/errors.ts';
import { asNobody, eventually, temporaryDirectory, type TestGate } from './gate.ts';
import { connect, connectFault, gateOfStillClock, listen, write } from './socket-scene.ts';

/** As the documentation says. */
const LOOK_MS = 10_000;

const isSetupError =
  (reason: string, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof SetupError, String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    return true;
  };

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

test('nobody but this user can connect before the socket has its mode and group', async (t) => {
  const modes: number[] = [];
  const bind = Reflect.get(net.Server.prototype, 'listen') as (...args: unknown[]) => net.Server;
  t.mock.method(net.Server.prototype, 'listen', function (this: net.Server, ...args: unknown[]) {
    const server = Reflect.apply(bind, this, args);
    modes.push(statSync((args[0] as net.ListenOptions).path ?? '').mode & 0o777);
    return server;
  });
  const umask = process.umask(0o022);
  t.after(() => process.umask(umask));
  const { path } = await listen(t, { mode: 0o666 });
  assert.deepEqual(modes, [0o600], 'as it is bound');
  assert.equal(statSync(path).mode & 0o777, 0o666);
  assert.equal(process.umask(0o022), 0o022, 'other files are made as before');
});

test('a group that this user may not give leaves the socket to this user alone', async (t) => {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o777);
  const path = join(directory, 's.sock');
  await asNobody(() => {
    // Whatever lies there: a listening socket would be gone with the refusal.
    writeFileSync(path, '', { mode: 0o600 });
    const message =
      /^socket .*s\.sock cannot be given to group 54321 \(EPERM.*\)\. Fix: let this user be a member of the group, or start as root$/;
    assert.throws(
      () => {
        grantSocket(path, 0o660, '54321');
      },
      isSetupError('noPermission', message),
    );
    assert.equal(statSync(path).mode & 0o777, 0o600);
    return Promise.resolve();
  });
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

test('a path of 107 bytes is taken, one of 108 is refused', async (t) => {
  const directory = temporaryDirectory(t);
  const longest = join(directory, 'x'.repeat(107 - Buffer.byteLength(directory) - 1));
  await listen(t, { path: longest });
  assert.equal(await connectFault(longest), undefined);
  const message = /its path is 108 bytes long, and 107 are possible/;
  await assert.rejects(listen(t, { path: `${longest}x` }), isSetupError('cannotCreate', message));
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

test('a socket whose file was removed listens again, and the connections that are there go on', async (t) => {
  const { gate, path } = await listen(t, { lookMs: 20 });
  const before = await connect(path);
  unlinkSync(path);
  await eventually('it is there again', () => existsSync(path));
  assert.equal(statSync(path).mode & 0o777, 0o660);
  const after = await connect(path);
  before.end('before\n');
  after.end('after\n');
  await eventually('both are read', () => gate.lines.length === 2);
  const messages = gate.notices.map(({ message }) => message);
  assert.ok(messages.includes(`listening on ${path} again`));
});

test('a socket whose file was removed is listening again after ten seconds', async (t) => {
  const gate = await gateOfStillClock(t);
  const { input, path } = await listen(t, {}, gate);
  for (const round of [1, 2]) {
    unlinkSync(path);
    gate.clock.advance(LOOK_MS - 1);
    await new Promise(setImmediate);
    assert.equal(await connectFault(path), 'ENOENT');
    gate.clock.advance(1);
    await eventually('it is there again', () => existsSync(path));
    assert.equal(await connectFault(path), undefined);
    await eventually('and works', () => input.counters.connectionsClosed === round);
  }
});

test('a socket that another has put in its place is told of, and stays when this one stops', async (t) => {
  const { gate, input, path } = await listen(t, { lookMs: 20 });
  unlinkSync(path);
  const other = net.createServer((connection) => connection.end('mine\n'));
  other.listen(path);
  t.after(() => other.close());
  await eventually('it is told', () =>
    gate.notices.some(({ event }) => event === 'socketUnreachable'),
  );
  assert.equal(
    gate.notices.at(-1)?.message,
    `nobody can connect to ${path} any more: something else has taken its place. It listens there again when that is over.`,
  );
  await input.stop();
  const [answer] = (await once(await connect(path), 'data')) as [Buffer];
  assert.equal(answer.toString(), 'mine\n');
  assert.deepEqual(readdirSync(dirname(path)), ['ingest.sock']);
});

test('a socket whose folder is away for a while, or a file for a while, listens again when the folder is back', async (t) => {
  const folder = join(temporaryDirectory(t), 'run');
  mkdirSync(folder);
  const { gate, path } = await listen(t, { path: join(folder, 'in.sock'), lookMs: 20 });
  for (const outage of [1, 2]) {
    rmSync(folder, { recursive: true });
    await eventually('it is told', () => unreachable(gate).length === outage);
    writeFileSync(folder, '');
    await sleep(100);
    rmSync(folder);
    mkdirSync(folder);
    await eventually('it is there again', () => existsSync(path));
    assert.equal(unreachable(gate).length, outage, 'each outage is told of once');
    const client = await connect(path);
    client.end('line\n');
    await eventually('and works', () => gate.lines.length === outage);
  }
});

test('a directory in the place of a socket stops neither the daemon nor its stop', async (t) => {
  const { gate, input, path } = await listen(t, { lookMs: 20 });
  unlinkSync(path);
  mkdirSync(path);
  await eventually('it is told', () => unreachable(gate).length === 1);
  await input.stop();
  assert.ok(lstatSync(path).isDirectory(), 'what another has put there stays');
});

test('a folder that cannot be entered for a while stops neither the daemon nor its stop, and the socket is good afterwards', async (t) => {
  const outer = temporaryDirectory(t);
  chmodSync(outer, 0o777);
  const folder = join(outer, 'run');
  await asNobody(async () => {
    mkdirSync(folder);
    const gate = await gateOfStillClock(t);
    const { input, path } = await listen(t, { path: join(folder, 'in.sock') }, gate);
    const client = await connect(path);
    chmodSync(folder, 0o000);
    gate.clock.advance(LOOK_MS);
    assert.equal(await connectFault(path), 'EACCES');
    await write(client, 'one\n');
    await eventually('who is connected is read', () => gate.lines.length === 1);
    chmodSync(folder, 0o700);
    gate.clock.advance(LOOK_MS);
    assert.equal(await connectFault(path), undefined, 'it is the same socket');
    chmodSync(folder, 0o000);
    client.end('two\n');
    await eventually('and to its end', () => input.counters.connectionsClosed === 2);
    await input.stop();
    chmodSync(folder, 0o700);
    assert.deepEqual(gate.lines, ['one', 'two']);
    assert.deepEqual(
      gate.notices.map(({ message }) => message),
      [`listening on ${path}`],
    );
    assert.equal(await connectFault(path), 'ECONNREFUSED', 'what could not be removed');
    const next = await listen(t, { path });
    await next.input.stop();
  });
});

function unreachable(gate: TestGate): InputNotice[] {
  return gate.notices.filter(({ event }) => event === 'socketUnreachable');
}
