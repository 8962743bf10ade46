import assert from 'node:assert/strict';
import { closeSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { compressionOf, openRegularFile } from '../../src/input/file-identity.ts';
import type { FileIdentity, OpenedFile } from '../../src/input/file-identity.ts';
import { FilePositions } from '../../src/input/file-positions.ts';
import type { FilePosition, Recalled } from '../../src/input/file-positions.ts';
import { LineFramer } from '../../src/input/framing.ts';
import { createInputCounters } from '../../src/input/input.ts';
import { PositionsInMemory } from '../../src/input/position-store.ts';
import { TailedFile, fileBeginning } from '../../src/input/tailed-file.ts';
import { present } from '../../src/shared/assert.ts';
import { createTestGate, routeSpec, temporaryDirectory } from './gate.ts';

const nothing = Buffer.alloc(0);

function keep(
  positions: FilePositions,
  kept: Partial<FilePosition> & Pick<FilePosition, 'path' | 'identity'>,
): void {
  const whole: FilePosition = {
    ...{ position: 5, anchor: { end: 0, bytes: nothing }, prefix: nothing, place: 'line' },
    ...kept,
  };
  positions.keeper(kept.identity, () => whole)();
}

function openNew(t: TestContext, text: string): OpenedFile & { readonly path: string } {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, text);
  const opened = present(openRegularFile(path), 'a file');
  t.after(() => {
    closeSync(opened.fd);
  });
  return { ...opened, path };
}

const fileCount = (store: PositionsInMemory): number => [...store.entries()].length;

test('while a log file system is not mounted, the positions of its files are kept', (t) => {
  const folder = temporaryDirectory(t);
  const device = String(statSync(folder, { bigint: true }).dev);
  const store = new PositionsInMemory();
  const positions = new FilePositions(store, 'test');
  const path = join(folder, 'app.log');
  const mounted: FileIdentity = { device: `${device}1`, inode: '1', birthNs: '1' };
  const gone: FileIdentity = { device, inode: '2', birthNs: '1' };
  for (const identity of [mounted, gone]) keep(positions, { path, identity });
  assert.deepEqual(
    positions.findStrays(() => false),
    [],
  );
  assert.equal(fileCount(store), 1, 'of its own device, the folder says what is gone');
  const later = new FilePositions(store, 'test');
  const recalled = later.recall({ fd: -1, size: 5, identity: mounted });
  assert.equal(recalled.kind, 'known');
});

test('a file that has the bytes of the one that was read only at its beginning is another', (t) => {
  const head = 'a header that is the same in each file, and longer than 64 bytes in all\n';
  const opened = openNew(t, `${head}new 1\nnew 2\n`);
  const recall = (line: string): Recalled => {
    const positions = new FilePositions(new PositionsInMemory(), 'test');
    const { path, identity } = opened;
    const read = Buffer.from(`${head}${line}\n`);
    const anchor = { end: read.length, bytes: read.subarray(-64) };
    keep(positions, {
      path,
      identity,
      position: read.length,
      anchor,
      prefix: read.subarray(0, 64),
    });
    return positions.recall(opened);
  };
  assert.equal(recall('new 1').kind, 'known');
  assert.deepEqual(recall('old 1'), {
    kind: 'replaced',
    reason: 'what it holds is not what was read',
  });
});

test('a file that was born at another time is another, whatever it holds', (t) => {
  const opened = openNew(t, 'line\n');
  const recall = (birthNs: string): Recalled => {
    const store = new PositionsInMemory();
    keep(new FilePositions(store, 'test'), {
      path: opened.path,
      identity: { ...opened.identity, birthNs },
    });
    return new FilePositions(store, 'test').recall({
      ...opened,
      identity: { ...opened.identity, birthNs: '2' },
    });
  };
  assert.equal(recall('2').kind, 'known');
  assert.equal(recall('0').kind, 'known', 'the file system did not know');
  assert.deepEqual(recall('1'), {
    kind: 'replaced',
    reason: 'its inode number was given to a new file',
  });
});

test('what the common programs compress is known by its first bytes, a line that looks like it is not', () => {
  const head = (hex: string): Buffer => Buffer.from(`${hex}0102030405060708090a`, 'hex');
  assert.equal(compressionOf(head('1f8b')), 'gzip');
  assert.equal(compressionOf(head('28b52ffd')), 'zstd');
  assert.equal(compressionOf(head('fd377a585a00')), 'xz');
  assert.equal(compressionOf(Buffer.from('BZh91AY&SY...')), 'bzip2');
  for (const text of ['', 'BZh', 'BZh9 is the name of a job\n', '(\n', 'plain\n', '7zXZ\n']) {
    assert.equal(compressionOf(Buffer.from(text)), undefined, text);
  }
});

const gate = await createTestGate();

/** A file of which two reads are taken: the first ends at 1000 in the given place, the second at 1500 behind a line. */
function readTwice(place: 'splitRest' | 'skippedRest'): TailedFile {
  const framer = new LineFramer(gate, routeSpec(), createInputCounters());
  const file = new TailedFile({
    ...{ fd: -1, identity: { device: '1', inode: '1', birthNs: '1' }, path: 'a', realPath: 'a' },
    ...{ framer, start: fileBeginning, onSettled: () => undefined },
  });
  framer.resume(place);
  file.advance(1000, Buffer.alloc(64, 'y'));
  framer.resume('line');
  file.advance(1500, Buffer.alloc(64, 'z'));
  return file;
}

for (const place of ['splitRest', 'skippedRest'] as const) {
  test(`what is kept of a long line is its cut, until something behind it is settled (${place})`, () => {
    const file = readTwice(place);
    const kept = (): unknown[] => [
      file.settled.position,
      file.settled.place,
      file.settled.anchor.end,
    ];
    assert.deepEqual(kept(), [0, 'line', 0]);
    file.source.settled(1000);
    assert.deepEqual(kept(), [1000, place, 1000]);
    file.source.settled(1200);
    assert.deepEqual(kept(), [1200, 'line', 1000], 'in front of 1200 a record ends');
    file.source.settled(1500);
    assert.deepEqual(kept(), [1500, 'line', 1500]);
  });
}
