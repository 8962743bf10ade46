import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LINE_BYTES, SLOT_BYTES, SLOT_COUNT } from '../../src/ring/ring-layout.ts';
import { Doorbell, waitForDescriptor } from '../../src/ring/ring-wait.ts';
import { resetRing, RingReader, RingWriter } from '../../src/ring/ring.ts';
import { allocateSharedMemory, type SharedMemory } from '../../src/ring/shared-memory.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { Echo } from './echo.ts';

const RING = 65_536;
/** Where a signed and an unsigned 32-bit index begin again. */
const wraps = [0, 2 ** 31 - 1000, 2 ** 32 - 1000];

function ringAt(index: number): { memory: SharedMemory; writer: RingWriter; reader: RingReader } {
  const memory = allocateSharedMemory(2 * RING);
  memory.data.setUint32(RING, index, true);
  memory.data.setUint32(RING + LINE_BYTES, index, true);
  const writer = new RingWriter(memory, RING);
  return { memory, writer, reader: new RingReader(memory, RING) };
}

function put(memory: SharedMemory, writer: RingWriter, number: number): boolean {
  const slot = writer.claim();
  if (slot === undefined) return false;
  for (let at = 0; at < SLOT_BYTES; at += 4) memory.data.setInt32(slot + at, number, true);
  writer.commit();
  return true;
}

function take(memory: SharedMemory, reader: RingReader): number | undefined {
  const slot = reader.peek();
  if (slot === undefined) return undefined;
  const number = memory.data.getInt32(slot, true);
  for (let at = 4; at < SLOT_BYTES; at += 4) {
    assert.equal(memory.data.getInt32(slot + at, true), number);
  }
  reader.release();
  return number;
}

for (const first of wraps) {
  test(`descriptors come out whole and in order, indices from ${first} on`, () => {
    const { memory, writer, reader } = ringAt(first);
    const random = seededRandom(first);
    let written = 0;
    let read = 0;
    while (read < 5000) {
      for (let burst = random() * 12; burst > 0; burst -= 1) {
        const isFull = written - read === SLOT_COUNT;
        assert.equal(put(memory, writer, written), !isFull);
        if (!isFull) written += 1;
      }
      for (let burst = random() * 12; burst > 0; burst -= 1) {
        const expected = read < written ? read : undefined;
        assert.equal(take(memory, reader), expected);
        if (expected !== undefined) read += 1;
      }
    }
  });
}

test('a slot is neither committed when the ring is full nor released when it is empty', () => {
  const { memory, writer, reader } = ringAt(0);
  assert.throws(() => reader.release(), /only a slot that was read/);
  for (let number = 0; number < SLOT_COUNT; number += 1) assert.ok(put(memory, writer, number));
  assert.equal(writer.claim(), undefined);
  assert.throws(() => writer.commit(), /only a claimed slot/);
  assert.equal(take(memory, reader), 0);
  assert.ok(put(memory, writer, SLOT_COUNT));
});

test('what is claimed and not committed is not seen, and is claimed again', () => {
  const { writer, reader } = ringAt(0);
  const slot = writer.claim();
  assert.equal(reader.peek(), undefined);
  assert.equal(writer.claim(), slot);
  writer.commit();
  assert.equal(reader.peek(), slot);
});

test('both sides of a ring that was reset begin again, whatever was in it', () => {
  const { memory, writer } = ringAt(12_345);
  for (let number = 0; number < 3; number += 1) put(memory, writer, number);
  resetRing(memory, RING);
  const reader = new RingReader(memory, RING);
  assert.equal(take(memory, reader), undefined);
  put(memory, new RingWriter(memory, RING), 99);
  assert.equal(take(memory, reader), 99);
});

test('a wait ends at once when there is something, and otherwise with the next commit or ring', async () => {
  const { memory, writer, reader } = ringAt(0);
  const doorbell = new Doorbell(memory, RING + 64 * LINE_BYTES);
  const hold = setInterval(() => undefined, 1000);
  put(memory, writer, 1);
  await waitForDescriptor(reader);
  assert.equal(take(memory, reader), 1);
  const descriptor = waitForDescriptor(reader);
  put(memory, writer, 2);
  await descriptor;
  assert.equal(take(memory, reader), 2);

  const before = doorbell.read();
  doorbell.ring();
  await doorbell.wait(before);
  const ring = doorbell.wait(doorbell.read());
  doorbell.ring();
  await ring;
  clearInterval(hold);
});

for (const first of wraps) {
  test(`two threads pass 150,000 descriptors each way, none lost, doubled or torn, indices from ${first} on`, async () => {
    const echo = new Echo(first);
    // One less than the slots: a descriptor is answered before it is released.
    await echo.roundTrips(150_000, SLOT_COUNT - 1).finally(() => echo.close());
  });
}

test('no wake-up is lost: 60,000 times a thread that goes to sleep meets one that wakes it', async () => {
  const echo = new Echo();
  const random = seededRandom(5);
  // One open at a time: both sides sleep after each. Waits of 0 to 30 us before a send fall on every moment of going to sleep.
  const pause = (): void => {
    const until = performance.now() + (random() < 0.5 ? 0 : random() * 0.03);
    while (performance.now() < until);
  };
  await echo.roundTrips(60_000, 1, pause).finally(() => echo.close());
});
