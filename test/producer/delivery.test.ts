import assert from 'node:assert/strict';
import { test } from 'node:test';
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
      for (let at = from; at < to; at += 1) told.push(`${name}${slots[at] ?? 0}@${at}`);
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
