import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { combineCrc32c, crc32c, crc32cOfRange } from '../../src/kafka/crc32c.ts';

const CHECK = Buffer.from('123456789');

test('the check value of CRC-32C comes out', () => {
  assert.equal(crc32c(CHECK), 0xe3069283);
  assert.equal(crc32cOfRange(new DataView(CHECK.buffer, CHECK.byteOffset, 9), 0, 9), 0xe3069283);
});

test('bytes in shared memory have the same CRC', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(9));
  shared.set(CHECK);
  assert.equal(crc32c(shared), 0xe3069283);
});

test('the CRC of two ranges comes from their CRCs and one length, whatever their lengths', () => {
  const range = fc.uint8Array({ maxLength: 70_000, size: 'max' });
  fc.assert(
    fc.property(range, range, (a, b) => {
      const whole = crc32c(Buffer.concat([a, b]));
      assert.equal(combineCrc32c(crc32c(a), crc32c(b), b.length), whole);
      assert.equal(crc32c(b, crc32c(a)), whole);
    }),
    { numRuns: 200 },
  );
});

test('combining works for lengths around every power of two up to 16 MB', () => {
  const head = crc32c(CHECK);
  for (let power = 0; power <= 24; power += 1) {
    for (const length of [2 ** power - 1, 2 ** power, 2 ** power + 1]) {
      const zeros = Buffer.alloc(length);
      assert.equal(combineCrc32c(head, crc32c(zeros), length), crc32c(zeros, head), String(length));
    }
  }
});

test('a range of a view has the CRC that native code gives it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), (bytes, seed) => {
      const from = seed % bytes.length;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      assert.equal(crc32cOfRange(view, from, bytes.length), crc32c(bytes.subarray(from)));
    }),
  );
});
