import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaErrorName } from '../../../src/kafka/errors.ts';
import { isPartitionOpen } from '../../../src/send/transaction-state.ts';
import type {
  NextStep,
  TransactionApi,
  TransactionFault,
} from '../../../src/send/transaction-events.ts';
import {
  groupOf,
  offsetsOf,
  TransactionDriver,
  type RequestFault,
} from '../../support/transaction-driver.ts';

type Outcome = TransactionFault | 'pending' | undefined;

interface Refused {
  readonly driver: TransactionDriver;
  readonly outcome: Outcome;
}

/** Requests of a transaction, in the order in which they come; each for the versions that have it. */
const requests: Readonly<
  Record<string, { api: TransactionApi; versions: readonly number[]; run: typeof initialize }>
> = {
  'FindCoordinator of the transaction': {
    api: 'FindCoordinator',
    versions: [1, 2],
    run: initialize,
  },
  InitProducerId: { api: 'InitProducerId', versions: [1, 2], run: initialize },
  AddPartitionsToTxn: { api: 'AddPartitionsToTxn', versions: [1], run: write },
  AddOffsetsToTxn: { api: 'AddOffsetsToTxn', versions: [1], run: sendOffsets },
  'FindCoordinator of the group': { api: 'FindCoordinator', versions: [1, 2], run: sendOffsets },
  TxnOffsetCommit: { api: 'TxnOffsetCommit', versions: [1, 2], run: sendOffsets },
  EndTxn: { api: 'EndTxn', versions: [1, 2], run: commit },
};

function initialize(
  transactionVersion: number,
  api: TransactionApi,
  ...faults: RequestFault[]
): Refused {
  const driver = new TransactionDriver({ transactionVersion });
  driver.next(api, ...faults);
  return { driver, outcome: driver.call('initTransactions') };
}

function begun(transactionVersion: number): TransactionDriver {
  const driver = TransactionDriver.ready({ transactionVersion });
  assert.equal(driver.call('beginTransaction'), undefined);
  return driver;
}

function write(version: number, api: TransactionApi, ...faults: RequestFault[]): Refused {
  const driver = begun(version);
  driver.next(api, ...faults);
  driver.step({ type: 'partitionUsed', topic: 'logs', partition: 0 });
  driver.run();
  return { driver, outcome: driver.call('commitTransaction') };
}

function sendOffsets(version: number, api: TransactionApi, ...faults: RequestFault[]): Refused {
  const driver = begun(version);
  driver.next(api, ...faults);
  return { driver, outcome: driver.sendOffsets(groupOf('readers'), offsetsOf('input', 1n, 2n)) };
}

function commit(version: number, api: TransactionApi, ...faults: RequestFault[]): Refused {
  const driver = begun(version);
  driver.write('logs', 0);
  driver.next(api, ...faults);
  return { driver, outcome: driver.call('commitTransaction') };
}

/** Every request of the table in every version that has it. */
function each(of: readonly string[], use: (name: string, version: number) => void): void {
  for (const name of of) {
    for (const version of requests[name]?.versions ?? []) use(name, version);
  }
}

function refused(name: string, version: number, ...faults: RequestFault[]): Refused {
  const request = requests[name];
  assert.ok(request !== undefined);
  return request.run(version, request.api, ...faults);
}

function assertFault(outcome: Outcome, error: string, next: NextStep, where: string): void {
  assert.ok(typeof outcome === 'object', `${where}: ends with a fault`);
  assert.deepEqual([outcome.error, outcome.next], [error, next], where);
}

/** Nothing works any more, and every call says why. */
function assertEnded({ driver, outcome }: Refused, error: string, where: string): void {
  assertFault(outcome, error, 'close', where);
  assert.equal(driver.last('transactionsEnded')?.fault.error, error, where);
  for (const call of [
    'initTransactions',
    'beginTransaction',
    'commitTransaction',
    'abortTransaction',
  ] as const) {
    assertFault(driver.call(call), error, 'close', `${where}, then ${call}`);
  }
}

/** It cannot be committed; after an abort everything works again. */
function assertAbortable({ driver, outcome }: Refused, error: string, where: string): void {
  assertFault(outcome, error, 'abort', where);
  assertFault(driver.call('commitTransaction'), error, 'abort', where);
  assert.equal(driver.call('abortTransaction'), undefined, where);
  assert.equal(driver.call('beginTransaction'), undefined, where);
  driver.write('logs', 0);
  assert.equal(driver.call('commitTransaction'), undefined, where);
}

const all = Object.keys(requests);
const afterInit = all.slice(2);

test('errors of every request that may pass are tried again until they have passed', () => {
  const passing: KafkaErrorName[] = [
    'COORDINATOR_LOAD_IN_PROGRESS',
    'CONCURRENT_TRANSACTIONS',
    'REQUEST_TIMED_OUT',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'NETWORK_EXCEPTION',
  ];
  each(all, (name, version) => {
    for (const error of passing) {
      const { driver, outcome } = refused(name, version, error, error);
      assert.equal(outcome, undefined, `${name}: ${error}`);
      const api = requests[name]?.api ?? 'EndTxn';
      assert.ok(driver.count(api) >= 3, `${name}: ${error}`);
    }
  });
});

test('a coordinator that is another one, or gone, is looked up again, whatever was asked of it', () => {
  each(
    all.filter((name) => !name.startsWith('FindCoordinator')),
    (name, version) => {
      for (const error of ['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'] as const) {
        const before = refused(name, version).driver.count('FindCoordinator');
        const { driver, outcome } = refused(name, version, error);
        assert.equal(outcome, undefined, `${name}: ${error}`);
        assert.equal(driver.count('FindCoordinator'), before + 1, `${name}: ${error}`);
      }
    },
  );
  for (const name of all.filter((one) => one.startsWith('FindCoordinator'))) {
    assert.equal(refused(name, 2, 'COORDINATOR_NOT_AVAILABLE').outcome, undefined, name);
  }
});

test('fenced, in the words of old coordinators too, by whatever request: the end', () => {
  each(
    ['InitProducerId', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn'],
    (name, version) => {
      for (const error of ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'] as const) {
        assertEnded(refused(name, version, error), 'PRODUCER_FENCED', `${name}: ${error}`);
      }
    },
  );
});

test('no permission for the transactional id is the end, by whatever request but InitProducerId', () => {
  const error = 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED';
  each(
    [
      'FindCoordinator of the transaction',
      ...afterInit.filter((name) => name !== 'FindCoordinator of the group'),
    ],
    (name, version) => {
      assertEnded(refused(name, version, error), error, name);
    },
  );
  const { driver, outcome } = refused('InitProducerId', 2, error);
  assertFault(outcome, error, 'initialize', 'InitProducerId');
  assert.equal(driver.call('initTransactions'), undefined);
});

test('a transaction in another state than ours, or another producer id under our name, is the end', () => {
  for (const error of ['INVALID_TXN_STATE', 'INVALID_PRODUCER_ID_MAPPING'] as const) {
    each(['AddPartitionsToTxn', 'AddOffsetsToTxn', 'EndTxn'], (name, version) => {
      assertEnded(refused(name, version, error), error, name);
    });
  }
});

test('what a broker cannot do, or does not explain, is the end', () => {
  const ends: [string, KafkaErrorName][] = [
    ['FindCoordinator of the transaction', 'UNSUPPORTED_VERSION'],
    ['InitProducerId', 'UNSUPPORTED_VERSION'],
    ['TxnOffsetCommit', 'UNSUPPORTED_VERSION'],
    ['TxnOffsetCommit', 'UNSUPPORTED_FOR_MESSAGE_FORMAT'],
    ['AddOffsetsToTxn', 'UNKNOWN_SERVER_ERROR'],
  ];
  for (const [name, error] of ends) {
    each([name], (_, version) => {
      assertEnded(refused(name, version, error), error, `${name}: ${error}`);
    });
  }
});

test('what concerns a topic or a group can be aborted, and the next transaction works', () => {
  const aborts: [string, KafkaErrorName][] = [
    ['AddPartitionsToTxn', 'TOPIC_AUTHORIZATION_FAILED'],
    ['AddOffsetsToTxn', 'GROUP_AUTHORIZATION_FAILED'],
    ['FindCoordinator of the group', 'GROUP_AUTHORIZATION_FAILED'],
    ['TxnOffsetCommit', 'GROUP_AUTHORIZATION_FAILED'],
    ['TxnOffsetCommit', 'FENCED_INSTANCE_ID'],
    ['TxnOffsetCommit', 'UNKNOWN_MEMBER_ID'],
    ['TxnOffsetCommit', 'ILLEGAL_GENERATION'],
  ];
  for (const [name, error] of aborts) {
    each([name], (_, version) => {
      assertAbortable(refused(name, version, error), error, `${name}: ${error}`);
    });
  }
});

test('TRANSACTION_ABORTABLE can be aborted, by whatever request of a transaction', () => {
  each(afterInit, (name, version) => {
    const error = 'TRANSACTION_ABORTABLE';
    assertAbortable(refused(name, version, error), error, name);
  });
  const { driver, outcome } = refused('InitProducerId', 2, 'TRANSACTION_ABORTABLE');
  assertFault(outcome, 'TRANSACTION_ABORTABLE', 'initialize', 'InitProducerId');
  assert.equal(driver.call('initTransactions'), undefined);
});

test('a coordinator that has forgotten the producer: abort, and the next transaction has another epoch', () => {
  each(['AddPartitionsToTxn', 'AddOffsetsToTxn'], (name, version) => {
    const request = refused(name, version, 'UNKNOWN_PRODUCER_ID');
    const before = request.driver.state.producerEpoch;
    assertAbortable(request, 'UNKNOWN_PRODUCER_ID', name);
    assert.ok(request.driver.state.producerEpoch > before, name);
  });
});

/** How long the next request of that API waits after this answer to the one before. */
function waitAfter(driver: TransactionDriver, error: KafkaErrorName, partition: number): number {
  driver.next('AddPartitionsToTxn', error);
  const fromMs = driver.nowMs;
  driver.step({ type: 'partitionUsed', topic: 'logs', partition });
  driver.run();
  return driver.nowMs - fromMs;
}

test('version 1: only the first add of a transaction is hurried, and only behind one that is still ending', () => {
  assert.ok(waitAfter(begun(1), 'COORDINATOR_NOT_AVAILABLE', 0) >= 100);
  assert.ok(waitAfter(begun(1), 'COORDINATOR_LOAD_IN_PROGRESS', 0) >= 100);
  const driver = begun(1);
  driver.write('logs', 0);
  assert.ok(waitAfter(driver, 'CONCURRENT_TRANSACTIONS', 1) >= 100);
});

test('after a fault no partition may be written to, whether it was added, is being added or waits for that', () => {
  const at = { topic: 'logs', partition: 0 };
  for (const fatal of [false, true]) {
    for (const progress of ['waits', 'isBeingAdded', 'added'] as const) {
      const driver = begun(1);
      driver.step({ type: 'partitionUsed', ...at });
      if (progress === 'isBeingAdded') {
        driver.next('AddPartitionsToTxn', 'lostBefore');
        driver.sendNext();
      }
      if (progress === 'added') driver.run();
      assert.equal(isPartitionOpen(driver.state, at), progress === 'added');
      const failure = { error: 'INVALID_RECORD', message: 'a record was refused' };
      driver.step({ type: 'batchFailed', ...failure, sequenced: true, fatal });
      assert.equal(isPartitionOpen(driver.state, at), false, progress);
      driver.run();
      assert.equal(isPartitionOpen(driver.state, at), false, progress);
    }
  }
});

test('after a fault the coordinator is looked up all the same: the abort needs it', () => {
  for (const version of [1, 2]) {
    const driver = begun(version);
    driver.write('logs', 0);
    driver.fail({ sequenced: true });
    driver.coordinator.node = 2;
    assert.equal(driver.call('abortTransaction'), undefined);
    assert.equal(driver.state.coordinator, 2);
    assert.equal(driver.call('beginTransaction'), undefined);
  }
});

test('while an abort is under way a commit is refused, and changes nothing', () => {
  const driver = begun(2);
  driver.write('logs', 0);
  driver.openBatches = 1;
  const operation = driver.nextOperation();
  driver.start({ call: 'abortTransaction', operation });
  assertFault(driver.call('commitTransaction'), 'ILLEGAL_STATE', 'correctCall', 'commit');
  driver.openBatches = 0;
  driver.run();
  assert.equal(driver.outcomeOf(operation), undefined);
  assert.deepEqual(
    driver.coordinator.markers.map(({ committed }) => committed),
    [false],
  );
});

test('what holds a request up is remembered until one of its kind succeeds', () => {
  const setbacks: (string | undefined)[] = [];
  const driver = begun(2);
  driver.next('TxnOffsetCommit', 'NOT_COORDINATOR', 'lostBefore');
  const { fault } = driver;
  driver.fault = (request) => {
    const { setback } = driver.state;
    setbacks.push(setback && `${setback.api} ${setback.what}`);
    return fault(request);
  };
  driver.sendOffsets(groupOf('readers'), offsetsOf('input', 1n));
  const moved =
    'TxnOffsetCommit was last answered NOT_COORDINATOR for input-0: another broker is the coordinator';
  const lost = 'TxnOffsetCommit had no answer when it was last sent';
  // Each time the coordinator is looked for, then asked.
  assert.deepEqual(setbacks, [undefined, undefined, moved, moved, lost, lost]);
  assert.equal(driver.state.setback, undefined);
});
