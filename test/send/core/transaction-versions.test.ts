import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPartitionOpen } from '../../../src/send/transaction-state.ts';
import { SimulatedCoordinator } from '../../support/simulated-coordinator.ts';
import {
  assertFault,
  groupOf,
  offsetsOf,
  TransactionDriver,
} from '../../support/transaction-driver.ts';

test('version 1: a partition is added before the first batch, once, and in one request with its fellows', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 1 });
  driver.call('beginTransaction');
  for (const partition of [0, 1, 0]) driver.step({ type: 'partitionUsed', topic: 't', partition });
  assert.ok(!isPartitionOpen(driver.state, { topic: 't', partition: 0 }));
  driver.run();
  assert.ok(isPartitionOpen(driver.state, { topic: 't', partition: 0 }));
  driver.write('t', 0);
  assert.equal(driver.count('AddPartitionsToTxn'), 1);
  assert.equal(driver.last('partitionsAdded')?.partitions.length, 2);
  driver.call('commitTransaction');
  assert.ok(!isPartitionOpen(driver.state, { topic: 't', partition: 0 }));
});

test('version 1: the epoch stays from one transaction to the next', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 1 });
  for (let i = 0; i < 3; i++) {
    driver.call('beginTransaction');
    driver.write('logs', 0);
    driver.call('commitTransaction');
  }
  assert.equal(driver.state.producerEpoch, 0);
});

test('version 1: the previous transaction is still ending: the first partition is tried again after 20 ms', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 1 });
  driver.call('beginTransaction');
  driver.next('AddPartitionsToTxn', 'CONCURRENT_TRANSACTIONS');
  const fromMs = driver.nowMs;
  driver.write('logs', 0);
  assert.ok(driver.nowMs - fromMs < 30, `after ${String(driver.nowMs - fromMs)} ms`);
});

for (const transactionVersion of [1, 2]) {
  test(`version ${String(transactionVersion)}: the previous transaction is still ending: the first offsets are tried again after 20 ms`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    const api = transactionVersion === 1 ? 'AddOffsetsToTxn' : 'TxnOffsetCommit';
    driver.next(api, 'CONCURRENT_TRANSACTIONS', 'CONCURRENT_TRANSACTIONS');
    const fromMs = driver.nowMs;
    assert.equal(driver.sendOffsets(groupOf('readers'), offsetsOf('input', 1n)), undefined);
    assert.equal(driver.count(api), 3);
    assert.ok(driver.nowMs - fromMs < 60, `after ${String(driver.nowMs - fromMs)} ms`);
    driver.call('commitTransaction');
    driver.call('beginTransaction');
    driver.next(api, ...Array<'CONCURRENT_TRANSACTIONS'>(15).fill('CONCURRENT_TRANSACTIONS'));
    const laterMs = driver.nowMs;
    driver.sendOffsets(groupOf('readers'), offsetsOf('input', 2n));
    assert.ok(driver.nowMs - laterMs > 2000, 'not for ever so fast');
  });
}

test('version 1: a topic without permission, and partitions held back for it: abort', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 1 });
  driver.call('beginTransaction');
  const answer = {
    api: 'AddPartitionsToTxn' as const,
    partitions: [
      { topic: 'mine', partition: 0, errorCode: 55 },
      { topic: 'secret', partition: 0, errorCode: 29 },
    ],
  };
  for (const { topic, partition } of answer.partitions) {
    driver.step({ type: 'partitionUsed', topic, partition });
  }
  driver.coordinator.answer = () => answer;
  driver.run();
  assertFault(driver.call('commitTransaction'), 'TOPIC_AUTHORIZATION_FAILED', 'abort');
});

test('version 1: partitions that were perhaps added are aborted, and it is no fault if they were not', () => {
  for (const lost of ['lostBefore', 'lostAfter'] as const) {
    const driver = TransactionDriver.ready({ transactionVersion: 1 });
    driver.call('beginTransaction');
    driver.step({ type: 'partitionUsed', topic: 'logs', partition: 0 });
    driver.next('AddPartitionsToTxn', lost);
    driver.sendNext();
    assert.equal(driver.call('abortTransaction'), undefined, lost);
    assert.equal(driver.count('EndTxn'), 1);
    assert.notEqual(driver.coordinator.stateOf('shop'), 'ongoing');
    driver.call('beginTransaction');
    driver.write('logs', 0);
    assert.equal(driver.call('commitTransaction'), undefined);
  }
});

test('version 1: a coordinator before Kafka 2.5 cannot raise the epoch: a gap in the sequences is the end', () => {
  const coordinator = new SimulatedCoordinator({ transactionVersion: 0 });
  coordinator.raisesEpoch = false;
  const driver = TransactionDriver.ready({ coordinator });
  driver.call('beginTransaction');
  driver.write('logs', 0);
  driver.fail({ sequenced: false });
  assert.equal(driver.call('abortTransaction'), undefined);
  driver.call('beginTransaction');
  driver.fail({ sequenced: true });
  assertFault(driver.call('abortTransaction'), 'INVALID_RECORD', 'close');
});

test('version 1: a lost request that arrives late cannot end or extend the next transaction (KAFKA-17754)', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 1 });
  driver.call('beginTransaction');
  driver.write('logs', 0);
  driver.next('EndTxn', 'lostAfter');
  assert.equal(driver.call('abortTransaction'), undefined);
  const late = driver.requests.find(({ api }) => api === 'EndTxn');
  assert.ok(late !== undefined);
  driver.call('beginTransaction');
  driver.write('logs', 0);
  const answer = driver.coordinator.answer(driver.coordinator.node, late);
  assert.ok('errorCode' in answer && answer.errorCode !== 0);
  assert.equal(driver.coordinator.stateOf('shop'), 'ongoing');
  assert.equal(driver.call('commitTransaction'), undefined);
});

test('version 1: a commit that went through succeeds, even when the epoch cannot be raised behind it', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 1 });
  driver.call('beginTransaction');
  driver.write('logs', 0);
  const faults = new Map([
    ['EndTxn', 'lostAfter' as const],
    ['InitProducerId', 'PRODUCER_FENCED' as const],
  ]);
  driver.fault = ({ api }) => {
    const fault = faults.get(api);
    faults.delete(api);
    return fault;
  };
  assert.equal(driver.call('commitTransaction'), undefined);
  assertFault(driver.call('beginTransaction'), 'PRODUCER_FENCED', 'close');
});

test('fenced after a commit without an answer: the fault says that its outcome is not known', () => {
  const driver = TransactionDriver.ready();
  driver.call('beginTransaction');
  driver.write('logs', 0);
  driver.next('EndTxn', 'lostBefore', 'PRODUCER_FENCED');
  const fault = driver.call('commitTransaction');
  assertFault(fault, 'PRODUCER_FENCED', 'close');
  assert.ok(typeof fault === 'object' && /not known/.test(fault.message));
});

test('version 2: nothing is added beforehand, and each end brings another epoch', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 2 });
  for (let i = 0; i < 3; i++) {
    driver.call('beginTransaction');
    driver.write('logs', 0);
    driver.sendOffsets(groupOf('readers'), offsetsOf('input', 1n));
    driver.call(i === 1 ? 'abortTransaction' : 'commitTransaction');
    assert.equal(driver.state.producerEpoch, i + 1);
    assert.equal(driver.last('identityChanged')?.producerEpoch, i + 1);
  }
  assert.equal(driver.count('AddPartitionsToTxn'), 0);
  assert.equal(driver.count('AddOffsetsToTxn'), 0);
});

test('version 2: when all that was written failed, the abort is sent all the same: the brokers may have added partitions', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 2 });
  driver.call('beginTransaction');
  driver.step({ type: 'partitionUsed', topic: 'logs', partition: 0 });
  driver.fail({ sequenced: true });
  assert.equal(driver.call('abortTransaction'), undefined);
  assert.equal(driver.count('EndTxn'), 1);
  assert.equal(driver.count('InitProducerId'), 1);
});

test('a cluster that is raised to version 2: the open transaction ends as it began, then the epoch is raised once', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 1 });
  driver.call('beginTransaction');
  driver.write('logs', 0);
  driver.coordinator.transactionVersion = 2;
  driver.learn();
  assert.equal(driver.call('commitTransaction'), undefined);
  assert.equal(driver.state.producerEpoch, 1);
  assert.equal(driver.count('InitProducerId'), 2);
  driver.call('beginTransaction');
  driver.write('logs', 0);
  assert.equal(driver.call('commitTransaction'), undefined);
  assert.equal(driver.count('InitProducerId'), 2);
  assert.equal(driver.count('AddPartitionsToTxn'), 1);
  const ends = driver.requests.flatMap((one) => (one.api === 'EndTxn' ? one.v2 : []));
  assert.deepEqual(ends, [false, true]);
});

test('an older answer about features does not take back a newer one', () => {
  const driver = TransactionDriver.ready({ transactionVersion: 2 });
  driver.step({ type: 'featuresLearned', epoch: -1n, transactionVersion: 0 });
  assert.equal(driver.state.transactionVersion, 2);
});
