import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaErrorName } from '../../../src/kafka/errors.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** Refuses the first so many attempts, of whatever batch. */
function refuseFirst(times: number, error: KafkaErrorName) {
  let left = times;
  return () => (left-- > 0 ? error : undefined);
}

test('batches of a partition are acknowledged in order, with rising offsets', () => {
  const world = SimulatedWorld.warm();
  const batches = Array.from({ length: 20 }, () => world.send('logs', 0));
  world.settle();
  const offsets = batches.map((batch) => {
    const outcome = world.outcome(batch);
    return outcome.type === 'acked' ? outcome.baseOffset : -1n;
  });
  assert.deepEqual(
    offsets,
    batches.map((_, i) => BigInt(10 + i * 10)),
  );
  world.verify();
});

test('a partition that has never succeeded at its leader has one batch in flight, then up to five', () => {
  const world = new SimulatedWorld();
  world.cluster.createTopic('logs', 1);
  world.start();
  for (let i = 0; i < 12; i++) world.send('logs', 0);
  let most = 0;
  let first = 0;
  world.run(60_000, () => {
    const inFlight = world.state.topics.get('logs')?.partitions[0]?.inFlight.length ?? 0;
    if (world.outcomes.size === 0) first = Math.max(first, inFlight);
    most = Math.max(most, inFlight);
    return world.outcomes.size === 12;
  });
  assert.equal(first, 1);
  assert.equal(most, 5);
  world.verify();
});

test('when the first batch fails at a broker without state, the second cannot overtake it', () => {
  const world = new SimulatedWorld();
  world.cluster.createTopic('logs', 1);
  world.faults.refusal = refuseFirst(1, 'NOT_ENOUGH_REPLICAS');
  world.start();
  for (let i = 0; i < 3; i++) world.send('logs', 0);
  world.settle();
  world.verify();
});

test('a broker that was restarted, forgot the producer id and is back before its new epoch is heard of gets one batch first', () => {
  const world = SimulatedWorld.warm();
  world.cluster.partition('logs', 0).forgetProducers();
  world.cutAll(false);
  world.run(5);
  world.faults.refusal = refuseFirst(1, 'NOT_ENOUGH_REPLICAS');
  for (let i = 0; i < 3; i++) world.send('logs', 0);
  world.settle();
  world.verify();
});

test('a batch that failed is sent again before the ones behind it, and nothing is doubled', () => {
  const world = SimulatedWorld.warm();
  const before = world.produced().length;
  world.faults.refusal = refuseFirst(1, 'NOT_ENOUGH_REPLICAS');
  const batches = Array.from({ length: 5 }, () => world.send('logs', 0));
  world.settle();
  const ids = batches.map(({ id }) => id);
  assert.deepEqual(world.produced().slice(before).flat(), [...ids, ...ids]);
  // Those behind the failed one could only be refused: that is not their fault.
  assert.deepEqual(
    batches.map(({ refusals }) => refusals),
    [1, 0, 0, 0, 0],
  );
  assert.equal(world.said('settleStarted').length, 0);
  world.verify();
});

test('nothing goes to a new leader while the old one has something unanswered', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2 });
  const partition = world.cluster.partition('logs', 0);
  world.faults.request = (effect) =>
    effect.type === 'sendProduce' && effect.node === 0 ? { delayMs: 500 } : undefined;
  const early = world.send('logs', 0);
  world.run(10);
  partition.moveTo(1);
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(50);
  assert.equal(world.state.topics.get('logs')?.partitions[0]?.leaderId, 1);
  const from = world.effects.length;
  world.send('logs', 0);
  world.run(300);
  const sent = world.effects.slice(from).filter(({ type }) => type === 'sendProduce');
  assert.equal(sent.length, 0, 'the new leader waits');
  assert.equal(world.outcomes.has(early), false);
  world.faults = {};
  world.settle();
  world.verify();
});

test('a connection has at most max.in.flight.requests.per.connection requests open', () => {
  const world = SimulatedWorld.warm({
    partitions: 12,
    config: { maxInFlightRequestsPerConnection: 3, maxRequestSize: 1000 },
  });
  let most = 0;
  for (let i = 0; i < 48; i++) world.send('logs', i % 12);
  world.run(60_000, () => {
    for (const { inFlight } of world.state.nodes.values()) most = Math.max(most, inFlight.length);
    return world.outcomes.size === 60;
  });
  assert.equal(most, 3);
  world.verify();
});

test('a request has many partitions, one batch of each, and stays under max.request.size', () => {
  const world = SimulatedWorld.warm({ partitions: 8, config: { maxRequestSize: 5000 } });
  const before = world.produced().length;
  const batches = Array.from({ length: 16 }, (_, i) => world.batch('logs', i % 8));
  world.step({ type: 'batchesSealed', batches });
  world.settle();
  for (const effect of world.requests('sendProduce').slice(before)) {
    if (effect.type !== 'sendProduce') continue;
    const partitions = effect.entries.map(({ batch }) => batch.partition);
    assert.equal(new Set(partitions).size, partitions.length);
    assert.ok(effect.entries.length <= 5);
  }
  assert.equal(world.produced().slice(before)[0]?.length, 5);
  world.verify();
});

test('a batch over max.request.size goes out alone', () => {
  const world = SimulatedWorld.warm({ partitions: 2, config: { maxRequestSize: 5000 } });
  const large = world.batch('logs', 0, 10, { batchBytes: 9000 });
  world.step({ type: 'batchesSealed', batches: [large, world.batch('logs', 1)] });
  world.settle();
  assert.deepEqual(world.produced().slice(-2)[0], [large.id]);
});

test('a busy partition does not starve the others', () => {
  const world = SimulatedWorld.warm({
    partitions: 5,
    config: { maxRequestSize: 1000, maxInFlightRequestsPerConnection: 1 },
  });
  const before = world.produced().length;
  const busy = Array.from({ length: 30 }, () => world.batch('logs', 0));
  const quiet = [1, 2, 3, 4].map((partition) => world.batch('logs', partition));
  world.step({ type: 'batchesSealed', batches: [...busy, ...quiet] });
  world.settle();
  const order = world.produced().slice(before).flat();
  for (const { id } of quiet)
    assert.ok(order.indexOf(id) <= 5, `batch ${String(id)} waited too long`);
});

test('what long batches leave of a request goes to short ones of other partitions, each time', () => {
  const world = SimulatedWorld.warm({
    partitions: 5,
    config: { maxRequestSize: 1000, maxInFlightRequestsPerConnection: 1 },
  });
  const before = world.produced().length;
  const rounds = [0, 1, 2, 3, 4, 5];
  const busy = [0, 1, 2, 3].flatMap((partition) =>
    rounds.map(() => world.batch('logs', partition, 10, { batchBytes: 900 })),
  );
  const quiet = rounds.map(() => world.batch('logs', 4, 1, { batchBytes: 80 }));
  world.step({ type: 'batchesSealed', batches: [...busy, ...quiet] });
  world.settle();
  const requests = world.produced().slice(before);
  for (const { id } of quiet) {
    const request = requests.findIndex((ids) => ids.includes(id));
    assert.ok(request <= rounds.length, `batch ${String(id)} went with request ${String(request)}`);
  }
  assert.equal(requests.length, busy.length);
  world.verify();
});

test('while a refused batch is out again, nothing else of its partition is', () => {
  const world = SimulatedWorld.warm();
  world.faults.refusal = refuseFirst(1, 'NOT_ENOUGH_REPLICAS');
  const [first] = Array.from({ length: 5 }, () => world.send('logs', 0));
  const inFlight = () => world.state.topics.get('logs')?.partitions[0]?.inFlight ?? [];
  assert.ok(world.run(5000, () => first?.attempts === 2));
  assert.deepEqual(inFlight(), [first]);
  world.send('logs', 0);
  assert.deepEqual(inFlight(), [first]);
  world.settle();
  world.verify();
});

test('a partition has at most five batches whose fate is open, whatever the connection allows', () => {
  const world = SimulatedWorld.warm({ config: { maxInFlightRequestsPerConnection: 20 } });
  world.cluster.partition('logs', 0).held = true;
  for (let i = 0; i < 12; i++) world.send('logs', 0);
  assert.equal(world.state.topics.get('logs')?.partitions[0]?.inFlight.length, 5);
  world.release('logs', 0);
  world.settle();
  world.verify();
});

test('after a day of silence the second of two batches cannot overtake the first at a broker that has forgotten us', () => {
  const world = SimulatedWorld.warm();
  world.run(25 * 3_600_000);
  world.cluster.partition('logs', 0).forgetProducers();
  world.faults.refusal = refuseFirst(1, 'NOT_ENOUGH_REPLICAS');
  for (let i = 0; i < 3; i++) world.send('logs', 0);
  world.settle();
  world.verify();
});
