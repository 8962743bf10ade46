import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ProduceOutcome } from '../../src/ack/produce-outcome.ts';
import { Deliveries } from '../../src/producer/delivery.ts';
import { HeardDelivery } from '../../src/producer/heard-delivery.ts';

const written = { topic: 'logs', timestampMs: 0 };

function acked(baseOffset: number): ProduceOutcome {
  return {
    ...{ type: 'acked', written: 'yes', topic: 'logs', partition: 0, duplicate: false },
    ...{ baseOffset: BigInt(baseOffset), logAppendTimeMs: -1 },
  };
}

test('each callback is called once, with the place of its own record, in whatever order batches are filled and end', () => {
  const step = fc.record({
    type: fc.constantFrom('send', 'send', 'send', 'cancel', 'settle'),
    batch: fc.nat({ max: 2 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const heard = new HeardDelivery({
        wantsMetadata: false,
        counted: () => undefined,
        acked: () => undefined,
        failed: () => assert.fail('none failed'),
      });
      const batches = Array.from({ length: 3 }, () => ({
        deliveries: new Deliveries(),
        ids: [] as number[],
      }));
      const expected: string[] = [];
      const told: string[] = [];
      let sent = 0;
      let offset = 0;
      const settle = (index: number): void => {
        const { deliveries, ids } = batches[index] ?? assert.fail();
        batches[index] = { deliveries: new Deliveries(), ids: [] as number[] };
        ids.forEach((id, place) => expected.push(`${id} at ${offset + place}`));
        deliveries.settle(acked(offset));
        offset += 100;
      };
      for (const { type, batch } of steps) {
        const { deliveries, ids } = batches[batch] ?? assert.fail();
        if (type === 'settle') {
          settle(batch);
          continue;
        }
        sent += 1;
        const id = sent;
        const slot = heard.begin((_error, metadata) => {
          told.push(`${id} at ${metadata?.offset}`);
        });
        if (type === 'cancel') {
          heard.cancel(slot);
          continue;
        }
        heard.written(slot, written, -1, 1);
        deliveries.push(heard, slot);
        ids.push(id);
      }
      for (const index of batches.keys()) settle(index);
      assert.deepEqual(told, expected);
    }),
  );
});
