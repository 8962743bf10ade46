import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaErrorName } from '../../../src/kafka/errors.ts';
import type { Faults } from '../../support/simulated-brokers.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** Every Produce is worked off, and its answer lost with the connection. */
const answersLost: Faults = {
  request: ({ type }) => (type === 'sendProduce' ? 'cutAfter' : undefined),
};

test('after a lost connection what the leader names is in when the replicas have it, and is not sent again', () => {
  const world = SimulatedWorld.warm({ config: { maxRequestSize: 1000, outcomesFor: 'caller' } });
  world.cluster.partition('logs', 0).held = true;
  const batch = world.send('logs', 0);
  world.run(10);
  world.cutAll(true);
  world.run(300);
  assert.ok(!world.outcomes.has(batch), 'the leader alone is no proof');
  world.release('logs', 0);
  world.settle();
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'acked' && outcome.duplicate && outcome.baseOffset === 10n);
  assert.equal(batch.attempts, 1);
  assert.deepEqual(
    world.said('settled').map(({ duplicates, resent }) => [duplicates, resent]),
    [[1, 0]],
  );
  world.verify();
});

test('five in flight, all appended, answers lost, broker restarted: only the last is remembered, and nothing is doubled', () => {
  const world = SimulatedWorld.warm();
  const partition = world.cluster.partition('logs', 0);
  // Five that the broker has worked off before the connection breaks: their answers are under way.
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'silent' : undefined);
  for (let i = 0; i < 5; i++) world.send('logs', 0);
  world.run(30);
  assert.equal(partition.log.length, 6);
  world.faults = {};
  world.restart(0, 300);
  world.settle();
  assert.equal(partition.log.length, 6);
  world.verify();
});

test('the watermark is behind and the leader dies: what it alone had is sent again', () => {
  const world = SimulatedWorld.warm({ nodes: 3 });
  const partition = world.cluster.partition('logs', 0);
  partition.held = true;
  const batch = world.send('logs', 0);
  world.run(10);
  world.cutAll(true);
  // The leader says that it has it; followers do not. It dies before it can confirm.
  assert.ok(
    world.run(2000, () => world.requests('sendDescribeProducers').length > 0),
    'the leader is asked',
  );
  world.run(10);
  assert.equal(partition.logEnd, 20);
  partition.held = false;
  world.restart(0, 60_000);
  assert.equal(partition.logEnd, 10, 'the new leader does not have it');
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  world.verify();
});

test('no state at the leader: the headers of the log decide', () => {
  const world = SimulatedWorld.warm();
  const partition = world.cluster.partition('logs', 0);
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'silent' : undefined);
  for (let i = 0; i < 3; i++) world.send('logs', 0);
  world.run(20);
  world.faults = {};
  partition.forgetProducers();
  world.cutAll(false);
  world.settle();
  assert.ok(world.requests('readHeaders').length > 0);
  assert.equal(partition.log.length, 4);
  world.verify();
});

test('no state, and the batch above the watermark: the scan waits until it could be seen', () => {
  const world = SimulatedWorld.warm();
  const partition = world.cluster.partition('logs', 0);
  partition.held = true;
  world.send('logs', 0);
  world.run(20);
  partition.forgetProducers();
  world.cutAll(true);
  world.after(1500, () => world.release('logs', 0));
  world.run(1200);
  assert.equal(world.requests('readHeaders').length, 0, 'a scan now would not see it');
  world.settle();
  assert.equal(partition.log.length, 2);
  world.verify();
});

test('a batch that is open below acknowledged ones is searched from where it may be', () => {
  const world = SimulatedWorld.warm();
  const partition = world.cluster.partition('logs', 0);
  let answers = 0;
  // The first of three is appended, but its answer says that nobody knows; the next two are acknowledged.
  world.faults.afterAppend = () => (answers++ === 0 ? 'REQUEST_TIMED_OUT' : undefined);
  for (let i = 0; i < 3; i++) world.send('logs', 0);
  world.run(8);
  partition.forgetProducers();
  world.settle();
  assert.equal(partition.log.length, 4);
  world.verify();
});

test('a request of the dead connection that arrives late is a duplicate of the resend, or the resend of it', () => {
  for (const lateMs of [0, 5, 20, 60, 150, 400, 2000]) {
    const world = SimulatedWorld.warm();
    let zombies = 0;
    world.faults.request = (effect) => {
      if (effect.type !== 'sendProduce' || zombies++ > 0) return undefined;
      world.cutAll(true);
      return { delayMs: lateMs };
    };
    for (let i = 0; i < 4; i++) world.send('logs', 0);
    world.settle();
    world.run(5000);
    assert.equal(world.cluster.partition('logs', 0).log.length, 5, `late by ${String(lateMs)} ms`);
    world.verify();
  }
});

test('earlier attempts that land between the question and the resend are found out, not doubled', () => {
  const world = SimulatedWorld.warm();
  const partition = world.cluster.partition('logs', 0);
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutBefore' : undefined);
  const batches = [world.send('logs', 0), world.send('logs', 0)];
  world.run(10);
  let landed = false;
  world.faults.request = (effect) => {
    // The leader has just said that it has neither. Then both arrive, and a restart leaves it the memory of the second.
    if (effect.type !== 'sendListOffsets' || effect.replicaId !== -2 || landed) return undefined;
    landed = true;
    for (const { producerId, producerEpoch, baseSequence, payload: records } of batches) {
      const identity = { producerId, producerEpoch, baseSequence, records };
      const times = { appendedMs: world.nowMs, timestampMs: world.nowMs };
      partition.append({ baseOffset: partition.logEnd, ...identity, ...times });
    }
    partition.replicate(partition.logEnd);
    partition.rebuild(0, 1);
    return undefined;
  };
  world.settle();
  assert.equal(partition.log.length, 3);
  world.verify();
});

test('a resend carries the time of now: an old one could be refused before the duplicate is seen', () => {
  const world = SimulatedWorld.warm();
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutBefore' : undefined);
  const batch = world.send('logs', 0);
  world.run(10);
  world.faults = {};
  world.settle();
  const stamps = world
    .requests('sendProduce')
    .flatMap((one) => (one.type === 'sendProduce' ? one.entries : []))
    .filter((entry) => entry.batch === batch)
    .map(({ freshTimestamp }) => freshTimestamp);
  assert.deepEqual(stamps, [false, true]);
});

test('refusals that come before the duplicate check say nothing about an earlier attempt', () => {
  const codes: KafkaErrorName[] = [
    'MESSAGE_TOO_LARGE',
    'INVALID_TIMESTAMP',
    'INVALID_RECORD',
    'NOT_ENOUGH_REPLICAS',
    'TOPIC_AUTHORIZATION_FAILED',
  ];
  for (const code of codes) {
    const world = SimulatedWorld.warm({ config: { requestTimeoutMs: 500 } });
    world.faults.request = answersLost.request ?? (() => undefined);
    const batch = world.send('logs', 0);
    world.run(10);
    world.faults = { refusal: () => code };
    world.after(700, () => (world.faults = {}));
    world.settle();
    assert.equal(world.outcome(batch).type, 'acked', code);
    assert.equal(world.cluster.partition('logs', 0).log.length, 2, code);
    world.verify();
  }
});

test('a batch that is in and is refused for its size ever since is confirmed by the watermark', () => {
  const world = SimulatedWorld.warm({ config: { requestTimeoutMs: 500 } });
  world.faults.request = answersLost.request ?? (() => undefined);
  const batch = world.send('logs', 0);
  world.run(10);
  world.faults = { refusal: () => 'MESSAGE_TOO_LARGE' };
  world.settle();
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'acked' && outcome.duplicate);
  world.verify();
});

test('a batch that never arrived and is refused for good is rejected once no earlier attempt can arrive', () => {
  const world = SimulatedWorld.warm({ config: { requestTimeoutMs: 500 } });
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutBefore' : undefined);
  const batch = world.send('logs', 0);
  world.run(10);
  world.faults = { refusal: ({ records }) => (records.from === 10 ? 'INVALID_RECORD' : undefined) };
  const behind = world.send('logs', 0);
  const lostMs = world.nowMs;
  world.settle();
  assert.equal(world.outcome(batch).type, 'rejected');
  assert.ok(world.nowMs - lostMs > 5 * 500);
  assert.equal(world.outcome(behind).type, 'acked');
  world.verify();
});

test('a final refusal counts only when the leader was asked after the last earlier attempt could arrive (seed 2086)', () => {
  const world = SimulatedWorld.warm({
    config: { requestTimeoutMs: 500, maxInFlightRequestsPerConnection: 1 },
  });
  const partition = world.cluster.partition('logs', 0);
  let turn = 0;
  world.faults.request = ({ type }) => {
    if (type !== 'sendProduce') return undefined;
    turn += 1;
    if (turn === 1) return 'cutBefore';
    return turn === 2 ? { delayMs: 440 } : undefined;
  };
  world.faults.refusal = () => (turn === 2 ? 'INVALID_RECORD' : undefined);
  const batch = world.send('logs', 0);
  // It arrives after the leader said that it does not have it, and before the resend is refused.
  world.after(300, () => {
    const { producerId, producerEpoch, baseSequence, payload: records } = batch;
    const identity = { producerId, producerEpoch, baseSequence, records };
    const times = { appendedMs: world.nowMs, timestampMs: world.nowMs };
    partition.append({ baseOffset: partition.logEnd, ...identity, ...times });
    partition.replicate(partition.logEnd);
  });
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  assert.equal(partition.log.length, 2);
  world.verify();
});

test('a topic with LogAppendTime gives no sign of a duplicate but its offset, and that is enough', () => {
  const world = new SimulatedWorld();
  world.cluster.createTopic('logs', 1).logAppendTime = true;
  world.start();
  world.send('logs', 0);
  world.settle();
  world.faults.request = answersLost.request ?? (() => undefined);
  const batch = world.send('logs', 0);
  world.run(10);
  world.faults = {};
  world.settle();
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'acked' && outcome.duplicate);
  world.verify();
});

test('other partitions go on while one is settled', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  const held = world.cluster.partition('logs', 0);
  held.held = true;
  world.send('logs', 0);
  world.run(10);
  world.cutAll(true);
  const others = Array.from({ length: 10 }, () => world.send('logs', 1));
  assert.ok(world.run(20_000, () => others.every((batch) => world.outcomes.has(batch))));
  world.release('logs', 0);
  world.settle();
  world.verify();
});

test('a stalled settling is said once', () => {
  const world = SimulatedWorld.warm({ config: { requestTimeoutMs: 300 } });
  world.cluster.partition('logs', 0).held = true;
  world.send('logs', 0);
  world.run(30_000);
  assert.equal(world.said('settleStalled').length, 1);
  world.release('logs', 0);
  world.settle();
  world.verify();
});

test('a batch behind a gap that has to be split while its partition is settled is split, and goes on', () => {
  const world = SimulatedWorld.warm({ config: { requestTimeoutMs: 500 } });
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutBefore' : undefined);
  const bad = world.send('logs', 0);
  world.send('logs', 0);
  world.run(10);
  world.faults = {
    refusal: ({ records }) => {
      if (records.from === 10) return 'INVALID_RECORD';
      return records.count > 6 ? 'MESSAGE_TOO_LARGE' : undefined;
    },
  };
  world.settle();
  assert.equal(world.outcome(bad).type, 'rejected');
  assert.equal(world.cluster.partition('logs', 0).log.length, 3);
  world.verify();
});

test('behind a gap the first that is open is the question: a broker that has forgotten us takes whatever comes (seed 35482)', () => {
  const world = SimulatedWorld.warm({ config: { requestTimeoutMs: 500 } });
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutBefore' : undefined);
  world.send('logs', 0, 5);
  world.send('logs', 0, 10);
  world.send('logs', 0, 5);
  world.run(10);
  world.faults = {
    refusal: ({ records }) => {
      if (records.from === 10) return 'INVALID_RECORD';
      if (records.count <= 6) return undefined;
      world.cluster.partition('logs', 0).forgetProducers();
      return 'MESSAGE_TOO_LARGE';
    },
  };
  world.settle();
  const written = world.cluster.partition('logs', 0).log.map(({ records }) => records.from);
  assert.deepEqual(written, [0, 15, 20, 25]);
});

test('what the leader said is void with its connection: it may have been restarted, and have forgotten it (seed 44079)', () => {
  const world = SimulatedWorld.warm();
  const partition = world.cluster.partition('logs', 0);
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutBefore' : undefined);
  const { producerId, producerEpoch, baseSequence, payload: records } = world.send('logs', 0);
  world.run(10);
  let isAsked = false;
  world.faults.request = (effect) => {
    if (effect.type !== 'sendListOffsets' || effect.replicaId !== -2 || isAsked) return undefined;
    // It has just said that it does not have the batch. Now it has, and is restarted before the resend may go out.
    isAsked = true;
    const identity = { producerId, producerEpoch, baseSequence, records };
    partition.append({ baseOffset: partition.logEnd, ...identity, appendedMs: world.nowMs });
    partition.replicate(partition.logEnd);
    world.after(100, () => world.restart(0, 20, { keepsLeaders: true, losesState: true }));
    return { throttleMs: 500 };
  };
  world.settle();
  assert.equal(partition.log.length, 2);
  world.verify();
});

test('a wrong checksum twice is our own fault while settling, too', () => {
  const world = SimulatedWorld.warm();
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutBefore' : undefined);
  const batch = world.send('logs', 0);
  world.run(10);
  world.faults = { refusal: () => 'CORRUPT_MESSAGE' };
  world.settle(60_000);
  assert.equal(world.outcome(batch).type, 'abandoned');
});
