import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TransactionFault } from '../../../src/send/transaction-events.ts';
import { isPartitionOpen } from '../../../src/send/transaction-state.ts';
import { SimulatedCoordinator } from '../../support/simulated-coordinator.ts';
import { groupOf, offsetsOf, TransactionDriver } from '../../support/transaction-driver.ts';

type Outcome = TransactionFault | 'pending' | undefined;

function assertFault(outcome: Outcome, error: string, next: TransactionFault['next']): void {
  assert.ok(typeof outcome === 'object', `a fault, not ${String(outcome)}`);
  assert.deepEqual([outcome.error, outcome.next], [error, next], outcome.message);
}

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
