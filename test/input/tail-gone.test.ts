import assert from 'node:assert/strict';
import { appendFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Tail } from '../../src/input/tail.ts';
import {
  createTestGate,
  eventually,
  routeSpec,
  temporaryDirectory,
  untilNothingIsRead,
} from './gate.ts';

test('what of deleted and truncated files is not delivered at a stop is named, read or not', async (t) => {
  const folder = temporaryDirectory(t);
  const [deleted, truncated] = [join(folder, 'deleted.log'), join(folder, 'truncated.log')];
  const gate = await createTestGate({ delivers: false, arenaBytes: 2 * 1024 * 1024 });
  writeFileSync(truncated, 'one\ntwo\n');
  writeFileSync(join(folder, 'whole.log'), 'kept\n');
  const tail = new Tail(gate, {
    ...{ id: 'test', from: 'beginning', paths: [`${folder}/*.log`], scanIntervalMs: 100 },
    route: () => routeSpec(),
  });
  await tail.start();
  await eventually('they are read', () => tail.counters.readBytes === 13);
  truncateSync(truncated);
  appendFileSync(truncated, 'six\n');
  await eventually('the new content is read', () => tail.counters.readBytes === 17);
  const lines = `${'x'.repeat(99)}\n`.repeat(40_000);
  writeFileSync(deleted, lines);
  await untilNothingIsRead(gate);
  const readBytes = tail.counters.readBytes - 17;
  assert.ok(readBytes > 0 && readBytes < lines.length, 'memory holds a part of it');
  unlinkSync(deleted);
  await tail.stop();
  assert.deepEqual(tail.undelivered(), [
    `8 bytes of ${truncated}, which was truncated`,
    `${lines.length} bytes of ${deleted}, which was deleted`,
  ]);
  gate.deliver();
  assert.deepEqual(
    tail.undelivered(),
    [`${lines.length - readBytes} bytes of ${deleted}, which was deleted`],
    'what was not read is lost even when all that was read is delivered',
  );
});
