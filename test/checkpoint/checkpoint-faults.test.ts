/** A checkpoint that cannot be read or written says why and what to do; positions are never silently zero. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { crc32 } from 'node:zlib';
import { CheckpointStore, type CheckpointNotice } from '../../src/checkpoint/checkpoint-store.ts';
import { stateFilesIn, type StateFiles } from '../../src/checkpoint/state-files.ts';
import { SetupError } from '../../src/shared/errors.ts';
import { asNobody, temporaryDirectory } from '../input/gate.ts';

interface Opened {
  readonly store: CheckpointStore;
  readonly notices: CheckpointNotice[];
}

/** Writes at `flush` alone. */
async function open(
  t: TestContext,
  directory: string,
  changes: Partial<StateFiles> = {},
): Promise<Opened> {
  const notices: CheckpointNotice[] = [];
  const store = await CheckpointStore.open({
    directory,
    files: { ...stateFilesIn(directory), ...changes },
    intervalMs: 60_000,
    report: (notice) => {
      notices.push(notice);
    },
  });
  t.after(() => store.close());
  return { store, notices };
}

async function refusalOf(work: Promise<unknown>): Promise<[reason: string, message: string]> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof SetupError, String(error));
    return [error.reason, error.message];
  }
  return ['none', 'it was opened'];
}

test('a daemon whose lock was removed, or is another one, writes nothing more, and says so', async (t) => {
  for (const how of ['removed', 'replaced']) {
    const directory = temporaryDirectory(t);
    const { store, notices } = await open(t, directory);
    store.set('a', 1);
    await store.flush();
    const written = readFileSync(join(directory, 'checkpoint.1'), 'utf8');
    rmSync(join(directory, 'lock'));
    const second = how === 'removed' ? undefined : await open(t, directory);
    store.set('a', 2);
    await store.flush();
    assert.deepEqual(
      notices.map(({ event }) => event),
      ['checkpointWriteFailed'],
      how,
    );
    assert.match(
      notices[0]?.message ?? '',
      /: its lock was removed, and a second millrace may be writing here\. .* Fix: check /,
    );
    assert.equal(readFileSync(join(directory, 'checkpoint.1'), 'utf8'), written, how);
    assert.ok(!existsSync(join(directory, 'checkpoint.0')), how);
    await second?.store.close();
    assert.equal(await store.close(), false, 'positions were not saved');
  }
});

test('a checkpoint that is there and cannot be read refuses the start', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'checkpoint.0');
  mkdirSync(file);
  assert.deepEqual(await refusalOf(open(t, directory)), [
    'cannotCreate',
    `cannot read ${file}: EISDIR: illegal operation on a directory, read. ` +
      'Fix: make it a file that this user can read',
  ]);
  assert.ok(!existsSync(join(directory, 'lock')), 'its lock is given back');
  renameSync(file, join(directory, 'aside'));
  writeFileSync(file, 'not for everybody');
  chmodSync(file, 0o000);
  chmodSync(directory, 0o777);
  await asNobody(async () => {
    const [reason, message] = await refusalOf(open(t, directory));
    assert.equal(reason, 'noPermission');
    assert.match(
      message,
      /^cannot read .*checkpoint\.0: permission denied \(EACCES\)\. Fix: make it a file /,
    );
  });
});

test('a checkpoint of another version or format is not half believed', async (t) => {
  const head = { format: 'millrace-checkpoint', version: 1, generation: 7, count: 0 };
  const heads: [object, string | undefined][] = [
    [head, undefined],
    [{ ...head, version: 2 }, 'its version is 2, this millrace reads 1'],
    [{ ...head, format: 'another' }, 'its first line is not a checkpoint head'],
    [{ ...head, generation: '7' }, 'its head lacks a number'],
    [{ ...head, count: undefined }, 'its head lacks a number'],
    [{ ...head, count: 1 }, 'it has 0 whole records instead of 1'],
  ];
  for (const [value, fault] of heads) {
    const directory = temporaryDirectory(t);
    const json = JSON.stringify(value);
    const crc = crc32(json).toString(16).padStart(8, '0');
    writeFileSync(join(directory, 'checkpoint.1'), `${crc} ${json}\n`);
    const [reason, message] = await refusalOf(open(t, directory));
    assert.equal(reason, fault === undefined ? 'none' : 'ioError', json);
    if (fault !== undefined) assert.ok(message.includes(`checkpoint.1: ${fault}. Bring`), message);
  }
});

test('each reason for which a disk takes nothing is told in words, with the fix', async (t) => {
  const free = 'free space on the file system of DIR';
  const permit = 'let this user write DIR, or set state.dir to a directory that it can write';
  const check = 'check DIR, or set state.dir to another directory';
  const faults: [code: string, reason: string, fix: string][] = [
    ['ENOSPC', 'the disk is full (ENOSPC)', free],
    ['EDQUOT', 'the disk quota is used up (EDQUOT)', free],
    ['EROFS', 'the file system is read-only (EROFS)', check],
    ['EACCES', 'permission denied (EACCES)', permit],
    ['EPERM', 'permission denied (EPERM)', permit],
    [
      'ENOENT',
      'the directory is gone (ENOENT)',
      'make DIR again, and check that its file system is mounted',
    ],
    ['ENOTDIR', 'it is not a directory (ENOTDIR)', check],
    ['EIO', 'EIO: i/o error, write', check],
  ];
  for (const [code, reason, fix] of faults) {
    const directory = temporaryDirectory(t);
    const fault = Object.assign(new Error(`${code}: i/o error, write`), { code });
    const { store, notices } = await open(t, directory, { replace: () => Promise.reject(fault) });
    store.set('a', 1);
    await store.flush();
    const message = notices[0]?.message.replaceAll(directory, 'DIR') ?? '';
    assert.ok(message.startsWith(`cannot write checkpoint DIR/checkpoint.1: ${reason}. `), message);
    assert.ok(message.endsWith(` Fix: ${fix}`), message);
    assert.equal(await store.close(), false);
  }
});
