import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { FailedOutcome } from '../../src/producer/outcome-error.ts';
import { errors, type KafkaErrorName } from '../../src/kafka/errors.ts';
import * as classes from '../../src/producer/errors.ts';
import { errorOf, hasRecordFaults, kafkaError } from '../../src/producer/outcome-error.ts';
import { projectRoot } from '../support/project.ts';

const { errorClasses, KafkaError } = classes;
type AnyError = InstanceType<typeof KafkaError>;

/** Java's class of each error: `RecordTooLargeException`. */
const golden = readFileSync(join(projectRoot, 'test/golden/errors.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as { name: KafkaErrorName; exception: string });

const at = { topic: 'orders', partition: 2 } as const;
const rejected = (error: string, more: Partial<FailedOutcome> = {}): FailedOutcome =>
  ({
    ...at,
    ...{ type: 'rejected', written: 'no', error, message: 'why', recordFaults: [] },
    ...more,
  }) as FailedOutcome;

test('every class of an error of Kafka has the name of the Java exception, its code, and whether to try again', () => {
  let own = 0;
  for (const { name, exception } of golden) {
    const error = kafkaError(name, 'why');
    assert.equal(error.code, errors[name].code, name);
    assert.equal(error.retriable, errors[name].retriable, name);
    assert.equal(error.kafkaName, name);
    if (error.constructor === KafkaError) continue;
    assert.equal(error.name, `${exception.replace(/Exception$/, '')}Error`);
    own += 1;
  }
  assert.ok(own > 60, String(own));
});

test('every error that ends a record for good has a class of its own', () => {
  const end = new Set([
    'fail',
    'fatal',
    'park',
    'abort',
    'split',
    'settle',
    'refresh',
    'duplicate',
  ]);
  for (const { name, action } of Object.values(errors)) {
    if (end.has(action)) assert.notEqual(kafkaError(name, '').constructor, KafkaError, name);
  }
});

test('every class is in the list, an Error, and says its own name in stack and inspection', () => {
  const exported = Object.entries(classes).filter(([, value]) => typeof value === 'function');
  assert.deepEqual(exported.map(([name]) => name).sort(), Object.keys(errorClasses).sort());
  for (const [name, Class] of Object.entries(errorClasses)) {
    const error = new Class('what and why', { topic: 'orders' });
    assert.ok(error instanceof KafkaError && error instanceof Error, name);
    assert.equal(error.name, name);
    assert.equal(Class.name, name);
    assert.match(error.stack ?? '', new RegExp(`^${name}: what and why\n`));
    assert.match(inspect(error), new RegExp(`^${name}: what and why\n`));
  }
});

test('a full buffer is a timeout, and the four refusals of permission are one kind, as in Java', () => {
  assert.ok(new classes.BufferExhaustedError('') instanceof classes.TimeoutError);
  const refusals = Object.values(errors).filter(({ name }) =>
    /^(TOPIC|GROUP|CLUSTER|TRANSACTIONAL_ID)_AUTHORIZATION_FAILED$/.test(name),
  );
  assert.equal(refusals.length, 4);
  for (const { name, code } of refusals) {
    const error = kafkaError(name, '');
    assert.ok(error instanceof classes.AuthorizationError, name);
    assert.equal(error.code, code);
  }
});

test('an error says what happened to its record, where, and why', () => {
  const failed = (written: 'no' | 'perhaps'): FailedOutcome => ({
    ...at,
    ...{ type: 'failed', written, error: 'NOT_ENOUGH_REPLICAS', message: 'too few replicas' },
  });
  const told = (outcome: FailedOutcome): unknown[] => {
    const error: AnyError = errorOf(outcome, outcome.topic, outcome.partition);
    return [error.name, error.code, error.retriable, error.topic, error.partition, error.fate];
  };
  assert.deepEqual(told(failed('no')), [
    'NotEnoughReplicasError',
    19,
    true,
    'orders',
    2,
    'notSent',
  ]);
  assert.deepEqual(told(failed('perhaps')).at(-1), 'possiblyWritten');
  assert.deepEqual(
    told({ ...at, type: 'expired', written: 'no', waitedMs: 5, message: 'no leader' }),
    ['TimeoutError', 7, true, 'orders', 2, 'notSent'],
  );
  const abandoned = { ...at, type: 'abandoned', written: 'perhaps', message: 'closed' } as const;
  assert.deepEqual(told({ ...abandoned, error: undefined }), [
    ...['KafkaError', undefined, false, 'orders', 2, 'possiblyWritten'],
  ]);
  assert.deepEqual(told({ ...abandoned, error: 'UNSUPPORTED_VERSION' }), [
    ...['UnsupportedVersionError', 35, false, 'orders', 2, 'possiblyWritten'],
  ]);
  assert.deepEqual(told(rejected('MESSAGE_TOO_LARGE')), [
    ...['RecordTooLargeError', 10, false, 'orders', 2, 'notSent'],
  ]);
  assert.equal(errorOf(rejected('INVALID_RECORD'), 'orders', 2).message, 'orders-2: why');
  assert.equal(errorOf(rejected('INVALID_RECORD'), 'orders', -1).message, 'orders: why');
});

test('a name that Kafka does not have is an unknown server error, also when objects have it', () => {
  assert.equal(errorOf(rejected('NO_SUCH_ERROR'), 'orders', 2).name, 'UnknownServerError');
  assert.equal(errorOf(rejected('constructor'), 'orders', 2).name, 'UnknownServerError');
});

test('of a batch with bad records each record learns whether it was one of them', () => {
  const outcome = rejected('INVALID_RECORD', {
    recordFaults: [
      { index: 1, message: 'no key' },
      { index: 4, message: '' },
    ],
  });
  const told = (index: number): unknown[] => {
    const { name, code, fate, message } = errorOf(outcome, 'orders', 2, index);
    return [name, code, fate, message];
  };
  assert.ok(hasRecordFaults(outcome));
  const invalid = ['InvalidRecordError', errors.INVALID_RECORD.code, 'notSent'];
  assert.deepEqual(told(1), [...invalid, 'orders-2: the broker refuses this record: no key']);
  assert.deepEqual(told(4), [...invalid, 'orders-2: the broker refuses this record: why']);
  assert.deepEqual(told(0).slice(0, 3), ['KafkaError', undefined, 'notSent']);
  assert.match(String(told(0)[3]), /^orders-2: not written, because .* 2 other records/);
  assert.ok(!hasRecordFaults(rejected('INVALID_RECORD')));
});

test('the cause of an error is kept, and only there when there is one', () => {
  const cause = new Error('inner');
  assert.equal(new classes.SerializationError('', { cause }).cause, cause);
  assert.ok(!Object.hasOwn(new classes.SerializationError(''), 'cause'));
});
