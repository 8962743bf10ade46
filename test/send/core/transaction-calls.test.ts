import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assertFault,
  groupOf,
  offsetsOf,
  TransactionDriver,
} from '../../support/transaction-driver.ts';

test('a call out of turn is refused, says what to do, and changes nothing', () => {
  const driver = new TransactionDriver();
  const { state } = driver;
  const refused = (call: Parameters<TransactionDriver['call']>[0]): void => {
    const { phase } = state;
    assertFault(driver.call(call), 'ILLEGAL_STATE', 'correctCall');
    assert.equal(state.phase, phase);
  };
  for (const call of ['beginTransaction', 'commitTransaction', 'abortTransaction'] as const) {
    refused(call);
  }
  driver.call('initTransactions');
  for (const call of ['initTransactions', 'commitTransaction', 'abortTransaction'] as const) {
    refused(call);
  }
  assertFault(driver.sendOffsets(groupOf('g'), offsetsOf('t', 1n)), 'ILLEGAL_STATE', 'correctCall');
  driver.call('beginTransaction');
  for (const call of ['initTransactions', 'beginTransaction'] as const) refused(call);
  assert.equal(driver.call('commitTransaction'), undefined);
});

test('a call that is made again while it is under way joins it; another one is refused', () => {
  const driver = TransactionDriver.ready();
  driver.call('beginTransaction');
  driver.write('logs', 0);
  driver.openBatches = 1;
  const operations = [driver.nextOperation(), driver.nextOperation()];
  for (const operation of operations) driver.start({ call: 'commitTransaction', operation });
  assertFault(driver.call('abortTransaction'), 'ILLEGAL_STATE', 'correctCall');
  driver.openBatches = 0;
  driver.run();
  for (const operation of operations) assert.equal(driver.outcomeOf(operation), undefined);
  assert.equal(driver.count('EndTxn'), 1);
});

test('no permission for the transactional id: initialize again when there is', () => {
  const driver = new TransactionDriver();
  driver.next('InitProducerId', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
  const outcome = driver.call('initTransactions');
  assertFault(outcome, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'initialize');
  assert.equal(driver.call('initTransactions'), undefined);
});

test('transaction.timeout.ms above what the broker allows ends the producer', () => {
  const driver = new TransactionDriver();
  driver.next('InitProducerId', 'INVALID_TRANSACTION_TIMEOUT');
  assertFault(driver.call('initTransactions'), 'INVALID_TRANSACTION_TIMEOUT', 'close');
});

test('retries wait longer each time, up to retry.backoff.max.ms', () => {
  const driver = new TransactionDriver();
  driver.next(
    'InitProducerId',
    ...Array.from({ length: 6 }, () => 'COORDINATOR_LOAD_IN_PROGRESS' as const),
  );
  assert.equal(driver.call('initTransactions'), undefined);
  // 100 + 200 + 400 + 800 + 1000 + 1000 ms, and one for each request.
  assert.ok(driver.nowMs >= 3500 && driver.nowMs < 3520, `${String(driver.nowMs)} ms`);
});
