import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorOf, errors } from '../../src/kafka/errors.ts';
import { projectRoot } from '../support/project.ts';

interface JavaError {
  readonly code: number;
  readonly name: string;
  readonly retriable: boolean;
  readonly refreshMetadata: boolean;
}

const golden = readFileSync(join(projectRoot, 'test/golden/errors.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as JavaError)
  .map(({ code, name, retriable, refreshMetadata }) => ({
    code,
    name,
    retriable,
    refreshMetadata,
  }));

test('the table has the codes, names and classes of the Java client, all of them and no more', () => {
  const ours = Object.values(errors)
    .map(({ code, name, retriable, refreshMetadata }) => ({
      code,
      name,
      retriable,
      refreshMetadata,
    }))
    .sort((a, b) => a.code - b.code);
  assert.deepEqual(ours, golden);
});

test('an unknown code is an unknown server error', () => {
  assert.equal(errorOf(9999), errors.UNKNOWN_SERVER_ERROR);
  assert.equal(errorOf(-2), errors.UNKNOWN_SERVER_ERROR);
  assert.equal(errorOf(6), errors.NOT_LEADER_OR_FOLLOWER);
});

test('whatever may have left a batch in the log never leads to a new identity or a rejection', () => {
  const careful = new Set(['retry', 'settle', 'duplicate']);
  for (const error of Object.values(errors)) {
    if (error.possiblyPersisted) assert.ok(careful.has(error.action), error.name);
  }
});

test('an error that the next attempt may clear is never the end of a batch', () => {
  const end = new Set(['fail', 'fatal', 'park', 'abort']);
  for (const error of Object.values(errors)) {
    if (error.retriable) assert.ok(!end.has(error.action), error.name);
  }
});

test('a lost sequence, a lost connection and a timeout are settled, never sent again blindly', () => {
  const {
    OUT_OF_ORDER_SEQUENCE_NUMBER,
    NETWORK_EXCEPTION,
    REQUEST_TIMED_OUT,
    UNKNOWN_PRODUCER_ID,
  } = errors;
  for (const error of [
    OUT_OF_ORDER_SEQUENCE_NUMBER,
    NETWORK_EXCEPTION,
    REQUEST_TIMED_OUT,
    UNKNOWN_PRODUCER_ID,
  ]) {
    assert.equal(error.action, 'settle', error.name);
  }
});
