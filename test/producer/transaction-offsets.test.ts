import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IllegalArgumentError, InvalidTopicError } from '../../src/producer/errors.ts';
import { consumerGroup, offsetsToCommit } from '../../src/producer/transaction-offsets.ts';
import { thrown } from '../support/thrown.ts';

type Offsets = Parameters<typeof offsetsToCommit>[0];

function refusal(run: () => unknown): string {
  return thrown(IllegalArgumentError, run).message;
}

test('offsets that no message can hold are refused, each with its place', () => {
  const place = { topic: 'logs', partition: 3, offset: 7n };
  const wrong = (change: object): string =>
    refusal(() => offsetsToCommit([{ ...place, ...change }] as Offsets));
  for (const partition of [-1, 1.5, 2 ** 31, '3', null]) {
    assert.match(wrong({ partition }), /needs its topic and partition/);
  }
  for (const offset of [-1n, 2n ** 63n, 1.5, '7', null]) {
    assert.match(wrong({ offset }), /^offset of logs-3: /);
  }
  for (const leaderEpoch of [-2, 2 ** 31, 'x', null]) {
    assert.match(wrong({ leaderEpoch }), /^leaderEpoch of logs-3: /);
  }
  assert.match(wrong({ metadata: 5 }), /^metadata of logs-3: write text, or leave it out, not 5/);
  assert.match(
    refusal(() => offsetsToCommit([null] as unknown as Offsets)),
    /needs its topic/,
  );
  for (const topic of ['', 'a b', 'x'.repeat(250)]) {
    assert.throws(
      () => offsetsToCommit([{ ...place, topic }]),
      (error) =>
        error instanceof InvalidTopicError && error.topic === topic && error.fate === undefined,
    );
  }
  for (const none of [undefined, null, 5]) {
    const message = refusal(() => offsetsToCommit(none as unknown as Offsets));
    assert.match(message, /^offsets: write a list of them/);
  }
});

test('offsets at the borders are taken', () => {
  const offset = 2n ** 63n - 1n;
  const partition = 2 ** 31 - 1;
  const [taken] = offsetsToCommit([{ topic: 'logs', partition, offset, leaderEpoch: -1 }]);
  assert.deepEqual(taken, { topic: 'logs', partition, offset, leaderEpoch: -1, metadata: '' });
});

test('a group that no message can hold is refused', () => {
  const wrong = (change: object): string =>
    refusal(() => consumerGroup({ groupId: 'g', memberId: 'm', ...change }));
  for (const generationId of ['7', 1.5, null, 2 ** 31, -2]) {
    assert.match(wrong({ generationId }), /^generationId of group g: /);
  }
  assert.match(wrong({ memberId: 5 }), /^memberId of group g: /);
  assert.match(wrong({ groupInstanceId: 5 }), /^groupInstanceId of group g: /);
});
