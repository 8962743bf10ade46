import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IllegalArgumentError, KafkaError } from '../../src/producer/errors.ts';
import { murmur2 } from '../../src/producer/murmur2.ts';
import {
  createPartitioner,
  partitionForKey,
  type ChoosePartition,
  type Partitioner,
  type PartitionerInput,
} from '../../src/producer/partitioners.ts';
import { murmur2Vectors } from '../support/murmur2-vectors.ts';

const UNASSIGNED = -1;
const five = { count: 5, available: [0, 1, 2, 3, 4] };
const byKey = createPartitioner<string, string>({ ignoreKeys: false });

function own(partitioner: Partitioner<string, string>): ChoosePartition<string, string> {
  return createPartitioner({ partitioner, ignoreKeys: false });
}

test('murmur2 is that of the vectors of the Java client', () => {
  for (const [key, hash] of murmur2Vectors) assert.equal(murmur2(Buffer.from(key)), hash, key);
});

test('a key as text and as bytes goes to the same partition, which the topic has', () => {
  const anyKey = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ maxLength: 2000, size: 'max' }),
  );
  fc.assert(
    fc.property(anyKey, fc.integer({ min: 1, max: 100_000 }), (key, count) => {
      const partition = partitionForKey(key, count);
      assert.equal(partition, partitionForKey(Buffer.from(key), count));
      assert.ok(partition >= 0 && partition < count);
    }),
  );
});

test('the partition that a record names wins over key and partitioner', () => {
  const record = { topic: 'a', key: 'k', partition: 7 };
  const never = own(() => assert.fail('asked although the record names its partition'));
  const roundRobin = createPartitioner<string, string>({
    partitioner: 'roundRobin',
    ignoreKeys: false,
  });
  const ignoring = createPartitioner<string, string>({ ignoreKeys: true });
  for (const choose of [byKey, ignoring, roundRobin, never]) {
    assert.equal(choose(record, 'k', null, five), 7);
    assert.equal(choose({ ...record, partition: 0 }, 'k', null, five), 0);
  }
});

test('a key decides; without one, or with keys ignored, the choice is left to the sender', () => {
  const record = { topic: 'a', key: 'foobar' };
  assert.equal(byKey(record, 'foobar', null, five), (-790332482 & 0x7fffffff) % 5);
  assert.equal(byKey(record, Buffer.from('foobar'), null, five), (-790332482 & 0x7fffffff) % 5);
  assert.equal(byKey({ topic: 'a' }, null, 'v', five), UNASSIGNED);
  const ignoring = createPartitioner<string, string>({ ignoreKeys: true });
  assert.equal(ignoring(record, 'foobar', null, five), UNASSIGNED);
});

test('an empty key is a key', () => {
  assert.equal(byKey({ topic: 'a', key: '' }, '', null, five), partitionForKey(Buffer.alloc(0), 5));
  assert.notEqual(byKey({ topic: 'a', key: '' }, '', null, five), UNASSIGNED);
});

test('round robin takes the partitions in turn, each topic for itself, whatever the key', () => {
  const choose = createPartitioner<string, string>({
    partitioner: 'roundRobin',
    ignoreKeys: false,
  });
  const next = (topic: string, available = five.available): number =>
    choose({ topic, key: 'same' }, 'same', null, { count: 5, available });
  assert.deepEqual([next('a'), next('a'), next('b'), next('a'), next('b')], [0, 1, 0, 2, 1]);
  assert.deepEqual([next('a'), next('a'), next('a')], [3, 4, 0]);
});

test('round robin leaves out partitions without a leader, unless there are no others', () => {
  const choose = createPartitioner<string, string>({
    partitioner: 'roundRobin',
    ignoreKeys: false,
  });
  const next = (available: number[]): number =>
    choose({ topic: 'a' }, null, null, { count: 5, available });
  assert.deepEqual([next([1, 4]), next([1, 4]), next([1, 4])], [1, 4, 1]);
  assert.deepEqual([next([]), next([])], [3, 4]);
});

test('a partitioner of one own gets the record, its bytes and what is known of the topic', () => {
  let seen: PartitionerInput<string, string> | undefined;
  const choose = own((input) => {
    seen = input;
    return input.partitions.count - 1;
  });
  assert.equal(choose({ topic: 'a', key: 'k', value: 'v' }, 'K', Buffer.from('V'), five), 4);
  assert.deepEqual(seen, {
    ...{ topic: 'a', key: 'k', keyBytes: Buffer.from('K'), value: 'v' },
    ...{ valueBytes: Buffer.from('V'), partitions: five },
  });
  choose({ topic: 'a' }, null, null, five);
  assert.deepEqual(seen, {
    ...{ topic: 'a', key: null, keyBytes: null, value: null, valueBytes: null, partitions: five },
  });
});

test('a partitioner of one own that gives no partition, or throws, fails that record alone', () => {
  const record = { topic: 'a' };
  // The test runner takes a rejection that nobody handles for a failure of the test.
  const rejected = (): Promise<number> => Promise.reject(new Error('no table'));
  for (const wrong of [-1, 1.5, NaN, 2 ** 31, '1', undefined, Promise.resolve(1), rejected()]) {
    const choose = own(() => wrong as number);
    assert.throws(() => choose(record, null, null, five), {
      name: 'IllegalArgumentError',
      constructor: IllegalArgumentError,
      fate: 'notSent',
      message:
        /^the partitioner gave .* for a record for a: it must give an integer from 0 to 2147483647$/,
    });
  }
  const cause = new Error('no table');
  const throwing = own(() => {
    throw cause;
  });
  assert.throws(() => throwing(record, null, null, five), {
    constructor: KafkaError,
    message: 'the partitioner failed for a record for a: no table',
    cause,
  });
});
