import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SenderConfig } from '../../../src/send/sender-config.ts';
import { chanceOf, type Chance } from '../../support/seeded-random.ts';
import type { Faults, RequestFault } from '../../support/simulated-brokers.ts';
import type { Records } from '../../support/simulated-partition.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 200);
const FIRST_SEED = Number(process.env['MILLRACE_FIRST_SEED'] ?? 1);
const CHAOS_MS = 20_000;
/** Batches of `keyed` name their partition, those of `keyless` do not. */
const TOPICS = ['keyed', 'keyless'];

function anyConfig({ random, below, pick }: Chance): Partial<SenderConfig> {
  const enableIdempotence = random() < 0.75;
  return {
    enableIdempotence,
    acks: enableIdempotence ? -1 : pick([-1, 0, 1] as const),
    requestTimeoutMs: 700,
    deliveryTimeoutMs: random() < 0.5 ? 2000 + random() * 3000 : Infinity,
    retries: random() < 0.3 ? 2 : 2_147_483_647,
    maxInFlightRequestsPerConnection: 1 + below(5),
    maxRequestSize: 1000 + below(8000),
    batchSize: 500 + below(4000),
    reconnectBackoffMaxMs: 300,
    connectionsMaxIdleMs: 2000 + random() * 5000,
    metadataMaxAgeMs: 1000 + random() * 200_000,
    metadataMaxIdleMs: 1000 + random() * 5000,
    partitionerAdaptivePartitioningEnable: random() < 0.8,
    partitionerAvailabilityTimeoutMs: random() < 0.3 ? 200 : 0,
  };
}

function anyFaults({ random, pick }: Chance): Faults {
  const rate = random() * 0.1;
  const lost: RequestFault[] = ['cutBefore', 'cutAfter', 'zombie', 'silent'];
  return {
    request: ({ type }) => {
      if (random() >= rate) return undefined;
      if (random() < 0.6) return pick(lost);
      const isQuestion = type !== 'sendProduce' && random() < 0.3;
      if (isQuestion) return { error: 'UNKNOWN_SERVER_ERROR' };
      return { throttleMs: random() * 300, delayMs: random() * 900 };
    },
    refusal: ({ records }) => {
      if (records.count > 6 && random() < 0.02) return 'MESSAGE_TOO_LARGE';
      if (random() < 0.01) return 'INVALID_RECORD';
      if (random() < 0.005) return 'TOPIC_AUTHORIZATION_FAILED';
      return random() < rate ? 'NOT_ENOUGH_REPLICAS' : undefined;
    },
    afterAppend: () => (random() < rate / 2 ? 'REQUEST_TIMED_OUT' : undefined),
    connect: () => random() > rate,
  };
}

/** Something that people do to a cluster. */
function change(world: SimulatedWorld, chance: Chance, recreates: boolean): void {
  const { random, below, pick } = chance;
  const { cluster } = world;
  const name = pick(TOPICS);
  const topic = cluster.topics.get(name);
  assert.ok(topic !== undefined);
  const kind = random();
  if (kind < 0.2 && recreates) cluster.createTopic(name, 1 + below(6));
  else if (kind < 0.3) {
    topic.partitions.push(...cluster.createTopic('grown', 1 + below(2)).partitions);
    cluster.topics.delete('grown');
  } else if (kind < 0.5) {
    topic.error = pick(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);
    world.after(random() * 6000, () => (topic.error = undefined));
  } else if (kind < 0.6) replaceBroker(world, pick([...cluster.up.keys()]));
  else if (kind < 0.75) world.restart(pick([...cluster.up.keys()]), 50 + random() * 1500);
  else if (kind < 0.9) {
    pick(topic.partitions).moveTo(pick([...cluster.up.keys()]));
    world.changed();
  } else world.cutAll(random() < 0.5);
}

/** By one with another id, which has taken all of its replicas over. */
function replaceBroker(world: SimulatedWorld, old: number): void {
  const { up, topics } = world.cluster;
  const fresh = Math.max(...up.keys()) + 1;
  for (const partition of [...topics.values()].flatMap(({ partitions }) => partitions)) {
    const state = [...partition.stateOf(partition.leader)];
    partition.states.set(fresh, new Map(state.map(([id, known]) => [id, { ...known }])));
  }
  up.set(fresh, true);
  world.restart(old, Infinity);
  for (const partition of [...topics.values()].flatMap(({ partitions }) => partitions)) {
    if (partition.leader === old) partition.moveTo(fresh);
  }
  up.delete(old);
}

function sendSome(world: SimulatedWorld, { random, below, pick }: Chance): void {
  for (let n = below(5); n >= 0; n--) {
    const topic = pick(TOPICS);
    const partitions = world.cluster.topics.get(topic)?.partitions.length ?? 1;
    const partition = topic === 'keyed' ? below(partitions) : undefined;
    const options = { replayable: random() < 0.5, batchBytes: 200 + below(2000) };
    world.send(topic, partition, 1 + below(9), options);
  }
}

function heal(world: SimulatedWorld): void {
  world.faults = {};
  world.cluster.stale = () => false;
  world.run(7000);
  for (const node of world.cluster.up.keys()) world.cluster.up.set(node, true);
  // Records for partitions that a topic has no more wait for somebody to add them.
  const keyed = world.cluster.topics.get('keyed');
  keyed?.partitions.push(...world.cluster.createTopic('grown', 100).partitions);
  world.cluster.topics.delete('grown');
}

function story(seed: number): void {
  const chance = chanceOf(seed);
  const { random, below } = chance;
  const config = anyConfig(chance);
  const world = new SimulatedWorld({ nodes: 3, seed, config });
  const recreates = random() < 0.6;
  world.cluster.stale = () => random() < 0.2;
  for (const topic of TOPICS) world.cluster.createTopic(topic, 1 + below(6));
  world.faults = anyFaults(chance);
  world.start();
  for (let atMs = 0; atMs < CHAOS_MS; atMs += random() * 150) {
    world.after(atMs, () => sendSome(world, chance));
  }
  for (let atMs = 300; atMs < CHAOS_MS; atMs += 200 + random() * 3000) {
    world.after(atMs, () => change(world, chance, recreates));
  }
  world.run(CHAOS_MS);
  heal(world);
  world.settle(60_000);
  // Quiet for long, and then nothing must have been forgotten.
  world.run(30_000);
  for (const topic of TOPICS) world.send(topic, topic === 'keyed' ? 0 : undefined);
  world.settle(3000);
  world.step({ type: 'closeRequested' });
  assert.ok(
    world.run(10_000, () => world.closed),
    'it closes',
  );
  world.run(3000);
  assert.deepEqual(world.said('fatal'), []);
  assert.deepEqual(
    [...world.state.nodes.values()].flatMap(({ inFlight }) => inFlight),
    [],
  );
  if (config.enableIdempotence !== true) return;
  if (recreates) onceEach(world);
  else world.verify();
}

/** What was in a topic that was deleted is gone; nothing is in what is there twice. */
function onceEach(world: SimulatedWorld): void {
  const seen = new Set<number>();
  const logs = [...world.cluster.topics.values()].flatMap(({ partitions }) => partitions);
  const all: Records[] = logs.flatMap(({ log }) => log.map(({ records }) => records));
  for (const { from, count } of all) {
    for (let record = from; record < from + count; record++) {
      assert.ok(!seen.has(record), `record ${String(record)} is there twice`);
      seen.add(record);
    }
  }
}

test(`nothing waits for ever, whatever becomes of topics, partitions and brokers, in ${String(SEEDS)} seeds`, () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    try {
      story(seed);
    } catch (error) {
      const again = `seed ${String(seed)} (again: MILLRACE_FIRST_SEED=${String(seed)} MILLRACE_SEEDS=1)`;
      throw new Error(again, { cause: error });
    }
  }
});
