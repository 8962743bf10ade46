import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ProduceOutcome } from '../../src/ack/produce-outcome.ts';
import { Deliveries, type Delivery } from '../../src/producer/delivery.ts';

const outcome: ProduceOutcome = {
  type: 'acked',
  written: 'yes',
  topic: 'orders',
  partition: 3,
  baseOffset: 0n,
  logAppendTimeMs: -1,
  duplicate: false,
};

function recorder(name: string, told: string[]): Delivery {
  return {
    written: () => undefined,
    settle: (slots, from, to) => {
      for (let at = from; at < to; at += 1) told.push(`${name}${slots.at(at)}@${at}`);
    },
  };
}

function filled(told: string[]): Deliveries {
  const deliveries = new Deliveries();
  const [a, b] = [recorder('a', told), recorder('b', told)];
  for (const [delivery, slot] of [
    [a, 0],
    [a, 1],
    [b, 7],
    [a, 5],
    [a, 9],
  ] as const) {
    deliveries.push(delivery, slot);
  }
  return deliveries;
}

test('each record of a batch is told its end once, in order, by its delivery and slot', () => {
  const told: string[] = [];
  const deliveries = filled(told);
  assert.equal(deliveries.count, 5);
  deliveries.settle(outcome);
  assert.deepEqual(told, ['a0@0', 'a1@1', 'b7@2', 'a5@3', 'a9@4']);
});

test('the parts of a batch that was cut have its records between them, whatever the cuts go through', () => {
  for (let cut = 0; cut <= 5; cut += 1) {
    const told: string[] = [];
    const whole = filled(told);
    const parts = [whole.slice(0, cut), whole.slice(cut, 5)];
    assert.deepEqual(
      parts.map(({ count }) => count),
      [cut, 5 - cut],
    );
    for (const part of parts) part.settle(outcome);
    assert.deepEqual(
      told.map((text) => text.split('@')[0]),
      ['a0', 'a1', 'b7', 'a5', 'a9'],
    );
  }
});

test('what was settled is forgotten, so that no map that knew the batch keeps its records alive', () => {
  const told: string[] = [];
  const deliveries = filled(told);
  deliveries.settle(outcome);
  assert.equal(deliveries.count, 0);
});

/** By name and slot, 0 where it has none: what a batch is filled with. */
type Push = readonly [name: string, slot: number];

/** A delivery without slots, two whose slots follow one another but for some left out, and one that takes any again. */
const pushes: fc.Arbitrary<Push[]> = fc
  .array(fc.tuple(fc.constantFrom('fired', 'call', 'other', 'heard'), fc.nat({ max: 3 })))
  .map((drawn) => {
    const next = new Map([
      ['call', 0],
      ['other', 0],
    ]);
    return drawn.map(([name, leap]): Push => {
      if (name === 'fired') return [name, 0];
      if (name === 'heard') return [name, 1 + leap];
      const slot = (next.get(name) ?? 0) + Math.max(0, leap - 2);
      next.set(name, slot + 1);
      return [name, slot];
    });
  });

test('whatever slots there are, each record is told by its own, in a whole batch and in its parts', () => {
  fc.assert(
    fc.property(pushes, fc.nat({ max: 20 }), (pushed, cut) => {
      const told: string[] = [];
      const byName = new Map<string, Delivery>();
      const fill = (): Deliveries => {
        const deliveries = new Deliveries();
        for (const [name, slot] of pushed) {
          const known =
            byName.get(name) ?? (name === 'fired' ? slotless(told) : recorder(name, told));
          byName.set(name, known);
          deliveries.push(known, slot);
        }
        return deliveries;
      };
      const expected = pushed.map(([name, slot]) => (name === 'fired' ? name : `${name}${slot}`));
      const heard = (): (string | undefined)[] => told.splice(0).map((text) => text.split('@')[0]);
      fill().settle(outcome);
      assert.deepEqual(heard(), expected);
      const at = Math.min(cut, pushed.length);
      const whole = fill();
      for (const part of [whole.slice(0, at), whole.slice(at, pushed.length)]) part.settle(outcome);
      assert.deepEqual(heard(), expected);
    }),
  );
});

function slotless(told: string[]): Delivery {
  return {
    written: () => undefined,
    settle: (_slots, from, to) => {
      for (let place = from; place < to; place += 1) told.push('fired');
    },
  };
}
