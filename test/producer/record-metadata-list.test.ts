import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import type { RecordMetadata } from '../../src/index.ts';
import { RecordMetadataList } from '../../src/producer/record-metadata-list.ts';

function place(index: number): RecordMetadata {
  return {
    ...{ topic: 'logs', partition: 0, offset: BigInt(index), timestamp: 0 },
    ...{ serializedKeySize: -1, serializedValueSize: 1 },
  };
}

test('the places of a call are read as an array is', () => {
  const array = [0, 1, 2].map(place);
  const list = new RecordMetadataList(3, place);
  assert.equal(list.length, 3);
  for (const index of [0, 2, -1, -3, 1.5, -0.5, NaN, 3, -4, Infinity, -Infinity]) {
    assert.deepEqual(list.at(index), array.at(index), String(index));
  }
  assert.deepEqual([...list], array);
  const [first] = list;
  assert.deepEqual(first, array[0]);
  assert.deepEqual(
    list.map(({ offset }, index) => [offset, index]),
    array.map(({ offset }, index) => [offset, index]),
  );
  assert.equal(inspect(list), inspect(array));
});

test('no place is made that nobody asks for', () => {
  let made = 0;
  const list = new RecordMetadataList(1000, (index) => {
    made += 1;
    return place(index);
  });
  assert.equal(list.length, 1000);
  assert.equal(list.at(7)?.offset, 7n);
  assert.equal(made, 1);
});
