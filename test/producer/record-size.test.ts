import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordTooLargeError } from '../../src/producer/errors.ts';
import { checkSize, sizeUpperBound } from '../../src/producer/record-size.ts';

const MIB = 1024 * 1024;
const limits = { maxRequestSize: MIB, bufferMemory: 32 * MIB };

test('the size of a record is counted as the Java client counts it: 61 bytes of batch, 21 of record, and what it holds', () => {
  assert.equal(sizeUpperBound(null, null, []), 61 + 21 + 1 + 1 + 1);
  assert.equal(sizeUpperBound('key', Buffer.alloc(64), []), 61 + 21 + 1 + 3 + 2 + 64 + 1);
  assert.equal(
    sizeUpperBound(null, '\u20ac', [
      ['h', null],
      ['h', 'xy'],
    ]),
    82 + 1 + 4 + 1 + 3 + 5,
  );
});

test('a record of exactly max.request.size may be sent, and a byte more may not', () => {
  const fits = MIB - 82 - 1 - 3 - 1;
  assert.ok(checkSize('a', null, Buffer.alloc(fits), [], limits) >= 21 + fits);
  assert.throws(() => checkSize('a', null, Buffer.alloc(fits + 1), [], limits), {
    name: 'RecordTooLargeError',
    constructor: RecordTooLargeError,
    code: 10,
    topic: 'a',
    fate: 'notSent',
    message:
      'a record for a takes up to 1048577 bytes with its batch, max.request.size allows 1048576: raise it, or send less in one record',
  });
});

test('text is measured by its bytes, not by its worst case', () => {
  const fits = MIB - 82 - 1 - 3 - 1;
  assert.equal(checkSize('a', null, 'x'.repeat(fits), [], limits), MIB - 61);
  assert.throws(() => checkSize('a', null, `${'x'.repeat(fits - 1)}\u00fc`, [], limits));
});

test('what is more than buffer.memory holds is refused with that key', () => {
  assert.throws(
    () => checkSize('a', null, Buffer.alloc(5000), [], { maxRequestSize: MIB, bufferMemory: 4096 }),
    /buffer\.memory allows 4096/,
  );
});
