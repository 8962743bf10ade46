/** Who may write a state directory: one at a time, and nobody takes it from a process that lives. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, rmSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { probeSocketOwner } from '../../src/checkpoint/socket-owner.ts';
import { lockStateDirectory } from '../../src/checkpoint/state-lock.ts';
import { stateFilesIn } from '../../src/checkpoint/state-files.ts';
import { clearSocketPath } from '../../src/input/socket-path.ts';
import { SetupError } from '../../src/shared/errors.ts';
import { asNobody, temporaryDirectory } from '../input/gate.ts';

/** The socket of a living process in a folder that everybody may write, to which only root can connect. */
async function listenForbidden(t: TestContext, name: string): Promise<string> {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o777);
  const path = join(directory, name);
  const server = net.createServer().listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  chmodSync(path, 0o000);
  return path;
}

function isRefusal(reason: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SetupError, String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    return true;
  };
}

test('the lock of a living daemon that this user may not connect to is respected, and stays', async (t) => {
  const path = await listenForbidden(t, 'lock');
  const { ino } = lstatSync(path);
  await asNobody(async () => {
    assert.equal(await probeSocketOwner(path), 'unknown');
    await assert.rejects(
      lockStateDirectory(join(path, '..')),
      isRefusal('temporary', /is in use by another millrace/),
    );
  });
  assert.equal(lstatSync(path).ino, ino);
});

test('the socket of a living process that this user may not connect to is refused, and stays', async (t) => {
  const path = await listenForbidden(t, 'ingest.sock');
  const { ino } = lstatSync(path);
  await asNobody(() =>
    assert.rejects(
      clearSocketPath(path),
      isRefusal('cannotCreate', /this user may not ask whether a process listens.* Fix: remove it/),
    ),
  );
  assert.equal(lstatSync(path).ino, ino);
});

test('the path of the lock may have the 107 bytes that the system takes, and no more', async (t) => {
  const parent = join(temporaryDirectory(t), 'ü');
  const folder = async (lockBytes: number): Promise<string> => {
    const rest = lockBytes - Buffer.byteLength(join(parent, '/', 'lock')) - 1;
    const directory = join(parent, 'x'.repeat(rest));
    assert.equal(Buffer.byteLength(join(directory, 'lock')), lockBytes);
    await stateFilesIn(directory).makeDirectory();
    return directory;
  };
  const longest = await folder(107);
  const lock = await lockStateDirectory(longest);
  assert.ok(lstatSync(join(longest, 'lock')).isSocket());
  await lock.release();
  assert.ok(!existsSync(join(longest, 'lock')));
  await assert.rejects(
    lockStateDirectory(await folder(108)),
    isRefusal('cannotCreate', /too long for a socket \(107 bytes\): choose a shorter state\.dir/),
  );
});

test('a start gives its turn back, so that the next ones in the same process do not wait', async (t) => {
  const directory = temporaryDirectory(t);
  const before = performance.now();
  for (let start = 0; start < 3; start += 1) {
    const lock = await lockStateDirectory(directory);
    await assert.rejects(lockStateDirectory(directory), isRefusal('temporary', /is in use/));
    await lock.release();
  }
  // Each of the five later ones would wait 2000 ms for the turn of the first.
  assert.ok(performance.now() - before < 2000, `${String(performance.now() - before)} ms`);
});

test('a daemon whose lock was removed leaves the lock of the next one where it is', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await lockStateDirectory(directory);
  rmSync(join(directory, 'lock'));
  assert.ok(first.isLost());
  const second = await lockStateDirectory(directory);
  t.after(() => second.release());
  await first.release();
  assert.ok(!second.isLost());
  await assert.rejects(lockStateDirectory(directory), /is in use by another millrace/);
});
