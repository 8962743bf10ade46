import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordsOf, TransactionalWorld } from '../../support/transactional-world.ts';

for (const version of [1, 2]) {
  const v = `transaction.version ${String(version)}: `;

  test(`${v}readers of committed transactions get all of a committed one and nothing of an aborted one`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    const first = world.send('logs', 0);
    const offsets = producer.sendOffsets(7n);
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.equal(producer.ended(offsets)?.fault, undefined);
    producer.call('beginTransaction');
    const undone = world.send('logs', 0);
    world.settle();
    assert.equal(producer.call('abortTransaction'), undefined);
    producer.call('beginTransaction');
    const last = [world.send('logs', 0), world.send('logs', 1)] as const;
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.deepEqual(producer.outcomes(first, undone, ...last), Array(4).fill('acked'));
    assert.deepEqual(producer.committed(0), recordsOf(first, last[0]));
    assert.deepEqual(producer.committed(1), recordsOf(last[1]));
    assert.equal(world.cluster.coordinator.committedOffsets.get('readers')?.get('input-0'), 7n);
    assert.equal(producer.count('AddPartitionsToTxn') > 0, version === 1);
    assert.equal(producer.count('EndTxn'), 3);
    world.verify();
  });

  test(`${v}a commit waits for every batch that was sent before it`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    world.cluster.partition('logs', 0).held = true;
    const batches = [world.send('logs', 0), world.send('logs', 0), world.send('logs', 1)];
    const commit = producer.start('commitTransaction');
    world.run(5000);
    assert.equal(producer.count('EndTxn'), 0);
    world.release('logs', 0);
    assert.equal(producer.wait(commit), undefined);
    assert.deepEqual(producer.outcomes(...batches), Array(3).fill('acked'));
    assert.equal(producer.committed(0).length, 2);
  });

  test(`${v}an abort drops what is not on the wire and waits for what is`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    const warm = world.send('logs', 0);
    world.settle();
    world.cluster.partition('logs', 0).held = true;
    const batches = Array.from({ length: 8 }, () => world.send('logs', 0));
    world.run(50);
    const abort = producer.start('abortTransaction');
    world.run(1000);
    assert.equal(producer.ended(abort), undefined);
    assert.equal(producer.count('EndTxn'), 0);
    world.release('logs', 0);
    assert.equal(producer.wait(abort), undefined);
    assert.deepEqual(producer.committed(0), []);
    const ends = producer.outcomes(warm, ...batches);
    assert.deepEqual(new Set(ends), new Set(['acked', 'abandoned']));
    // Sequences begin anew, or go on without a gap.
    producer.call('beginTransaction');
    const next = world.send('logs', 0);
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.deepEqual(producer.committed(0), recordsOf(next));
    world.verify();
  });

  test(`${v}lost answers and lost requests: the batches are sent again as they are, and are in once`, () => {
    for (const lost of ['cutAfter', 'cutBefore', 'zombie'] as const) {
      const producer = new TransactionalWorld({ version });
      const { world } = producer;
      producer.call('beginTransaction');
      let cuts = 0;
      world.faults.request = ({ type }) =>
        type === 'sendProduce' && cuts++ === 1 ? lost : undefined;
      const batches = Array.from({ length: 4 }, () => world.send('logs', 0));
      assert.equal(producer.call('commitTransaction'), undefined, lost);
      assert.deepEqual(producer.committed(0), recordsOf(...batches));
      assert.equal(world.said('settleStarted').length, 0);
      world.verify();
    }
  });

  test(`${v}a leader that moves in the middle loses and doubles nothing`, () => {
    const producer = new TransactionalWorld({ version, nodes: 3 });
    const { world } = producer;
    producer.call('beginTransaction');
    const batches = Array.from({ length: 3 }, () => world.send('logs', 0));
    world.run(20);
    world.cluster.partition('logs', 0).moveTo(2);
    batches.push(world.send('logs', 0));
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.deepEqual(producer.committed(0), recordsOf(...batches));
    world.verify();
  });

  test(`${v}after a restart that forgot all but one batch the transaction is aborted, and the next one works`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    world.send('logs', 0);
    world.settle();
    world.faults.request = ({ type }) => (type === 'sendProduce' ? 'silent' : undefined);
    for (let i = 0; i < 4; i++) world.send('logs', 0);
    world.run(30);
    world.faults = {};
    world.restart(0, 100);
    const fault = producer.call('commitTransaction');
    assert.deepEqual([fault?.error, fault?.next], ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'abort']);
    assert.equal(producer.call('abortTransaction'), undefined);
    producer.call('beginTransaction');
    const next = world.send('logs', 0);
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.deepEqual(producer.committed(0), recordsOf(next));
  });

  test(`${v}a batch that is refused for good fails the commit; after the abort there is a new epoch`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    const good = world.send('logs', 0);
    world.settle();
    world.faults.refusal = () => 'INVALID_RECORD';
    const bad = world.send('logs', 0);
    const behind = world.send('logs', 0);
    const fault = producer.call('commitTransaction');
    assert.deepEqual([fault?.error, fault?.next], ['INVALID_RECORD', 'abort']);
    world.settle();
    assert.deepEqual(producer.outcomes(good, bad), ['acked', 'rejected']);
    assert.notEqual(world.outcome(behind).type, 'acked');
    world.faults = {};
    const late = world.send('logs', 0);
    assert.equal(world.outcome(late).type, 'abandoned');
    assert.equal(producer.call('abortTransaction'), undefined);
    producer.call('beginTransaction');
    const next = world.send('logs', 0);
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.deepEqual(producer.committed(0), recordsOf(next));
    const last = world.cluster.partition('logs', 0).log.at(-1);
    assert.deepEqual([last?.producerEpoch, last?.baseSequence], [1, 0]);
    world.verify();
  });

  test(`${v}a batch that is too large is split within the transaction`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    world.faults.refusal = ({ records }) => (records.count > 5 ? 'MESSAGE_TOO_LARGE' : undefined);
    const batch = world.send('logs', 0, 10, { batchBytes: 20_000 });
    assert.equal(producer.call('commitTransaction'), undefined);
    const [first, second] = producer.committed(0);
    const { from } = batch.payload;
    assert.deepEqual([first?.from, second?.from], [from, from + 5]);
  });

  test(`${v}delivery.timeout.ms fails the transaction, not the producer`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    world.faults.refusal = () => 'NOT_ENOUGH_REPLICAS';
    const stuck = world.send('logs', 0);
    const fault = producer.call('commitTransaction');
    assert.deepEqual([fault?.error, fault?.next], ['REQUEST_TIMED_OUT', 'abort']);
    assert.deepEqual(producer.outcomes(stuck), ['expired']);
    world.faults = {};
    assert.equal(producer.call('abortTransaction'), undefined);
  });

  test(`${v}fenced: the commit says so, the sender stops, its batches are abandoned`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    world.send('logs', 0);
    world.settle();
    world.cluster.coordinator.timeOut('shop');
    const fault = producer.call('commitTransaction');
    assert.deepEqual([fault?.error, fault?.next], ['PRODUCER_FENCED', 'close']);
    assert.equal(world.said('fatal')[0]?.error, 'PRODUCER_FENCED');
    assert.equal(producer.call('beginTransaction')?.error, 'PRODUCER_FENCED');
    assert.deepEqual(producer.outcomes(world.send('logs', 0)), ['abandoned']);
    assert.deepEqual(producer.committed(0), []);
    world.step({ type: 'closeRequested' });
    assert.ok(world.run(5000, () => world.closed));
  });

  test(`${v}the coordinator moves while the transaction is open: it is found again`, () => {
    const producer = new TransactionalWorld({ version, nodes: 3 });
    const { world } = producer;
    producer.call('beginTransaction');
    const batch = world.send('logs', 0);
    world.settle();
    world.cluster.coordinator.node = 2;
    // It does not come back.
    world.restart(0, Infinity);
    world.run(10);
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.deepEqual(producer.committed(0), recordsOf(batch));
  });

  test(`${v}a topic created again while the transaction is open fails it`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    world.send('logs', 0);
    world.settle();
    world.cluster.createTopic('logs', 2);
    world.state.metadata.wanted = true;
    world.step({ type: 'tick' });
    world.run(200);
    assert.equal(producer.call('commitTransaction')?.next, 'abort');
    assert.equal(producer.call('abortTransaction'), undefined);
    producer.call('beginTransaction');
    const next = world.send('logs', 0);
    assert.equal(producer.call('commitTransaction'), undefined);
    assert.deepEqual(producer.committed(0), recordsOf(next));
  });

  test(`${v}closing aborts the open transaction before the connections are let go`, () => {
    const producer = new TransactionalWorld({ version });
    const { world } = producer;
    producer.call('beginTransaction');
    world.send('logs', 0);
    world.settle();
    world.step({ type: 'closeRequested' });
    assert.ok(world.run(5000, () => world.closed));
    assert.equal(world.cluster.coordinator.stateOf('shop'), 'aborted');
    assert.deepEqual(producer.committed(0), []);
  });
}

test('a batch outside a transaction is not sent, and says why', () => {
  const producer = new TransactionalWorld({ version: 2 });
  const { world } = producer;
  const batch = world.send('logs', 0);
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'abandoned' && /begin one/.test(outcome.message));
  assert.equal(producer.logged(0), 0);
});

test('a partition that cannot be added: its batches expire, and say what they waited for', () => {
  const producer = new TransactionalWorld({ version: 1 });
  const { world } = producer;
  producer.call('beginTransaction');
  world.faults.request = (effect) =>
    effect.type === 'sendTransactionRequest' && effect.content.api === 'AddPartitionsToTxn'
      ? { error: 'COORDINATOR_LOAD_IN_PROGRESS' }
      : undefined;
  const batch = world.send('logs', 0);
  const fault = producer.call('commitTransaction');
  assert.deepEqual([fault?.error, fault?.next], ['REQUEST_TIMED_OUT', 'abort']);
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'expired' && /not part of the transaction/.test(outcome.message));
  assert.equal(producer.logged(0), 0);
  world.faults = {};
  assert.equal(producer.call('abortTransaction'), undefined);
});

test('keyless batches join the transaction wherever they go', () => {
  const producer = new TransactionalWorld({ version: 1, nodes: 2, partitions: 4 });
  const { world } = producer;
  producer.call('beginTransaction');
  const options = { batchBytes: 20_000 };
  const batches = Array.from({ length: 20 }, () => world.send('logs', undefined, 10, options));
  assert.equal(producer.call('commitTransaction'), undefined);
  const seen = [0, 1, 2, 3].flatMap((partition) => producer.committed(partition));
  assert.equal(seen.length, batches.length);
});

test('abandoned at the end of its patience, the sender answers who waits for a commit', () => {
  const producer = new TransactionalWorld({ version: 2 });
  const { world } = producer;
  producer.call('beginTransaction');
  world.cluster.partition('logs', 0).held = true;
  world.send('logs', 0);
  const commit = producer.start('commitTransaction');
  world.run(100);
  world.step({ type: 'abandonRequested' });
  assert.equal(producer.ended(commit)?.fault?.next, 'close');
  assert.ok(world.run(5000, () => world.closed));
});

test('EndTxn waits for a batch on the wire, too, whose outcome was told at delivery.timeout.ms', () => {
  const config = { deliveryTimeoutMs: 500, requestTimeoutMs: 3000, outcomesFor: 'caller' } as const;
  const producer = new TransactionalWorld({ version: 1, config });
  const { world } = producer;
  producer.call('beginTransaction');
  world.faults.request = ({ type }) => (type === 'sendProduce' ? { delayMs: 1500 } : undefined);
  const batch = world.send('logs', 0);
  world.run(800);
  assert.deepEqual(producer.outcomes(batch), ['failed']);
  const abort = producer.start('abortTransaction');
  world.run(300);
  assert.deepEqual([producer.logged(0), producer.count('EndTxn')], [0, 0]);
  assert.equal(producer.wait(abort), undefined);
  assert.deepEqual([producer.logged(0), producer.count('EndTxn')], [1, 1]);
  assert.deepEqual(producer.committed(0), []);
});

test('a refusal that comes after the outcome was told leaves the transaction one that can be aborted', () => {
  for (const error of ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'INVALID_PRODUCER_EPOCH'] as const) {
    const config = {
      deliveryTimeoutMs: 500,
      requestTimeoutMs: 3000,
      outcomesFor: 'caller',
    } as const;
    const producer = new TransactionalWorld({ version: 1, config });
    const { world } = producer;
    producer.call('beginTransaction');
    world.faults = {
      request: ({ type }) => (type === 'sendProduce' ? { delayMs: 1500 } : undefined),
      refusal: () => error,
    };
    const batch = world.send('logs', 0);
    world.run(800);
    assert.deepEqual(producer.outcomes(batch), ['failed'], error);
    assert.equal(producer.call('abortTransaction'), undefined, error);
    world.faults = {};
    assert.deepEqual(world.said('fatal'), [], error);
    producer.call('beginTransaction');
    const next = world.send('logs', 0);
    assert.equal(producer.call('commitTransaction'), undefined, error);
    assert.deepEqual(producer.committed(0), recordsOf(next), error);
  }
});

test('version 1: the epoch is raised although the connection to the coordinator is lost meanwhile', () => {
  const producer = new TransactionalWorld({ version: 1 });
  const { world } = producer;
  producer.call('beginTransaction');
  world.send('logs', 0);
  world.settle();
  world.faults.refusal = () => 'OUT_OF_ORDER_SEQUENCE_NUMBER';
  world.send('logs', 0);
  world.settle();
  world.faults = {};
  world.restart(0, 2000);
  assert.equal(producer.call('abortTransaction'), undefined);
  producer.call('beginTransaction');
  const next = world.send('logs', 0);
  assert.equal(producer.call('commitTransaction'), undefined);
  assert.deepEqual(producer.committed(0), recordsOf(next));
  assert.equal(world.cluster.partition('logs', 0).log.at(-1)?.producerEpoch, 1);
});
