import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaErrorName } from '../../../src/kafka/errors.ts';
import { recordsOf, TransactionalWorld } from '../../support/transactional-world.ts';

for (const version of [1, 2]) {
  const v = `transaction.version ${String(version)}: `;

  test(`${v}what the leader says of the transaction or the producer can be aborted, and the next one works`, () => {
    const said: KafkaErrorName[] = [
      'INVALID_TXN_STATE',
      'TRANSACTION_ABORTABLE',
      'INVALID_PRODUCER_EPOCH',
      'INVALID_REQUEST',
      'UNKNOWN_PRODUCER_ID',
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      'TOPIC_AUTHORIZATION_FAILED',
    ];
    for (const error of said) {
      const producer = new TransactionalWorld({ version });
      const { world } = producer;
      producer.call('beginTransaction');
      world.send('logs', 0);
      world.settle();
      world.faults.refusal = () => error;
      const refused = world.send('logs', 0);
      const fault = producer.call('commitTransaction');
      assert.deepEqual([fault?.error, fault?.next], [error, 'abort'], error);
      assert.notEqual(world.outcome(refused).type, 'acked', error);
      world.faults = {};
      assert.equal(producer.call('abortTransaction'), undefined, error);
      producer.call('beginTransaction');
      const next = world.send('logs', 0);
      assert.equal(producer.call('commitTransaction'), undefined, error);
      assert.deepEqual(producer.committed(0), recordsOf(next), error);
      const last = world.cluster.partition('logs', 0).log.at(-1);
      assert.ok(last !== undefined && last.producerEpoch > 0, `${error}: another epoch`);
      assert.equal(last.baseSequence, 0, error);
    }
  });

  test(`${v}a producer id that maps to another is fatal from the leader, too`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    world.faults.refusal = () => 'INVALID_PRODUCER_ID_MAPPING';
    world.send('logs', 0);
    assert.equal(producer.call('commitTransaction')?.next, 'close');
    assert.equal(world.said('fatal')[0]?.error, 'INVALID_PRODUCER_ID_MAPPING');
  });

  test(`${v}a batch that would be tried again is dropped by the abort, and one that fails during it changes nothing`, () => {
    const ends = {
      NOT_ENOUGH_REPLICAS: ['abandoned', 'no'],
      INVALID_RECORD: ['rejected', 'no'],
      // It may be in the log: the next epoch shuts out what is still on its way.
      cutBefore: ['abandoned', 'perhaps'],
      cutAfter: ['abandoned', 'perhaps'],
    } as const;
    for (const [fault, end] of Object.entries(ends)) {
      // Still on the wire when the transaction is aborted, or already waiting for its backoff.
      for (const abortedAfterMs of [10, 90]) {
        const producer = new TransactionalWorld({ version });
        const { world } = producer;
        producer.call('beginTransaction');
        world.send('logs', 0);
        world.settle();
        const isCut = fault === 'cutBefore' || fault === 'cutAfter';
        world.faults = {
          request: ({ type }) => {
            if (type !== 'sendProduce') return undefined;
            return isCut ? fault : { delayMs: 50 };
          },
          refusal: () => (isCut ? undefined : (fault as KafkaErrorName)),
        };
        const batch = world.send('logs', 0);
        world.run(abortedAfterMs);
        const { attempts } = batch;
        assert.equal(producer.call('abortTransaction'), undefined, fault);
        const { type, written } = world.outcome(batch);
        assert.deepEqual([type, written, batch.attempts], [...end, attempts], fault);
        world.faults = {};
        producer.call('beginTransaction');
        const next = world.send('logs', 0);
        assert.equal(producer.call('commitTransaction'), undefined, fault);
        assert.deepEqual(producer.committed(0), recordsOf(next), fault);
      }
    }
  });

  test(`${v}a commit that was called before the close goes through, then the connections are let go`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    world.cluster.partition('logs', 0).held = true;
    const batch = world.send('logs', 0);
    const commit = producer.start('commitTransaction');
    world.run(20);
    world.step({ type: 'closeRequested' });
    world.run(100);
    world.release('logs', 0);
    assert.equal(producer.wait(commit), undefined);
    assert.ok(world.run(5000, () => world.closed));
    assert.deepEqual(producer.committed(0), recordsOf(batch));
  });

  test(`${v}one broker and one request in flight are enough`, () => {
    const config = { maxInFlightRequestsPerConnection: 1 };
    const producer = new TransactionalWorld({ version, config });
    const { world } = producer;
    producer.call('beginTransaction');
    const batches = [world.send('logs', 0), world.send('logs', 0)];
    producer.sendOffsets(3n);
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.deepEqual(producer.committed(0), recordsOf(...batches));
  });

  test(`${v}a coordinator that throttles, or is slow to connect, is waited for`, () => {
    const producer = new TransactionalWorld({ version, nodes: 3 });
    const { world } = producer;
    world.faults.request = ({ type }) =>
      type === 'sendTransactionRequest' ? { throttleMs: 1000 } : undefined;
    producer.call('beginTransaction');
    const first = world.send('logs', 0);
    assert.equal(producer.call('commitTransaction'), undefined);
    const backMs = world.nowMs + 4000;
    world.faults = { connect: (node) => node !== 2 || world.nowMs > backMs };
    world.restart(2, 10);
    world.cluster.coordinator.node = 2;
    producer.call('beginTransaction');
    const second = world.send('logs', 0);
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.ok(world.nowMs > backMs);
    assert.deepEqual(producer.committed(0), recordsOf(first, second));
  });

  test(`${v}batches that expire fail the commit that waits for them, all of them are told`, () => {
    const producer = new TransactionalWorld({ version, config: { deliveryTimeoutMs: 5000 } });
    const { world } = producer;
    producer.call('beginTransaction');
    world.faults.refusal = () => 'NOT_ENOUGH_REPLICAS';
    const batches = [world.send('logs', 0), world.send('logs', 1)];
    const fault = producer.call('commitTransaction');
    assert.equal(fault?.next, 'abort');
    assert.equal(producer.count('EndTxn'), 0);
    world.run(10_000);
    for (const batch of batches) assert.notEqual(world.outcome(batch).type, 'acked');
    world.faults = {};
    assert.equal(producer.call('abortTransaction'), undefined);
    producer.call('beginTransaction');
    const next = world.send('logs', 0);
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.deepEqual(producer.committed(0), recordsOf(next));
  });
}
