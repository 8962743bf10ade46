import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { readProducerConfig } from '../../config/producer-config.ts';
import type { Serializer } from '../../src/producer/serializers.ts';
import { RecordIntake } from '../../src/producer/record-intake.ts';
import { machineClock } from '../../src/shared/clock.ts';

const MAX_BLOCK_RECORDS = 5;

function intakeWith(serializer: Serializer<string>): RecordIntake<string, string> {
  const { kafka } = readProducerConfig({
    'bootstrap.servers': 'nowhere:9092',
    'max.block.records': MAX_BLOCK_RECORDS,
  });
  return new RecordIntake<string, string>({
    ...{ kafka, clock: machineClock, settings: { 'value.serializer': serializer } },
    ...{ engine: () => undefined, fatal: () => undefined, unreachable: () => undefined },
    ...{ transactions: undefined, onFailed: () => undefined, onInterceptorFault: () => undefined },
  });
}

test('who waits for a flush is not counted among the records that wait', () => {
  const intake = intakeWith(() => new Promise(() => undefined));
  for (let i = 0; i < 3; i += 1) intake.take({ topic: 'logs', value: 'x' }, null);
  for (let i = 0; i < MAX_BLOCK_RECORDS; i += 1) void intake.passed();
  assert.equal(intake.counts.recordsWaiting, 3);
  intake.take({ topic: 'logs', value: 'x' }, null);
  assert.equal(intake.counts.recordsFailed, 0, 'there is room for two more');
  intake.abandon();
});

test('what a call has left when the producer gives up is refused at once, and no serializer is asked', async () => {
  let asked = 0;
  const intake = intakeWith(() => {
    asked += 1;
    return new Promise(() => undefined);
  });
  const call = intake.takeAll(Array.from({ length: 20 }, () => ({ topic: 'logs', value: 'x' })));
  intake.close();
  intake.abandon();
  const isOver = await Promise.race([call.then(() => true), turn(undefined).then(() => false)]);
  assert.ok(isOver, 'the call has its end');
  assert.equal(asked, MAX_BLOCK_RECORDS);
  assert.equal(intake.counts.recordsFailed, 20);
});
