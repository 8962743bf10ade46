import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaErrorName } from '../../../src/kafka/errors.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import type { Faults, RequestFault } from '../../support/simulated-brokers.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/**
 * Brokers that take only sequence 0 of a producer id that they do not know: Kafka for transactions since 4.0, Redpanda and old Kafka always.
 * The others (table 2 of what a real Kafka does) take anything.
 */
function strict(world: SimulatedWorld, error: KafkaErrorName): Faults {
  return {
    refusal: ({ topic, partition, producerId, baseSequence }, node) => {
      const isKnown = world.cluster.partition(topic, partition).stateOf(node).has(producerId);
      return isKnown || baseSequence === 0 ? undefined : error;
    },
  };
}

const unknown: KafkaErrorName[] = ['UNKNOWN_PRODUCER_ID', 'OUT_OF_ORDER_SEQUENCE_NUMBER'];

function identities(world: SimulatedWorld): (readonly [number, number])[] {
  const { log } = world.cluster.partition('logs', 0);
  return log.map(({ producerEpoch, baseSequence }) => [producerEpoch, baseSequence] as const);
}

test('a broker that has forgotten our producer id and takes nothing but sequence 0 gets a new epoch', () => {
  for (const error of unknown) {
    const world = SimulatedWorld.warm();
    world.faults = strict(world, error);
    world.cluster.partition('logs', 0).forgetProducers();
    const batch = world.send('logs', 0);
    world.settle();
    assert.equal(world.outcome(batch).type, 'acked', error);
    assert.deepEqual(identities(world), [
      [0, 0],
      [1, 0],
    ]);
    assert.deepEqual(world.said('dataLossSuspected'), [], 'the log has all that was acknowledged');
    world.verify();
  }
});

test('five in flight to a broker that has forgotten our producer id go on in their order', () => {
  for (const error of unknown) {
    const world = SimulatedWorld.warm();
    world.faults = strict(world, error);
    world.cluster.partition('logs', 0).forgetProducers();
    for (let i = 0; i < 7; i++) world.send('logs', 0);
    world.settle();
    assert.deepEqual(identities(world).slice(0, 3), [
      [0, 0],
      [1, 0],
      [1, 10],
    ]);
    world.verify();
  }
});

test('an answer lost on the way to a broker that then forgets our producer id: what is in stays single, what is not goes on', () => {
  for (const error of unknown) {
    for (const lost of ['cutBefore', 'cutAfter', 'zombie'] as const) {
      const world = SimulatedWorld.warm();
      const { refusal } = strict(world, error);
      let left = 1;
      world.faults = {
        ...(refusal === undefined ? {} : { refusal }),
        request: ({ type }) => {
          if (type !== 'sendProduce' || left-- <= 0) return undefined;
          world.after(5, () => world.cluster.partition('logs', 0).forgetProducers());
          return lost;
        },
      };
      for (let i = 0; i < 3; i++) world.send('logs', 0);
      world.settle();
      world.run(5000);
      assert.equal(world.cluster.partition('logs', 0).log.length, 4, `${error} after ${lost}`);
      world.verify();
    }
  }
});

test('a partition that was forgotten costs the others nothing: they keep their epoch', () => {
  for (const error of unknown) {
    const world = SimulatedWorld.warm({ partitions: 2 });
    world.faults = strict(world, error);
    world.cluster.partition('logs', 0).forgetProducers();
    for (let i = 0; i < 6; i++) world.send('logs', i % 2);
    world.settle();
    const epochs = world.cluster.partition('logs', 1).log.map(({ producerEpoch }) => producerEpoch);
    assert.deepEqual(epochs, [0, 0, 0, 0]);
    world.verify();
  }
});

/** Seconds of lost answers and brokers that forget. No zombies: one that arrives where it was forgotten meanwhile is nobody's duplicate. */
function forgetfulness(seed: number): void {
  const random = seededRandom(seed * 104_729);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const world = new SimulatedWorld({
    nodes: 3,
    seed,
    config: { requestTimeoutMs: 700, deliveryTimeoutMs: Infinity, reconnectBackoffMaxMs: 300 },
  });
  world.cluster.createTopic('logs', 3);
  const { refusal } = strict(world, pick(unknown));
  const ways: RequestFault[] = ['cutBefore', 'cutAfter', 'silent'];
  world.faults = {
    ...(refusal === undefined ? {} : { refusal }),
    request: () => (random() < 0.05 ? pick(ways) : undefined),
  };
  world.start();
  for (let atMs = 0; atMs < 6000; atMs += random() * 60) {
    world.after(atMs, () =>
      world.send('logs', Math.floor(random() * 3), 1 + Math.floor(random() * 9)),
    );
  }
  for (let atMs = 300; atMs < 6000; atMs += random() * 900) {
    const partition = Math.floor(random() * 3);
    const restarts = random() < 0.3;
    world.after(atMs, () => {
      world.cluster.partition('logs', partition).forgetProducers();
      if (restarts) world.restart(partition, 50 + random() * 500);
    });
  }
  world.run(6000);
  world.faults = refusal === undefined ? {} : { refusal };
  world.settle(120_000);
  world.run(5000);
  world.verify();
  assert.deepEqual(world.said('fatal'), []);
}

test('nothing is lost, doubled or out of order when brokers forget and take nothing but sequence 0, in 100 seeds', () => {
  for (let seed = 1; seed <= 100; seed++) {
    try {
      forgetfulness(seed);
    } catch (error) {
      throw new Error(`seed ${String(seed)}`, { cause: error });
    }
  }
});
