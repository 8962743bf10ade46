import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors, type KafkaErrorName } from '../../../src/kafka/errors.ts';
import { isMaybeAppended } from '../../../src/send/settle.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

const names = Object.keys(errors) as KafkaErrorName[];
const named = (...actions: string[]) =>
  names.filter((name) => actions.includes(errors[name].action));

test('every error that may pass is tried again, in order, until it has passed', () => {
  for (const error of named('retry', 'refresh', 'settle')) {
    const world = SimulatedWorld.warm({ nodes: 2 });
    let left = 3;
    world.faults.refusal = () => (left-- > 0 ? error : undefined);
    const batches = Array.from({ length: 6 }, () => world.send('logs', 0));
    world.settle();
    for (const batch of batches) assert.equal(world.outcome(batch).type, 'acked', error);
    world.verify();
  }
});

test('every error that may come after the append doubles nothing', () => {
  const afterAppend = named('retry', 'refresh', 'settle').filter((name) =>
    isMaybeAppended(errors[name]),
  );
  for (const error of [...afterAppend, ...named('duplicate')]) {
    const world = SimulatedWorld.warm();
    let left = 3;
    world.faults.afterAppend = () => (left-- > 0 ? error : undefined);
    for (let i = 0; i < 6; i++) world.send('logs', 0);
    world.settle();
    world.verify();
  }
});

test('every error that is final rejects that batch alone, and the later ones go on under a new epoch', () => {
  for (const error of named('fail')) {
    const world = SimulatedWorld.warm();
    world.faults.refusal = ({ records }) => (records.from === 20 ? error : undefined);
    const batches = Array.from({ length: 5 }, () => world.send('logs', 0));
    world.settle();
    assert.deepEqual(
      batches.map((batch) => world.outcome(batch).type),
      ['acked', 'rejected', 'acked', 'acked', 'acked'],
      error,
    );
    const epochs = world.cluster.partition('logs', 0).log.map(({ producerEpoch }) => producerEpoch);
    assert.deepEqual(epochs, [0, 0, 1, 1, 1]);
    assert.equal(world.said('settleStarted').length, 0, 'the gap is our own: nothing to find out');
    world.verify();
  }
});

test('every fatal error ends the sender loudly, and every batch with a clear outcome', () => {
  for (const error of named('fatal', 'abort')) {
    const world = SimulatedWorld.warm();
    world.faults.refusal = () => error;
    const batches = Array.from({ length: 4 }, () => world.send('logs', 0));
    world.settle();
    assert.equal(world.said('fatal').length, 1, error);
    for (const batch of batches) assert.equal(world.outcome(batch).type, 'abandoned');
    world.verify();
  }
});

test('a wrong checksum is tried again once; twice it is our own fault, and we stop', () => {
  for (const times of [1, 2]) {
    const world = SimulatedWorld.warm();
    let left = times;
    world.faults.refusal = () => (left-- > 0 ? 'CORRUPT_MESSAGE' : undefined);
    const batch = world.send('logs', 0);
    world.settle();
    assert.equal(world.outcome(batch).type, times === 1 ? 'acked' : 'abandoned');
  }
});

test('a batch that is too large is split, and its pieces keep its sequences, order and place', () => {
  const world = SimulatedWorld.warm();
  world.faults.refusal = ({ records }) => (records.count > 30 ? 'MESSAGE_TOO_LARGE' : undefined);
  const large = world.send('logs', 0, 100);
  const behind = world.send('logs', 0);
  world.settle();
  assert.equal(world.outcomes.has(large), false, 'the pieces have outcomes, not the whole');
  assert.equal(world.outcome(behind).type, 'acked');
  const log = world.cluster.partition('logs', 0).log;
  assert.deepEqual(
    log.map(({ baseSequence, records }) => [baseSequence, records.count]),
    [
      [0, 10],
      [10, 25],
      [35, 25],
      [60, 25],
      [85, 25],
      [110, 10],
    ],
  );
  world.verify();
});

test('a record that is too large by itself is rejected, and the next ones go on', () => {
  const world = SimulatedWorld.warm();
  world.faults.refusal = ({ records }) => (records.from === 12 ? 'MESSAGE_TOO_LARGE' : undefined);
  const [first, large, last] = [2, 1, 5].map((count) => world.send('logs', 0, count));
  world.settle();
  const types = [first, large, last].map((batch) => batch && world.outcome(batch).type);
  assert.deepEqual(types, ['acked', 'rejected', 'acked']);
  world.verify();
});

test('a flush waits for the pieces of a batch that was split', () => {
  const world = SimulatedWorld.warm();
  world.faults.refusal = ({ records }) => (records.count > 30 ? 'MESSAGE_TOO_LARGE' : undefined);
  world.send('logs', 0, 100);
  world.step({ type: 'flushRequested', flush: 4 });
  world.settle();
  const flushed = world.effects.findIndex(({ type }) => type === 'flushed');
  const lastOutcome = world.effects.findLastIndex(({ type }) => type === 'outcome');
  assert.deepEqual(world.flushed, [4]);
  assert.ok(flushed > lastOutcome);
});

test('a topic without permission is parked, said once, tried slowly, and goes on when it is granted', () => {
  const world = SimulatedWorld.warm({ config: { deliveryTimeoutMs: Infinity } });
  world.faults.refusal = () => 'TOPIC_AUTHORIZATION_FAILED';
  const before = world.produced().length;
  const batch = world.send('logs', 0);
  world.run(60_000);
  assert.ok(world.produced().length - before <= 8);
  assert.equal(world.said('partitionParked').length, 1);
  world.faults = {};
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  assert.equal(world.said('partitionResumed').length, 1);
  world.verify();
});

test('a rejection names the records that the broker names', () => {
  const world = SimulatedWorld.warm();
  world.faults.refusal = () => 'INVALID_RECORD';
  const batch = world.send('logs', 0);
  world.settle();
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'rejected');
  assert.equal(outcome.error, 'INVALID_RECORD');
  assert.equal(outcome.message, 'the broker refuses a record, or the form of the batch');
});

test('retries that are used up end a batch that is surely not written, and the next goes on', () => {
  const world = SimulatedWorld.warm({ config: { retries: 2 } });
  world.faults.refusal = ({ records }) => (records.from === 10 ? 'NOT_ENOUGH_REPLICAS' : undefined);
  const [first, second] = [world.send('logs', 0), world.send('logs', 0)];
  world.settle();
  const outcome = world.outcome(first);
  assert.deepEqual([outcome.type, outcome.written, first.attempts], ['failed', 'no', 3]);
  assert.equal(world.outcome(second).type, 'acked');
  world.verify();
});
