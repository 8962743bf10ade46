import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CheckpointStore } from '../../src/checkpoint/checkpoint-store.ts';
import type { CheckpointNotice, CheckpointOptions } from '../../src/checkpoint/checkpoint-store.ts';
import { stateFilesIn } from '../../src/checkpoint/state-files.ts';
import type { StateFiles } from '../../src/checkpoint/state-files.ts';
import { asNobody, eventually, temporaryDirectory } from '../input/gate.ts';
import { SetupError } from '../../src/shared/errors.ts';

interface Opened {
  readonly store: CheckpointStore;
  readonly notices: CheckpointNotice[];
}

async function open(directory: string, options: Partial<CheckpointOptions> = {}): Promise<Opened> {
  const notices: CheckpointNotice[] = [];
  const report = (notice: CheckpointNotice): void => {
    notices.push(notice);
  };
  const store = await CheckpointStore.open({ directory, report, intervalMs: 10, ...options });
  return { store, notices };
}

const isSetupError =
  (reason: string, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof SetupError);
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    return true;
  };

test('what was set is there after a restart, and what was deleted is not', async (t) => {
  const directory = join(temporaryDirectory(t), 'made/by/the/store');
  const first = await open(directory);
  first.store.set('a', { position: 1, text: 'ü\n"' });
  first.store.set('b', 2);
  first.store.set('a', { position: 3 });
  first.store.delete('b');
  await first.store.close();
  const second = await open(directory);
  assert.deepEqual([...second.store.entries()], [['a', { position: 3 }]]);
  await second.store.close();
  assert.deepEqual([...first.notices, ...second.notices], []);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
});

test('positions reach the disk within the interval, without a stop', async (t) => {
  const directory = temporaryDirectory(t);
  const { store } = await open(directory);
  store.set('a', 1);
  for (let tries = 0; tries < 500 && !existsSync(join(directory, 'checkpoint.1')); tries += 1) {
    await sleep(10);
  }
  assert.match(readFileSync(join(directory, 'checkpoint.1'), 'utf8'), /"key":"a","value":1/);
  await store.close();
});

test('a damaged generation is noticed and the older one is used, loudly', async (t) => {
  const damages = [
    ['flipped bit', 'record 2 does not match its checksum'],
    ['torn end', 'it has 1 whole records instead of 2'],
    ['empty', 'its first line is not a checkpoint head'],
    ['lost record', 'it has 1 whole records instead of 2'],
  ] as const;
  for (const [damage, fault] of damages) {
    const directory = temporaryDirectory(t);
    const { store } = await open(directory, { intervalMs: 60_000 });
    for (const generation of [1, 2]) {
      store.set('a', generation);
      store.set('b', generation);
      await store.flush();
    }
    await store.close();
    const newest = join(directory, 'checkpoint.0');
    const bytes = readFileSync(newest);
    writeFileSync(newest, damaged(bytes, damage));
    const again = await open(directory);
    assert.deepEqual(
      [...again.store.entries()],
      [
        ['a', 1],
        ['b', 1],
      ],
      damage,
    );
    assert.deepEqual(
      again.notices.map(({ event }) => event),
      ['checkpointDamaged'],
      damage,
    );
    assert.equal(
      again.notices[0]?.message,
      'checkpoint damaged, going on from the other generation (1); ' +
        `records delivered after it are sent again. ${newest}: ${fault}`,
    );
    again.store.set('a', 3);
    await again.store.close();
    const healed = await open(directory);
    assert.deepEqual(healed.notices, [], `${damage}: the damaged one was written over`);
    assert.equal(healed.store.get('a'), 3);
    await healed.store.close();
  }
});

function damaged(bytes: Buffer, how: string): Buffer {
  const copy = Buffer.from(bytes);
  switch (how) {
    case 'flipped bit':
      copy.writeUInt8(copy.readUInt8(copy.length - 5) ^ 1, copy.length - 5);
      return copy;
    case 'torn end':
      return copy.subarray(0, copy.length - 7);
    case 'lost record':
      return copy.subarray(0, copy.lastIndexOf(10, copy.length - 2) + 1);
    default:
      return Buffer.alloc(0);
  }
}

test('two damaged generations refuse the start: positions are never silently zero', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'checkpoint.0'), 'rubbish');
  writeFileSync(join(directory, 'checkpoint.1'), '');
  await assert.rejects(
    open(directory),
    isSetupError(
      'ioError',
      /no whole checkpoint in .*checkpoint\.0.*checkpoint\.1.*move both away/,
    ),
  );
  rmSync(join(directory, 'checkpoint.0'));
  rmSync(join(directory, 'checkpoint.1'));
  const { store } = await open(directory);
  await store.close();
});

test('a full disk is told once with the file and the fix; delivery goes on, and all positions are written when there is room', async (t) => {
  const directory = temporaryDirectory(t);
  const real = stateFilesIn(directory);
  let isFull = false;
  let attempts = 0;
  const files: StateFiles = {
    ...real,
    replace: (name, bytes) => {
      attempts += 1;
      if (!isFull) return real.replace(name, bytes);
      return Promise.reject(
        Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
      );
    },
  };
  const { store, notices } = await open(directory, { files, intervalMs: 5 });
  store.set('a', 1);
  await store.flush();
  isFull = true;
  store.set('a', 2);
  while (attempts < 4) await sleep(5);
  assert.equal(store.get('a'), 2);
  assert.equal(notices.length, 1);
  assert.match(
    notices[0]?.message ?? '',
    /^cannot write checkpoint .*checkpoint\.0: the disk is full \(ENOSPC\)\. .*delivery goes on.* Fix: free space on the file system of /,
  );
  isFull = false;
  await eventually('it is told', () => notices.length > 1);
  assert.deepEqual(
    notices.map(({ event }) => event),
    ['checkpointWriteFailed', 'checkpointWriteRecovered'],
  );
  await store.close();
  const again = await open(directory);
  assert.equal(again.store.get('a'), 2);
  await again.store.close();
});

test('a second daemon on the same state directory is refused, until the first has gone', async (t) => {
  const directory = temporaryDirectory(t);
  const { store } = await open(directory);
  await assert.rejects(
    open(directory),
    isSetupError(
      'temporary',
      /state directory .* is in use by another millrace .*lock.*state\.dir of its own/,
    ),
  );
  await store.close();
  const { store: next } = await open(directory);
  await next.close();
});

test('of many that start at once over a dead lock, one wins', async (t) => {
  const directory = temporaryDirectory(t);
  await killedHolder(directory);
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => open(directory)));
  const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled');
  assert.equal(winners.length, 1);
  await winners[0]?.value.store.close();
});

test('a kill -9 at any moment leaves a whole generation and no lock in the way', async (t) => {
  const directory = temporaryDirectory(t);
  let before = 0;
  for (let round = 0; round < 6; round += 1) {
    await killedHolder(directory, 60 + round * 17);
    const { store, notices } = await open(directory);
    const count = Number(store.get('count') ?? 0);
    assert.ok(count >= before, 'what was on the disk stays on the disk');
    assert.equal(store.get('twin'), store.get('count'), 'a generation is whole');
    assert.deepEqual(notices, []);
    before = count;
    await store.close();
  }
  assert.ok(before > 0);
});

/** A process that takes the directory, counts up in it and is killed without warning. */
async function killedHolder(directory: string, afterMs = 0): Promise<void> {
  const module = fileURLToPath(new URL('../../src/checkpoint/checkpoint-store', import.meta.url));
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const script = `
    const { CheckpointStore } = await import(${JSON.stringify(module + extension)});
    const store = await CheckpointStore.open({ directory: ${JSON.stringify(directory)}, report() {}, intervalMs: 1 });
    let count = Number(store.get('count') ?? 0);
    const work = () => { count += 1; store.set('count', count); store.set('twin', count); setTimeout(work, 1); };
    work();
    console.log('taken');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await sleep(afterMs);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('a directory that cannot be used is named with the fix', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'file'), '');
  await assert.rejects(
    open(join(directory, 'file')),
    isSetupError(
      'cannotCreate',
      /cannot use state directory .*file: it is not a directory.* Fix: /,
    ),
  );
  const long = join(directory, 'x'.repeat(120));
  await assert.rejects(
    open(long),
    isSetupError('cannotCreate', /too long for a socket.*shorter state\.dir/),
  );
  chmodSync(directory, 0o555);
  await asNobody(async () => {
    await assert.rejects(
      open(join(directory, 'state')),
      isSetupError('noPermission', /permission denied.*let this user write/),
    );
  });
  chmodSync(directory, 0o755);
});

test('a lazy value is asked for once a write, and is there for whoever gets it', async (t) => {
  const directory = temporaryDirectory(t);
  const { store } = await open(directory, { intervalMs: 60_000 });
  let position = 0;
  let asked = 0;
  const value = (): unknown => {
    asked += 1;
    return position;
  };
  for (position = 0; position < 1000; position += 1) store.setLazily('a', value);
  assert.equal(asked, 0);
  await store.flush();
  assert.equal(asked, 1);
  store.setLazily('a', value);
  position = 2000;
  assert.equal(store.get('a'), 2000);
  store.setLazily('b', value);
  store.setLazily('c', value);
  store.delete('b');
  store.set('c', 'plain');
  await store.close();
  const again = await open(directory);
  assert.deepEqual(
    [...again.store.entries()],
    [
      ['a', 2000],
      ['c', 'plain'],
    ],
  );
  await again.store.close();
});
