import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Reader, Writer, ZERO_UUID } from '../../src/kafka/wire.ts';
import { Bug } from '../../src/shared/assert.ts';
import { ProtocolError } from '../../src/shared/errors.ts';

function written(write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  write(writer);
  const bytes = Buffer.concat(writer.finish());
  assert.equal(writer.length, bytes.length);
  return bytes;
}

test('varints take a byte more at each border, as protobuf has it', () => {
  const unsigned = (value: number): string =>
    written((w) => {
      w.unsignedVarint(value);
    }).toString('hex');
  assert.equal(unsigned(0), '00');
  assert.equal(unsigned(127), '7f');
  assert.equal(unsigned(128), '8001');
  assert.equal(unsigned(16383), 'ff7f');
  assert.equal(unsigned(16384), '808001');
  assert.equal(unsigned(0xffffffff), 'ffffffff0f');
  const signed = (value: number): string =>
    written((w) => {
      w.varint(value);
    }).toString('hex');
  assert.equal(signed(-1), '01');
  assert.equal(signed(63), '7e');
  assert.equal(signed(64), '8001');
  assert.equal(signed(-2147483648), 'ffffffff0f');
});

test('every integer comes back as it was written', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      (int, long) => {
        const bytes = written((w) => {
          w.int32(int);
          w.varint(int);
          w.unsignedVarint(int >>> 0);
          w.int64(long);
          w.varlong(long);
          w.varlong(long);
        });
        const reader = new Reader(bytes);
        assert.equal(reader.int32(), int);
        assert.equal(reader.varint(), int);
        assert.equal(reader.unsignedVarint(), int >>> 0);
        assert.equal(reader.int64(), long);
        assert.equal(reader.varlong(), long);
        reader.skipVarlong();
        reader.finish();
      },
    ),
  );
});

test('a varint of more bits than its type has is refused', () => {
  const read = (hex: string): Reader => new Reader(Buffer.from(hex, 'hex'));
  assert.throws(() => read('ffffffff10').unsignedVarint(), ProtocolError);
  assert.throws(() => read('8080808080').unsignedVarint(), ProtocolError);
  assert.throws(() => read('ffffffffffffffffff02').varlong(), ProtocolError);
  assert.throws(() => read('80808080808080808080').varlong(), ProtocolError);
  assert.throws(() => {
    read('ffffffffffffffffff02').skipVarlong();
  }, ProtocolError);
});

test('a length beyond what is left, a negative length and left-over bytes are refused', () => {
  assert.throws(
    () => new Reader(Buffer.from('0003ffff', 'hex')).string(false),
    /3 bytes wanted at byte 2 of 4/,
  );
  assert.throws(() => new Reader(Buffer.from('fffe', 'hex')).string(false), ProtocolError);
  assert.throws(() => new Reader(Buffer.from('7fffffff', 'hex')).bytes(false), ProtocolError);
  assert.throws(
    () => new Reader(Buffer.from('7fffffff', 'hex')).arrayCount(false, 1),
    ProtocolError,
  );
  assert.throws(() => {
    new Reader(Buffer.from('00')).finish();
  }, /2 bytes left over at byte 0 of 2/);
});

test('null, empty and long strings come back, compact or not', () => {
  for (const compact of [false, true]) {
    for (const value of [null, '', 'logs', 'ü€😀', 'x'.repeat(32767)]) {
      const bytes = written((w) => {
        w.string(value, compact);
      });
      assert.equal(new Reader(bytes).string(compact), value);
    }
  }
});

test('a uuid is written as Kafka prints it', () => {
  const text = 'MkTkOg4eQ-2fkr7nDTBtVg';
  assert.equal(
    new Reader(
      written((w) => {
        w.uuid(text);
      }),
    ).uuid(),
    text,
  );
  assert.equal(new Reader(Buffer.alloc(16)).uuid(), ZERO_UUID);
});

test('referenced bytes stay where they are, between the bytes of the writer', () => {
  const batch = new Uint8Array(new SharedArrayBuffer(5000)).fill(7);
  const writer = new Writer();
  writer.int8(1);
  writer.records(batch, true);
  writer.int8(2);
  writer.records([batch, batch], false);
  writer.records(null, false);
  const fragments = writer.finish();
  assert.equal(fragments.filter((fragment) => fragment === batch).length, 3);
  const reader = new Reader(Buffer.concat(fragments));
  assert.equal(reader.int8(), 1);
  assert.equal(reader.bytes(true)?.length, 5000);
  assert.equal(reader.int8(), 2);
  assert.equal(reader.bytes(false)?.length, 10_000);
  assert.equal(reader.bytes(false), null);
  reader.finish();
});

test('a number that its type cannot hold is a bug, not a wrong byte', () => {
  const writer = new Writer();
  assert.throws(() => {
    writer.int8(128);
  }, Bug);
  assert.throws(() => {
    writer.int16(-32769);
  }, Bug);
  assert.throws(() => {
    writer.int32(2 ** 31);
  }, Bug);
  assert.throws(() => {
    writer.int32(0.5);
  }, Bug);
  assert.throws(() => {
    writer.int64(2n ** 63n);
  }, Bug);
  assert.throws(() => {
    writer.unsignedVarint(-1);
  }, Bug);
  assert.throws(() => {
    writer.uuid('abc');
  }, Bug);
  assert.throws(() => {
    writer.string('x'.repeat(32768), false);
  }, Bug);
});
