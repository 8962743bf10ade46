/** What the checkpoint asks of the disk: whole files, synced in the right order, that nobody else can read. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { stateFilesIn } from '../../src/checkpoint/state-files.ts';
import { temporaryDirectory } from '../input/gate.ts';

/** Calls `look` with the path of each file or folder that is synced, before it is. */
async function onSync(t: TestContext, look: (path: string) => void): Promise<void> {
  const handle = await open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const sync = Reflect.get(prototype, 'sync');
  t.mock.method(prototype, 'sync', function (this: FileHandle) {
    look(readlinkSync(`/proc/self/fd/${String(this.fd)}`));
    return sync.call(this);
  });
}

test('the new bytes are on the disk before they take the name, and the name is on the disk before it is said', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'checkpoint.1');
  writeFileSync(file, 'before');
  const seen: [path: string, bytes: string, file: string][] = [];
  await onSync(t, (path) => {
    const bytes = path === directory ? '' : readFileSync(path, 'utf8');
    seen.push([path, bytes, readFileSync(file, 'utf8')]);
  });
  await stateFilesIn(directory).replace('checkpoint.1', Buffer.from('after'));
  assert.deepEqual(seen, [
    [`${file}.new`, 'after', 'before'],
    [directory, '', 'after'],
  ]);
  assert.ok(!existsSync(`${file}.new`));
});

test('a write that fails leaves the file that is there as it was', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'checkpoint.1'), 'before');
  mkdirSync(join(directory, 'checkpoint.1.new'));
  await assert.rejects(stateFilesIn(directory).replace('checkpoint.1', Buffer.from('after')), {
    code: 'EISDIR',
  });
  assert.equal(readFileSync(join(directory, 'checkpoint.1'), 'utf8'), 'before');
});

test('a longer write that a crash left behind is no part of the next', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'checkpoint.1.new'), 'a long one that was torn');
  await stateFilesIn(directory).replace('checkpoint.1', Buffer.from('short'));
  assert.equal(readFileSync(join(directory, 'checkpoint.1'), 'utf8'), 'short');
});

test('nobody else can read positions or enter the folder, whatever the umask allows', async (t) => {
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const directory = join(temporaryDirectory(t), 'state');
  const files = stateFilesIn(directory);
  await files.makeDirectory();
  await files.replace('checkpoint.0', Buffer.from('x'));
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(directory, 'checkpoint.0')).mode & 0o777, 0o600);
});

test('only a file that is not there is read as none', async (t) => {
  const directory = temporaryDirectory(t);
  const files = stateFilesIn(directory);
  assert.equal(await files.read('checkpoint.0'), undefined);
  mkdirSync(join(directory, 'checkpoint.0'));
  await assert.rejects(files.read('checkpoint.0'), { code: 'EISDIR' });
  rmSync(directory, { recursive: true });
  writeFileSync(directory, '');
  await assert.rejects(files.read('checkpoint.0'), { code: 'ENOTDIR' });
});
