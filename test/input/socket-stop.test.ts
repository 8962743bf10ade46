import assert from 'node:assert/strict';
import { existsSync, unlinkSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { eventually, isWholeAgain } from './gate.ts';
import { connect, connectFault, gateOfStillClock, listen, write } from './socket-scene.ts';

const TICK_MS = 5;
const LOOK_MS = 10_000;

/** A client writes a line and five milliseconds go by, as often as it says, across a stop; then time goes on alone. */
async function stopWhileWritten(
  t: TestContext,
  lines: number,
): Promise<{ readLines: number; stopMs: number }> {
  const gate = await gateOfStillClock(t);
  const { clock } = gate;
  const { input, path } = await listen(t, {}, gate);
  const client = await connect(path);
  client.on('error', () => undefined);
  await eventually('it is accepted', () => input.counters.connectionsOpened === 1);
  let isStopped = false;
  const stopped = input.stop().then(() => {
    isStopped = true;
  });
  let written = 0;
  const hasStopped = (): boolean => isStopped;
  while (!hasStopped()) {
    if (written < lines) {
      await write(client, '.\n');
      written += 1;
    }
    await eventually('it is read', () => input.counters.readBytes === 2 * written || hasStopped());
    clock.advance(TICK_MS);
    await new Promise(setImmediate);
  }
  await stopped;
  client.destroy();
  assert.ok(isWholeAgain(gate));
  return { readLines: gate.lines.length, stopMs: clock.nowMs() };
}

test('a client that goes on writing while the socket stops is read until it was quiet for 20 ms', async (t) => {
  const { readLines, stopMs } = await stopWhileWritten(t, 100);
  assert.equal(readLines, 100);
  assert.ok(stopMs >= 515 && stopMs <= 525, String(stopMs));
});

test('a client that never stops writing holds up a stop for a second', async (t) => {
  const { stopMs } = await stopWhileWritten(t, 1000);
  assert.ok(stopMs >= 1000 && stopMs <= 1010, String(stopMs));
});

test('a stop before, in the middle of or after listening again leaves nobody listening', async (t) => {
  for (const moment of ['before', 'middle', 'after']) {
    const gate = await gateOfStillClock(t);
    const { input, path } = await listen(t, {}, gate);
    unlinkSync(path);
    gate.clock.advance(LOOK_MS);
    // Its file is bound one step later, and it is listening in the turn after this one.
    if (moment === 'middle') await Promise.resolve();
    if (moment === 'after') await new Promise(setImmediate);
    assert.equal(existsSync(path), moment !== 'before', moment);
    await input.stop();
    gate.clock.advance(LOOK_MS);
    await new Promise(setImmediate);
    assert.equal(await connectFault(path), 'ENOENT', moment);
    assert.ok(isWholeAgain(gate));
  }
});
