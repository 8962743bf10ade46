import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  array,
  boolean,
  errorCode,
  int16,
  int32,
  int64,
  string,
  struct,
} from '../../src/kafka/message-fields.ts';
import { message } from '../../src/kafka/message-spec.ts';
import type { RequestInputOf, RequestOf } from '../../src/kafka/message-spec.ts';
import { Bug } from '../../src/shared/assert.ts';
import { ProtocolError } from '../../src/shared/errors.ts';

const sample = message({
  apiKey: 99,
  name: 'Sample',
  versions: '0-3',
  flexible: '2+',
  request: {
    name: string('0+', { nullable: '1+' }),
    since: int32('1+', { default: -1 }),
    hint: int16('3+', { ignorable: true }),
    parts: array('0+', { index: int32('0+'), extra: boolean('3+') }),
    leader: struct('2+', { id: int32('2+', { default: -1 }) }, { tag: 1 }),
    floor: int64('2+', { default: -1n, tag: 0 }),
  },
  response: { errorCode: errorCode('0+') },
});
type Sample = RequestOf<typeof sample>;

function hexOf(version: number, value: RequestInputOf<typeof sample>): string {
  return Buffer.concat(sample.encodeRequest(version, value)).toString('hex');
}

test('a table says how each version is written', () => {
  const value = { name: 'a', parts: [{ index: 7 }] };
  assert.equal(hexOf(0, value), '000161' + '00000001' + '00000007');
  assert.equal(hexOf(1, value), '000161' + 'ffffffff' + '00000001' + '00000007');
  assert.equal(hexOf(2, value), '0261' + 'ffffffff' + '02' + '0000000700' + '00');
  assert.equal(hexOf(3, value), '0261' + 'ffffffff' + '0000' + '02' + '000000070000' + '00');
});

test('tagged fields are written in order of their tags, and only with a value that is not the default', () => {
  const value = { name: 'a', since: 5, parts: [], floor: 1n, leader: { id: 3 } };
  const plain = '0261' + '00000005' + '01';
  assert.equal(hexOf(2, value), `${plain}02` + '00080000000000000001' + '01050000000300');
  assert.equal(hexOf(2, { ...value, floor: -1n }), `${plain}01` + '01050000000300');
  assert.equal(hexOf(2, { ...value, floor: -1n, leader: { id: -1 } }), `${plain}00`);
});

test('tags that are not known are skipped, tags out of order or of a wrong size refused', () => {
  const read = (tags: string): Sample =>
    sample.decodeRequest(2, Buffer.from(`02610000000501${tags}`, 'hex'));
  assert.equal(read('02' + '00080000000000000009' + '0702abcd').floor, 9n);
  assert.throws(() => read('02' + '0702abcd' + '00080000000000000009'), /tag 0 out of order/);
  assert.throws(() => read('02' + '0701ab' + '0701ab'), ProtocolError);
  assert.throws(() => read('01' + '0009000000000000000900'), /1 bytes left over/);
  assert.throws(() => read('01' + '000700000000000000'), ProtocolError);
});

test('fields of other versions have their default when read', () => {
  const read = sample.decodeRequest(0, Buffer.from('000161' + '00000001' + '00000007', 'hex'));
  const expected: Sample = {
    name: 'a',
    since: -1,
    hint: 0,
    parts: [{ index: 7, extra: false }],
    leader: { id: -1 },
    floor: -1n,
  };
  assert.deepEqual(read, expected);
});

test('a value that the version cannot carry is a bug, unless it may be ignored', () => {
  const value = { name: 'a', parts: [] };
  assert.throws(() => hexOf(0, { ...value, since: 5 }), /SampleRequest v0 has no field since/);
  assert.throws(() => hexOf(1, { ...value, leader: { id: 5 } }), Bug);
  assert.throws(() => hexOf(2, { name: 'a', parts: [{ index: 1, extra: true }] }), Bug);
  assert.equal(hexOf(0, { ...value, hint: 5, since: -1, floor: -1n }), '000161' + '00000000');
});

test('null goes only where the version knows it, in both directions', () => {
  assert.equal(hexOf(1, { name: null, parts: [] }), 'ffff' + 'ffffffff' + '00000000');
  assert.throws(() => hexOf(0, { name: null, parts: [] }), /SampleRequest.name is not null/);
  const bytes = Buffer.from('ffff' + '00000000', 'hex');
  assert.throws(
    () => sample.decodeRequest(0, bytes),
    /SampleRequest v0: SampleRequest.name is null/,
  );
  const parts = Buffer.from('000161' + 'ffffffff', 'hex');
  assert.throws(() => sample.decodeRequest(0, parts), /SampleRequest.parts is null/);
});

test('a version outside the table is a bug', () => {
  assert.throws(() => hexOf(4, { name: 'a', parts: [] }), /SampleRequest has a version 4/);
});

test('the compiler knows which fields have to be given', () => {
  const complete: RequestInputOf<typeof sample> = { name: null, parts: [] };
  // @ts-expect-error a field of all versions without a default
  const withoutParts: RequestInputOf<typeof sample> = { name: 'a' };
  // @ts-expect-error null in an array that is never null
  const nullParts: RequestInputOf<typeof sample> = { name: 'a', parts: null };
  // @ts-expect-error a number for an int64
  const wrongType: RequestInputOf<typeof sample> = { name: 'a', parts: [], floor: 1 };
  assert.equal([complete, withoutParts, nullParts, wrongType].length, 4);
});
