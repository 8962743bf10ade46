import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaErrorName } from '../../../src/kafka/errors.ts';
import type { Faults } from '../../support/simulated-brokers.ts';
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
