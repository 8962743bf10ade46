import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProducerBatch } from '../../../src/accumulate/producer-batch.ts';
import type { SenderConfig } from '../../../src/send/sender-config.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

function told(world: SimulatedWorld, since: number): ProducerBatch[] {
  return [...world.outcomes.keys()].slice(since);
}

/** Of three batches in flight the first was written, and its answer says that nobody knows; the others are acknowledged. */
function firstUnsure(config: Partial<SenderConfig>): {
  readonly world: SimulatedWorld;
  readonly batches: readonly ProducerBatch[];
  readonly since: number;
} {
  const world = SimulatedWorld.warm({ config });
  const since = world.outcomes.size;
  let answers = 0;
  world.faults = {
    request: ({ type }) => (type === 'sendProduce' ? { delayMs: 20 } : undefined),
    afterAppend: () => (answers++ === 0 ? 'REQUEST_TIMED_OUT' : undefined),
  };
  const batches = [0, 1, 2].map(() => world.send('logs', 0));
  return { world, batches, since };
}

test('what is known of a batch is kept from its caller until all is told of those before it', () => {
  const { world, batches, since } = firstUnsure({ outcomesFor: 'caller' });
  assert.ok(world.run(1000, () => world.state.keptOutcomes.length === 2));
  assert.deepEqual(told(world, since), []);
  assert.equal(world.state.incomplete, 3, 'a flush waits for what is kept');
  world.settle();
  assert.deepEqual(told(world, since), batches);
  assert.equal(world.state.keptOutcomes.length, 0);
  world.verify();
});

test('a source is told as soon as something is known: it puts its own in order', () => {
  const { world, batches, since } = firstUnsure({ outcomesFor: 'source' });
  world.settle();
  const [first, second, third] = batches;
  assert.deepEqual(told(world, since), [second, third, first]);
});

test('records without a place do not wait for those with one', () => {
  const world = SimulatedWorld.warm({ config: { outcomesFor: 'caller' } });
  const since = world.outcomes.size;
  let answers = 0;
  world.faults.afterAppend = () => (answers++ === 0 ? 'REQUEST_TIMED_OUT' : undefined);
  const placed = world.send('logs', 0);
  const keyless = world.send('logs', undefined);
  world.settle();
  assert.equal(keyless.partition, placed.partition);
  assert.deepEqual(told(world, since), [keyless, placed]);
});

test('pieces of pieces are told of in the order of their records, and what is behind them after the last', () => {
  const world = SimulatedWorld.warm({ config: { outcomesFor: 'caller' } });
  const since = world.outcomes.size;
  world.faults.refusal = ({ records: { count } }) =>
    count > 13 && count !== 20 ? 'MESSAGE_TOO_LARGE' : undefined;
  world.send('logs', 0, 100);
  const behind = world.send('logs', 0, 20);
  world.settle();
  const pieces = told(world, since);
  assert.ok(pieces.length > 8, `${pieces.length} pieces`);
  assert.equal(pieces.at(-1), behind);
  const firsts = pieces.slice(0, -1).map(({ firstRecord }) => firstRecord);
  assert.deepEqual(
    firsts,
    firsts.toSorted((a, b) => a - b),
  );
  world.verify();
});

test('at delivery.timeout.ms all of a partition are told of, in their order', () => {
  const world = SimulatedWorld.warm({
    config: { outcomesFor: 'caller', deliveryTimeoutMs: 3000, requestTimeoutMs: 60_000 },
  });
  const since = world.outcomes.size;
  const sentMs = world.nowMs;
  let requests = 0;
  world.faults.request = ({ type }) =>
    type === 'sendProduce' && requests++ === 0 ? 'silent' : undefined;
  const batches = [0, 1, 2].map(() => world.send('logs', 0));
  world.run(sentMs + 3060 - world.nowMs);
  assert.deepEqual(told(world, since), batches);
  assert.equal(world.outcome(batches[0] ?? assert.fail()).written, 'perhaps');
});
