import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turn, TurnOrder } from '../../../src/send/turn-order.ts';
import { Bug } from '../../../src/shared/assert.ts';
import { chanceOf } from '../../support/seeded-random.ts';

class Thing {
  readonly turn = new Turn<Thing>();
}

test('it holds what a Set would hold, in its order, also while it is gone through', () => {
  const { random, pick } = chanceOf(7);
  const things = Array.from({ length: 12 }, () => new Thing());
  const order = new TurnOrder<Thing>();
  const oracle = new Set<Thing>();
  const add = (thing: Thing): void => {
    order.add(thing);
    oracle.add(thing);
  };
  const remove = (thing: Thing): void => {
    order.delete(thing);
    oracle.delete(thing);
  };
  let longest = 0;
  for (let round = 0; round < 20_000; round += 1) {
    pick([add, remove])(pick(things));
    if (random() < 0.01) {
      assert.deepEqual(listOf(order), [...oracle]);
      order.clear();
      oracle.clear();
    }
    const steps = oracle.values();
    let added = 0;
    let next: Thing | undefined;
    for (let thing = order.first; thing !== undefined; thing = next) {
      assert.equal(steps.next().value, thing, 'one after the other, as a Set');
      if (added < 3 && random() < 0.05) {
        added += 1;
        add(pick(things));
      }
      next = order.after(thing);
      if (random() < 0.1) remove(thing);
    }
    assert.equal(steps.next().done, true, 'to the end');
    assert.equal(order.size, oracle.size);
    assert.deepEqual([...oracle], listOf(order));
    longest = Math.max(longest, oracle.size);
  }
  assert.ok(longest > 6, 'it was long');
});

function listOf(order: TurnOrder<Thing>): Thing[] {
  const list: Thing[] = [];
  for (let thing = order.first; thing !== undefined; thing = order.after(thing)) list.push(thing);
  return list;
}

test('a thing stands in one order at most', () => {
  const thing = new Thing();
  const first = new TurnOrder<Thing>();
  first.add(thing);
  const second = new TurnOrder<Thing>();
  assert.throws(() => second.add(thing), Bug);
  assert.throws(() => second.after(thing), Bug);
  second.delete(thing);
  assert.deepEqual([first.size, second.size], [1, 0]);
});
