/** The judge of the scenarios notices what it is there for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Producer } from '../../src/index.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { nothingWrong, SentRecords, type StoredRecord } from '../support/sent-records.ts';

test('records that are lost, doubled, reordered, misplaced or denied are found by their number', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrap, workers: 1 });
  const sent = new SentRecords(producer, cluster.bootstrap, 'logs');
  sent.send(4, () => ({ partition: 0, key: 'k' }));
  await producer.flush();
  await producer.close();
  sent.send(1, () => ({ partition: 0, key: 'k' }));
  const at = (offset: number, number = offset): StoredRecord => ({
    ...{ partition: 0, offset, key: 'k', number },
  });
  const inLog = [0, 1, 2, 3].map((offset) => at(offset));
  assert.deepEqual(sent.judge(inLog), nothingWrong);
  assert.equal(sent.error(4).fate, 'notSent');
  const cases: [StoredRecord[], Partial<typeof nothingWrong>][] = [
    [inLog.slice(0, 3), { lost: [3] }],
    [[...inLog, at(4, 3)], { doubled: [3], reordered: [3] }],
    [[at(0), at(1, 2), at(2, 1), at(3)], { reordered: [1], misplaced: [1, 2] }],
    [[...inLog, at(4)], { denied: [4] }],
  ];
  for (const [stored, wrong] of cases) {
    assert.deepEqual(sent.judge(stored), { ...nothingWrong, ...wrong });
  }
  sent.ends.delete(2);
  assert.deepEqual(sent.judge(inLog).silent, [2]);
});
