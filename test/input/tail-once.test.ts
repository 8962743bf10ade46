import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Tail } from '../../src/input/tail.ts';
import { createTestGate, routeSpec, temporaryDirectory, untilNothingIsRead } from './gate.ts';
import { descriptorOf, reopenAs } from './open-files.ts';

test('a file that is read once and cannot be read to its end is told, and is not taken for a success', async (t) => {
  const folder = temporaryDirectory(t);
  const [path, other] = [join(folder, 'big.log'), join(folder, 'other.log')];
  const line = `${'x'.repeat(99)}\n`;
  writeFileSync(path, line.repeat(100_000));
  writeFileSync(other, 'other\n');
  const gate = await createTestGate({ delivers: false, arenaBytes: 3 * 1024 * 1024 });
  const tail = new Tail(gate, {
    ...{ id: 'test', from: 'beginning', follow: false, require: true, paths: [path, other] },
    route: () => routeSpec(),
  });
  await tail.start();
  await untilNothingIsRead(gate);
  assert.equal(tail.isBroken, false);
  // For writing only: each read of it is refused (EBADF).
  reopenAs(descriptorOf(folder, 'big.log'), path, 'a');
  gate.deliver();
  await tail.ended;
  await tail.stop();
  assert.equal(tail.isBroken, true);
  assert.ok(gate.lines.includes('other'), 'the other one is read all the same');
  assert.ok(gate.lines.length > 1000 && gate.lines.length < 100_000);
  const warnings = gate.notices.filter(({ level }) => level === 'warning');
  assert.equal(warnings.length, 1);
  const { message } = warnings[0] ?? { message: '' };
  assert.ok(message.startsWith(`${path} cannot be read: EBADF`), message);
  assert.ok(message.endsWith('. The rest of it is not read.'), message);
});
