import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assertFault,
  groupOf,
  offsetsOf,
  TransactionDriver,
} from '../../support/transaction-driver.ts';

const versions = [1, 2];

for (const transactionVersion of versions) {
  const v = `transaction.version ${String(transactionVersion)}: `;

  test(`${v}a commit writes markers to every partition of the transaction, and the next one begins`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    for (let i = 0; i < 3; i++) {
      assert.equal(driver.call('beginTransaction'), undefined);
      driver.write('logs', 0);
      driver.write('logs', 1);
      assert.equal(driver.call('commitTransaction'), undefined);
    }
    assert.deepEqual(
      driver.coordinator.markers.map(({ partition, committed }) => [partition, committed]),
      Array.from({ length: 3 }, () => [
        [0, true],
        [1, true],
      ]).flat(),
    );
    assert.equal(driver.count('InitProducerId'), 1);
    assert.equal(driver.count('FindCoordinator'), 1);
  });

  test(`${v}an abort writes abort markers, and what was not sent is dropped`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    driver.write('logs', 0);
    assert.equal(driver.call('abortTransaction'), undefined);
    assert.deepEqual(
      driver.coordinator.markers.map(({ committed }) => committed),
      [false],
    );
    assert.equal(driver.last('batchesUnwanted')?.fault.error, 'TRANSACTION_ABORTED');
    assert.equal(driver.call('beginTransaction'), undefined);
  });

  test(`${v}a transaction in which nothing was written ends without a request`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    for (const end of ['commitTransaction', 'abortTransaction'] as const) {
      driver.call('beginTransaction');
      assert.equal(driver.call(end), undefined);
    }
    assert.equal(driver.count('EndTxn'), 0);
    assert.equal(driver.state.phase, 'ready');
  });

  test(`${v}EndTxn waits until no batch is open`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    driver.write('logs', 0);
    driver.openBatches = 1;
    assert.equal(driver.call('commitTransaction'), 'pending');
    assert.equal(driver.count('EndTxn'), 0);
    driver.openBatches = 0;
    driver.run();
    assert.equal(driver.count('EndTxn'), 1);
    assert.equal(driver.state.phase, 'ready');
  });

  test(`${v}offsets of a group count when the transaction commits, and only then`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    const { committedOffsets } = driver.coordinator;
    driver.call('beginTransaction');
    assert.equal(driver.sendOffsets(groupOf('readers'), offsetsOf('input', 5n, 7n)), undefined);
    assert.equal(committedOffsets.get('readers'), undefined);
    assert.equal(driver.call('abortTransaction'), undefined);
    assert.equal(committedOffsets.get('readers')?.size, 0);
    driver.call('beginTransaction');
    driver.sendOffsets(groupOf('readers'), offsetsOf('input', 5n, 7n));
    assert.equal(driver.call('commitTransaction'), undefined);
    const kept = [...(committedOffsets.get('readers') ?? [])];
    assert.deepEqual(kept, [
      ['input-0', 5n],
      ['input-1', 7n],
    ]);
  });

  test(`${v}no offsets are no request`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    assert.equal(driver.sendOffsets(groupOf('readers'), []), undefined);
    assert.equal(driver.count('TxnOffsetCommit'), 0);
    assert.equal(driver.call('commitTransaction'), undefined);
    assert.equal(driver.count('EndTxn'), 0);
  });

  test(`${v}offsets are sent again for those partitions only that were not taken`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    const { coordinator } = driver;
    const answer = coordinator.answer.bind(coordinator);
    let isFirst = true;
    coordinator.answer = (node, request) => {
      const said = answer(node, request);
      if (said.api !== 'TxnOffsetCommit' || !isFirst) return said;
      isFirst = false;
      const [taken, loading] = said.partitions;
      assert.ok(taken !== undefined && loading !== undefined);
      return { ...said, partitions: [taken, { ...loading, errorCode: 14 }] };
    };
    assert.equal(driver.sendOffsets(groupOf('readers'), offsetsOf('input', 5n, 7n)), undefined);
    const sent = driver.requests.flatMap((one) => (one.api === 'TxnOffsetCommit' ? [one] : []));
    assert.deepEqual(
      sent.map(({ offsets }) => offsets.map(({ partition }) => partition)),
      [[0, 1], [1]],
    );
  });

  test(`${v}a request is sent again to whoever coordinates now`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    driver.write('logs', 0);
    driver.coordinator.node = 2;
    assert.equal(driver.call('commitTransaction'), undefined);
    assert.equal(driver.state.coordinator, 2);
    assert.equal(driver.coordinator.stateOf('shop'), 'committed');
    assert.equal(driver.count('EndTxn'), 2);
  });

  test(`${v}lost before or after the coordinator got it: a request is repeated, and its work done once`, () => {
    for (const api of ['FindCoordinator', 'InitProducerId', 'EndTxn'] as const) {
      for (const lost of ['lostBefore', 'lostAfter'] as const) {
        const driver = new TransactionDriver({ transactionVersion });
        driver.next(api, lost, lost);
        assert.equal(driver.call('initTransactions'), undefined);
        driver.call('beginTransaction');
        driver.write('logs', 0);
        assert.equal(driver.call('commitTransaction'), undefined);
        assert.equal(driver.coordinator.markers.length, 1);
        const epoch = driver.coordinator.epochOf('shop');
        assert.equal(driver.state.producerEpoch, epoch);
        driver.call('beginTransaction');
        driver.write('logs', 0);
        assert.equal(driver.call('abortTransaction'), undefined);
      }
    }
  });

  test(`${v}a newer producer with the same id fences this one, which says so and ends`, () => {
    const old = TransactionDriver.ready({ transactionVersion });
    old.call('beginTransaction');
    old.write('logs', 0);
    TransactionDriver.ready({ coordinator: old.coordinator });
    assert.equal(old.coordinator.stateOf('shop'), 'aborted');
    assertFault(old.call('commitTransaction'), 'PRODUCER_FENCED', 'close');
    assert.equal(old.last('transactionsEnded')?.fault.error, 'PRODUCER_FENCED');
    for (const call of ['beginTransaction', 'abortTransaction', 'initTransactions'] as const) {
      assertFault(old.call(call), 'PRODUCER_FENCED', 'close');
    }
  });

  test(`${v}the open transaction of a producer that died is aborted before the next one begins`, () => {
    const dead = TransactionDriver.ready({ transactionVersion });
    dead.call('beginTransaction');
    dead.write('logs', 0);
    const next = TransactionDriver.ready({ coordinator: dead.coordinator });
    assert.deepEqual(
      next.coordinator.markers.map(({ committed }) => committed),
      [false],
    );
    next.call('beginTransaction');
    next.write('logs', 0);
    assert.equal(next.call('commitTransaction'), undefined);
  });

  test(`${v}a transaction that took longer than transaction.timeout.ms cannot be committed`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    driver.write('logs', 0);
    driver.coordinator.timeOut('shop');
    assertFault(driver.call('commitTransaction'), 'PRODUCER_FENCED', 'close');
    assert.deepEqual(
      driver.coordinator.markers.map(({ committed }) => committed),
      [false],
    );
  });

  test(`${v}a batch that failed: the commit is refused, an abort goes through, the next transaction has another epoch`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    driver.write('logs', 0);
    const before = driver.state.producerEpoch;
    driver.fail({ sequenced: true });
    assertFault(driver.call('commitTransaction'), 'INVALID_RECORD', 'abort');
    assertFault(driver.call('beginTransaction'), 'INVALID_RECORD', 'abort');
    assertFault(driver.sendOffsets(groupOf('g'), offsetsOf('in', 1n)), 'INVALID_RECORD', 'abort');
    assert.equal(driver.call('abortTransaction'), undefined);
    assert.equal(driver.state.producerEpoch, before + 1);
    assert.equal(driver.last('identityChanged')?.producerEpoch, before + 1);
    driver.call('beginTransaction');
    driver.write('logs', 0);
    assert.equal(driver.call('commitTransaction'), undefined);
  });

  test(`${v}a batch that fails while the commit waits for it fails the commit: EndTxn is never sent`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    driver.write('logs', 0);
    driver.openBatches = 1;
    const operation = driver.nextOperation();
    driver.start({ call: 'commitTransaction', operation });
    driver.run();
    driver.fail({ sequenced: true });
    driver.openBatches = 0;
    driver.run();
    assertFault(driver.outcomeOf(operation), 'INVALID_RECORD', 'abort');
    assert.equal(driver.count('EndTxn'), 0);
    assert.equal(driver.call('abortTransaction'), undefined);
    assert.deepEqual(
      driver.coordinator.markers.map(({ committed }) => committed),
      [false],
    );
  });

  test(`${v}what can never be mended ends the producer, not only the transaction`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    driver.fail({ sequenced: true, fatal: true });
    assertFault(driver.call('abortTransaction'), 'INVALID_RECORD', 'close');
    assert.equal(driver.state.phase, 'fatalError');
  });

  test(`${v}a consumer that was put out of its group cannot commit offsets; the transaction can be aborted`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.coordinator.fencedMembers.add('m1');
    driver.call('beginTransaction');
    const outcome = driver.sendOffsets(groupOf('readers', 'm1'), offsetsOf('input', 1n));
    assertFault(outcome, 'UNKNOWN_MEMBER_ID', 'abort');
    assert.equal(driver.call('abortTransaction'), undefined);
    driver.call('beginTransaction');
    const group = groupOf('readers', 'm2');
    assert.equal(driver.sendOffsets(group, offsetsOf('input', 1n)), undefined);
    assert.equal(driver.call('commitTransaction'), undefined);
  });

  test(`${v}the coordinator's last epoch: the next transaction has another producer id`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.coordinator.ageTo('shop', 32_766);
    driver.state.producerEpoch = 32_766;
    const before = driver.state.producerId;
    driver.call('beginTransaction');
    driver.write('logs', 0);
    driver.fail({ sequenced: true });
    assert.equal(driver.call('abortTransaction'), undefined);
    assert.notEqual(driver.state.producerId, before);
    assert.equal(driver.state.producerEpoch, 0);
    driver.call('beginTransaction');
    driver.write('logs', 0);
    assert.equal(driver.call('commitTransaction'), undefined);
  });

  test(`${v}an abort that is refused as abortable does not go round for ever`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    driver.write('logs', 0);
    driver.next('EndTxn', 'TRANSACTION_ABORTABLE');
    assertFault(driver.call('abortTransaction'), 'TRANSACTION_ABORTABLE', 'close');
  });

  test(`${v}a commit that is refused as abortable can be aborted`, () => {
    const driver = TransactionDriver.ready({ transactionVersion });
    driver.call('beginTransaction');
    driver.write('logs', 0);
    driver.next('EndTxn', 'TRANSACTION_ABORTABLE');
    assertFault(driver.call('commitTransaction'), 'TRANSACTION_ABORTABLE', 'abort');
    assert.equal(driver.call('abortTransaction'), undefined);
  });
}
