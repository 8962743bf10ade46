import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Acked } from '../../src/ack/produce-outcome.ts';
import { IllegalArgumentError, InvalidTopicError, KafkaError } from '../../src/producer/errors.ts';
import {
  checkRecord,
  checkTopic,
  failedMetadata,
  headersOf,
  metadataOf,
  type HeadersInput,
  type ProducerRecord,
} from '../../src/producer/record.ts';
import { thrown } from '../support/thrown.ts';

/** As a caller without types sends it. */
function untyped(record: unknown): ProducerRecord {
  return record as ProducerRecord;
}

function refusal(call: () => void): IllegalArgumentError | InvalidTopicError {
  const error = thrown(KafkaError, call);
  assert.ok(error instanceof IllegalArgumentError || error instanceof InvalidTopicError);
  assert.equal(error.fate, 'notSent');
  return error;
}

test('a record that is in order is not refused', () => {
  checkRecord({ topic: 'a' });
  checkRecord({ topic: 'a', partition: 0, timestamp: 0, key: null, value: undefined });
  checkRecord({ topic: 'a', partition: 99_999, timestamp: Date.now(), key: 'k', value: 'v' });
  for (const name of ['a', 'A.b_c-9', '...', 'x'.repeat(249)]) checkTopic(name);
});

test('a topic name that Kafka does not allow is refused with what is wrong with it', () => {
  const message = (name: unknown): string => refusal(() => checkTopic(name)).message;
  const rule = 'Kafka allows 1 to 249 characters out of a-z A-Z 0-9 . _ -';
  assert.equal(message(''), `topic "": it is empty; ${rule}`);
  assert.equal(message('.'), `topic ".": . and .. are names of folders; ${rule}`);
  assert.equal(message('a b'), `topic "a b": it contains " "; ${rule}`);
  assert.equal(message('caf\u00e9'), `topic "caf\u00e9": it contains "\u00e9"; ${rule}`);
  assert.match(message('x'.repeat(250)), /it has 250 characters/);
  assert.equal(
    message(undefined),
    'topic: a record needs the name of its topic, as text; this one has undefined',
  );
  const error = refusal(() => checkTopic('a/b'));
  assert.ok(error instanceof InvalidTopicError);
  assert.equal(error.code, 17);
  assert.equal(error.topic, 'a/b');
});

test('partition and timestamp are whole numbers from 0, and the refusal names topic, value and fix', () => {
  const message = (record: object): string =>
    refusal(() => checkRecord(untyped({ topic: 'orders', ...record }))).message;
  assert.equal(
    message({ partition: -1 }),
    'partition of a record for orders is the number -1: write an integer from 0 to 2147483647, or leave it out',
  );
  for (const partition of [1.5, NaN, '0', 2n, {}, 2 ** 60]) {
    assert.match(message({ partition }), /^partition of a record for orders is /);
  }
  assert.equal(
    message({ timestamp: '1511641943' }),
    'timestamp of a record for orders is the text "1511641943": write whole milliseconds since 1970 as a number, or leave it out',
  );
  assert.match(message({ timestamp: new Date(0) }), /^timestamp .* an object of Date: /);
  assert.match(message({ timestamp: -5 }), /the number -5/);
});

test('what is no record at all is refused with what it is', () => {
  assert.match(refusal(() => checkRecord(untyped('text'))).message, /not the text "text"/);
  assert.match(refusal(() => checkRecord(untyped(null))).message, /not null/);
  assert.match(refusal(() => checkRecord(untyped(undefined))).message, /not undefined/);
});

test('headers may be pairs, a map or an object; they keep their order, and names may repeat', () => {
  const of = (headers: HeadersInput | undefined): unknown => headersOf({ topic: 'a', headers });
  const bytes = Buffer.from([1, 2]);
  assert.deepEqual(of(undefined), []);
  assert.deepEqual(
    of([
      ['b', bytes],
      ['a', 'text'],
      ['b', null],
    ]),
    [
      ...[
        ['b', bytes],
        ['a', 'text'],
        ['b', null],
      ],
    ],
  );
  assert.deepEqual(
    of(
      new Map([
        ['b', 'x'],
        ['a', 'y'],
      ]),
    ),
    [
      ['b', 'x'],
      ['a', 'y'],
    ],
  );
  assert.deepEqual(of({ b: ['1', null, bytes], a: 'y', none: [] }), [
    ...[
      ['b', '1'],
      ['b', null],
      ['b', bytes],
      ['a', 'y'],
    ],
  ]);
});

test('a header whose value is undefined has null for a value, in pairs, a map and an object', () => {
  const of = (headers: HeadersInput): unknown => headersOf({ topic: 'a', headers });
  assert.deepEqual(of([['b', undefined]]), [['b', null]]);
  assert.deepEqual(of(new Map([['b', undefined]])), [['b', null]]);
  assert.deepEqual(of({ b: undefined, a: ['x', undefined] }), [
    ...[
      ['b', null],
      ['a', 'x'],
      ['a', null],
    ],
  ]);
});

test('the headers of a record are a list of its own: what the caller does to his later changes nothing', () => {
  const given: [string, string][] = [['a', '1']];
  const headers = headersOf({ topic: 'a', headers: given });
  given.push(['b', '2']);
  (given[0] ?? ['', ''])[1] = 'changed';
  assert.deepEqual(headers, [['a', '1']]);
});

test('headers that are none are refused, with the header that is wrong', () => {
  const message = (headers: unknown): string =>
    refusal(() => headersOf(untyped({ topic: 'orders', headers }))).message;
  assert.match(message('text'), /^headers of a record for orders: .* not the text "text"$/);
  assert.match(message(['ab']), /each is a pair \[name, value\] .* not the text "ab"$/);
  assert.match(message([['a']]), /not an array$/);
  assert.match(message([[5, 'x']]), /not an array$/);
  assert.equal(
    message({ retries: 5 }),
    'header "retries" of a record for orders is the number 5: write bytes, text or null',
  );
  assert.match(message({ a: ['x', {}] }), /is an object of Object/);
});

const acked: Acked = {
  type: 'acked',
  written: 'yes',
  topic: 'orders',
  partition: 3,
  baseOffset: 9_007_199_254_740_993n,
  logAppendTimeMs: -1,
  duplicate: false,
};
const sent = { timestamp: 1_700_000_000_000, serializedKeySize: -1, serializedValueSize: 12 };

test('metadata counts offsets within the batch, exactly, and has the time of the record', () => {
  assert.deepEqual(metadataOf(acked, 7, sent), {
    ...{ topic: 'orders', partition: 3, offset: 9_007_199_254_741_000n },
    ...sent,
  });
});

test('on a LogAppendTime topic metadata has the time of the append', () => {
  assert.equal(metadataOf({ ...acked, logAppendTimeMs: 5 }, 0, sent).timestamp, 5);
  assert.equal(metadataOf({ ...acked, logAppendTimeMs: 0 }, 0, sent).timestamp, 0);
});

test('without an answer (acks=0) no record of the batch has an offset, and all else is there', () => {
  assert.deepEqual(metadataOf({ ...acked, baseOffset: -1n }, 7, sent), {
    ...{ topic: 'orders', partition: 3, offset: -1n },
    ...sent,
  });
});

test('the metadata of a failed record knows its topic and, if it had one, its partition', () => {
  const nothing = { offset: -1n, timestamp: -1, serializedKeySize: -1, serializedValueSize: -1 };
  assert.deepEqual(failedMetadata('orders'), { topic: 'orders', partition: -1, ...nothing });
  assert.deepEqual(failedMetadata('orders', 4), { topic: 'orders', partition: 4, ...nothing });
});
