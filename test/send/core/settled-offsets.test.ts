import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProducerBatch } from '../../../src/accumulate/producer-batch.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** Four batches that were all appended, with others' records between them, and whose answers were lost. */
function lost(options: { readonly others: boolean; readonly readable: boolean }): {
  world: SimulatedWorld;
  batches: ProducerBatch[];
} {
  const world = SimulatedWorld.warm({ config: { outcomesFor: 'caller' } });
  const partition = world.cluster.partition('logs', 0);
  const isProduce = (type: string): boolean => type === 'sendProduce';
  world.faults.request = ({ type }) => (isProduce(type) ? 'silent' : undefined);
  const batches: ProducerBatch[] = [];
  for (let i = 0; i < 4; i++) {
    batches.push(world.send('logs', 0));
    world.run(20);
    if (options.others) appendOther(world);
  }
  assert.equal(partition.log.length, options.others ? 9 : 5);
  world.faults = {
    request: ({ type }) =>
      type === 'readHeaders' && !options.readable
        ? { error: 'TOPIC_AUTHORIZATION_FAILED' }
        : undefined,
  };
  world.cutAll(false);
  world.settle();
  return { world, batches };
}

let nextOther = 1_000_000;

function appendOther(world: SimulatedWorld): void {
  const partition = world.cluster.partition('logs', 0);
  partition.append({
    baseOffset: partition.logEnd,
    ...{ producerId: 77n, producerEpoch: 0, baseSequence: -1 },
    records: { from: nextOther, count: 3 },
    ...{ appendedMs: world.nowMs, timestampMs: world.nowMs },
  });
  nextOther += 3;
  partition.replicate(partition.logEnd);
}

function offsets(world: SimulatedWorld, batches: readonly ProducerBatch[]): bigint[] {
  return batches.map((batch) => {
    const outcome = world.outcome(batch);
    assert.ok(outcome.type === 'acked' && outcome.duplicate, outcome.type);
    return outcome.baseOffset;
  });
}

test('batches that are found after a lost connection have their offsets, without reading where nobody else writes', () => {
  const { world, batches } = lost({ others: false, readable: true });
  assert.deepEqual(offsets(world, batches), [10n, 20n, 30n, 40n]);
  assert.equal(world.requests('readHeaders').length, 0);
});

test('with records of others between them the offsets are read from the headers of the log', () => {
  const { world, batches } = lost({ others: true, readable: true });
  assert.deepEqual(offsets(world, batches), [10n, 23n, 36n, 49n]);
  assert.ok(world.requests('readHeaders').length > 0);
});

test('without permission to read none has an offset: they are in, and nobody says where', () => {
  const { world, batches } = lost({ others: true, readable: false });
  assert.deepEqual(offsets(world, batches), [-1n, -1n, -1n, -1n]);
});

test('acknowledgements after a lost connection come in the order of the batches', () => {
  const { world, batches } = lost({ others: true, readable: true });
  const told = [...world.outcomes.keys()].filter((batch) => batches.includes(batch as never));
  assert.deepEqual(told, batches);
});
