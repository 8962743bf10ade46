import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkRecords,
  decodeRecords,
  encodeRecord,
  encodeRecords,
} from '../../src/kafka/record.ts';
import { ProtocolError } from '../../src/shared/errors.ts';

const bytes = fc.uint8Array({ maxLength: 300, size: 'max' }).map((array) => Buffer.from(array));
const nullable = fc.option(bytes, { nil: null });
const record = fc.record(
  {
    timestampDelta: fc.maxSafeInteger(),
    key: nullable,
    value: nullable,
    headers: fc.array(
      fc.record({ key: fc.string({ unit: 'binary' }), value: nullable }, { noNullPrototype: true }),
      {
        maxLength: 3,
      },
    ),
  },
  { noNullPrototype: true },
);
const records = fc.array(record, { minLength: 1, maxLength: 10 });

test('records read back as they were written, with their places as offset deltas', () => {
  fc.assert(
    fc.property(records, (written) => {
      const payload = encodeRecords(written);
      checkRecords(payload, written.length);
      assert.deepEqual(
        [...decodeRecords(payload, written.length)],
        written.map((one, offsetDelta) => ({ ...one, offsetDelta })),
      );
    }),
  );
});

test('a record is written as the format says', () => {
  const plain = { key: null, value: Buffer.from('hi') };
  assert.equal(Buffer.from(encodeRecord(plain, 0)).toString('hex'), '1000000001046869' + '00');
  const full = {
    timestampDelta: -1,
    key: Buffer.from('k'),
    value: null,
    headers: [{ key: 'h', value: null }],
  };
  assert.equal(
    Buffer.from(encodeRecord(full, 64)).toString('hex'),
    '16000180' + '01026b01' + '02026801',
  );
});

test('records that are cut, too many, too few or struck by hostile bytes end in a ProtocolError only', () => {
  const refuses = (payload: Uint8Array, count: number): void => {
    assert.throws(() => [...decodeRecords(payload, count)], ProtocolError);
    assert.throws(() => {
      checkRecords(payload, count);
    }, ProtocolError);
  };
  fc.assert(
    fc.property(records, fc.nat(), fc.integer({ min: 0, max: 255 }), (written, place, byte) => {
      const payload = Buffer.from(encodeRecords(written));
      refuses(payload.subarray(0, place % payload.length), written.length);
      refuses(payload, written.length + 1);
      refuses(payload, written.length - 1);
      payload.writeUInt8(byte, place % payload.length);
      decodesOrRefuses(() => [...decodeRecords(payload, written.length)]);
      decodesOrRefuses(() => {
        checkRecords(payload, written.length);
      });
    }),
  );
});

test('a negative length is null for keys and values as -1 only, and for nothing else', () => {
  const refuses = (hex: string, message: RegExp): void => {
    const payload = Buffer.from(hex, 'hex');
    assert.throws(() => [...decodeRecords(payload, 1)], message);
    assert.throws(() => {
      checkRecords(payload, 1);
    }, message);
  };
  refuses('0c' + '000000' + '0301' + '00', /length -2 of a key or value/);
  refuses('0c' + '000000' + '0103' + '00', /length -2 of a key or value/);
  refuses('0c' + '000000' + '0101' + '01', /-1 headers/);
  refuses('10' + '000000' + '0101' + '02' + '0101', /header key length -1/);
  refuses('0a' + '000000' + '0101', /record length 5/);
  refuses('01', /record length -1/);
});

function decodesOrRefuses(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
  }
}
