/** The faults and episodes of a plan, carried out in a simulated world. */
import type { KafkaErrorName } from '../../src/kafka/errors.ts';
import type { Faults, RequestEffect, RequestFault } from '../support/simulated-brokers.ts';
import type { ProduceCall } from '../support/simulated-cluster.ts';
import type { SimulatedPartition } from '../support/simulated-partition.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';
import type { Chance } from '../support/seeded-random.ts';
import type { EpisodeKind, Plan } from './plan.ts';

export const topics = { keyed: 8, keyless: 8 } as const;
type TopicName = keyof typeof topics;
const topicNames: readonly TopicName[] = ['keyed', 'keyless'];

const FORBIDDEN_RATE = 0.002;
const CORRUPT_RATE = 0.002;

/** Of a story: what lasts for a while. */
export interface Scene {
  readonly world: SimulatedWorld;
  readonly chance: Chance;
  readonly plan: Plan;
  readonly slow: Set<number>;
  readonly fullDisks: Set<number>;
  readonly ignorant: Set<number>;
  /** First records of batches that were refused for good. */
  readonly refused: Set<number>;
  /** Epochs whose sequences are wrongly refused from now on, and sequences that were, in passing. */
  readonly distrusted: Set<string>;
  /** Whose leader is gone until the end. */
  stuck: SimulatedPartition | undefined;
  /** The encoders are behind: batches come together when this is over. */
  lateUntilMs: number;
}

/** What goes wrong with single requests. */
export function faultsOf(scene: Scene): Faults {
  const { chance, plan, slow, fullDisks } = scene;
  const { random, pick } = chance;
  const { rate } = plan;
  const corrupted = new Set<number>();
  return {
    request: (effect) => requestFault(scene, effect),
    refusal: (call, node) => {
      const { records } = call;
      if (fullDisks.has(node)) return 'KAFKA_STORAGE_ERROR';
      if (isTooLarge(scene, call)) return 'MESSAGE_TOO_LARGE';
      if (isDistrusted(scene, call)) return 'OUT_OF_ORDER_SEQUENCE_NUMBER';
      const luck = random();
      if (plan.rejections.length > 0 && luck < plan.rejectionRate) {
        scene.refused.add(records.from);
        return pick(plan.rejections);
      }
      if (luck > 1 - FORBIDDEN_RATE * rate) return 'TOPIC_AUTHORIZATION_FAILED';
      if (random() < CORRUPT_RATE * rate && !corrupted.has(records.from)) {
        corrupted.add(records.from);
        return 'CORRUPT_MESSAGE';
      }
      if (plan.refusals.length === 0 || random() >= rate) return undefined;
      const refusal = pick(plan.refusals);
      return refusal === 'OUT_OF_ORDER_SEQUENCE_NUMBER' ? distrust(scene, call, node) : refusal;
    },
    afterAppend: () => {
      if (plan.afterAppends.length === 0 || random() >= rate / 2) return undefined;
      return pick(plan.afterAppends);
    },
    connect: () => random() >= rate,
    torn: () => plan.tearsFrames && random() < rate / 2,
    uploadMs: ({ type, node }) => {
      if (slow.has(node)) return 20 + random() * 200;
      return plan.isSlowNetwork && type === 'sendProduce' ? random() * 40 : 0;
    },
  };
}

/** What is no fault stays: how large a batch may be, and what may be read. */
export function rulesOf(scene: Scene): Faults {
  return {
    request: ({ type }) => (scene.plan.isBlind && isRead(type) ? forbidden : undefined),
    refusal: (call) => {
      if (isTooLarge(scene, call)) return 'MESSAGE_TOO_LARGE';
      return isDistrusted(scene, call) ? 'OUT_OF_ORDER_SEQUENCE_NUMBER' : undefined;
    },
  };
}

/**
 * A sequence that is right is taken for wrong: in passing, or for as long as its epoch lasts. What a broker has refused twice it also
 * refuses later, when it comes from a dead connection: it looks at nothing but the sequence. Who knows nothing of the producer has nothing that a
 * sequence could follow, and takes any.
 */
function distrust(
  { world, chance, distrusted }: Scene,
  call: ProduceCall,
  node: number,
): KafkaErrorName | undefined {
  const partition = world.cluster.partition(call.topic, call.partition);
  if (!partition.stateOf(node).has(call.producerId)) return undefined;
  const epoch = epochOf(call);
  const sequence = `${epoch}/${String(call.baseSequence)}`;
  if (distrusted.has(sequence)) return undefined;
  distrusted.add(chance.random() < 0.5 ? epoch : sequence);
  return 'OUT_OF_ORDER_SEQUENCE_NUMBER';
}

function isDistrusted({ distrusted }: Scene, call: ProduceCall): boolean {
  return distrusted.has(epochOf(call));
}

function epochOf({ topic, partition, producerId, producerEpoch }: ProduceCall): string {
  return [topic, partition, producerId, producerEpoch].join('/');
}

function isTooLarge({ plan, refused }: Scene, { batchBytes, records }: ProduceCall): boolean {
  if (batchBytes <= plan.batchBytesMax) return false;
  if (records.count === 1) refused.add(records.from);
  return true;
}

const forbidden = { error: 'TOPIC_AUTHORIZATION_FAILED' } as const;

function isRead(type: RequestEffect['type']): boolean {
  return type === 'sendDescribeProducers' || type === 'readHeaders';
}

function requestFault({ chance, plan, slow }: Scene, effect: RequestEffect) {
  const { random, pick } = chance;
  const { type } = effect;
  if (plan.isBlind && isRead(type)) return forbidden;
  if (slow.has(effect.node)) return { delayMs: 100 + random() * 900 };
  if (random() >= plan.rate) return undefined;
  if (type === 'sendProduce' || random() < 0.6) return varied(pick(plan.requestFaults), random);
  return questionFault(chance, type);
}

function varied(fault: RequestFault, random: () => number): RequestFault {
  if (typeof fault === 'string' || fault.throttleMs === undefined) return fault;
  return { ...fault, throttleMs: Math.ceil(fault.throttleMs * random()) };
}

function questionFault({ pick }: Chance, type: RequestEffect['type']): RequestFault {
  if (type === 'sendMetadata')
    return { error: pick(['REBOOTSTRAP_REQUIRED', 'REQUEST_TIMED_OUT']) };
  if (type === 'sendInitProducerId') {
    return { error: pick(['COORDINATOR_LOAD_IN_PROGRESS', 'UNKNOWN_SERVER_ERROR']) };
  }
  return {
    error: pick(['UNKNOWN_SERVER_ERROR', 'NOT_LEADER_OR_FOLLOWER', 'OFFSET_NOT_AVAILABLE']),
  };
}

const episodes: Readonly<Record<EpisodeKind, (scene: Scene) => void>> = {
  restart: ({ world, chance }) => {
    world.restart(anyNode(world, chance), 50 + chance.random() * 1500);
  },
  /** So quick that no other leader was elected: five batches were in, and one is remembered. */
  bounce: ({ world, chance }) => {
    world.restart(anyNode(world, chance), 5 + chance.random() * 50, { keepsLeaders: true });
  },
  loseState: ({ world, chance }) => {
    const keepsLeaders = chance.random() < 0.5;
    const downMs = keepsLeaders ? 20 : 50 + chance.random() * 1500;
    world.restart(anyNode(world, chance), downMs, { losesState: true, keepsLeaders });
  },
  move: (scene) => {
    const { world, chance } = scene;
    for (let n = chance.below(4); n >= 0; n--) {
      const partition = anyPartition(scene);
      if (partition !== scene.stuck) partition.moveTo(anyNode(world, chance));
    }
    world.changed();
  },
  /** Followers stop; the leader may be lost before they come back. */
  hold: (scene) => hold(scene, [anyPartition(scene)], scene.chance.random() * 1500),
  cut: ({ world, chance }) => world.cutAll(chance.random() < 0.6),
  offline: (scene) => {
    const { world, chance } = scene;
    const partition = anyPartition(scene);
    if (partition === scene.stuck) return;
    partition.moveTo(-1);
    world.changed();
    world.after(chance.random() * 3000, () => {
      if (partition.leader === -1) partition.moveTo(anyNode(world, chance));
    });
  },
  slowBroker: ({ world, chance, slow }) => {
    const node = anyNode(world, chance);
    slow.add(node);
    world.after(chance.random() * 3000, () => slow.delete(node));
  },
  stall: ({ world, chance }) => world.stall(chance.random() * (chance.random() < 0.2 ? 8000 : 800)),
  wallClock: ({ world, chance }) => {
    world.wallOffsetMs = (chance.random() - 0.5) * 20_000;
  },
  diskFull: ({ world, chance, fullDisks }) => {
    const node = anyNode(world, chance);
    fullDisks.add(node);
    world.after(100 + chance.random() * 1000, () => {
      fullDisks.delete(node);
      for (const partition of allPartitions(world)) {
        if (partition.leader === node) partition.moveTo(anyNode(world, chance));
      }
      world.changed();
    });
  },
  vanish: ({ world, chance, ignorant }) => {
    const node = anyNode(world, chance);
    world.restart(node, 20 + chance.random() * 300);
    ignorant.add(node);
    world.after(500 + chance.random() * 1500, () => ignorant.delete(node));
  },
  readdress: ({ world }) => {
    world.cluster.readdress();
    world.cutAll(false);
  },
  recreate: ({ world, chance, stuck }) => {
    if (stuck === undefined && chance.random() < 0.2) {
      world.cluster.recreateTopic(chance.pick(topicNames));
      world.changed();
    }
  },
  lateBatches: (scene) => {
    scene.lateUntilMs = scene.world.nowMs + scene.chance.random() * 1500;
  },
  /** What the leader has is not replicated when its answers are lost; then it is lost itself. */
  holdAndRestart: (scene) => {
    const { world, chance, plan } = scene;
    const node = anyNode(world, chance);
    const held = allPartitions(world).filter(({ leader }) => leader === node);
    hold(scene, held, 3000);
    world.after(chance.random() * 60, () => world.cutAll(true));
    // Expiry by record time may leave a leader without state above its watermark.
    const isForgetful = plan.episodes.includes('loseState') && chance.random() < 0.5;
    world.after(60 + chance.random() * 900, () => {
      if (isForgetful) world.restart(node, 20, { losesState: true, keepsLeaders: true });
      else world.restart(node, 50 + chance.random() * 900);
    });
    world.after(1000 + chance.random() * 500, () => heal(world, held));
  },
};

export function playEpisode(scene: Scene): void {
  const { plan, chance } = scene;
  if (plan.episodes.length > 0) episodes[chance.pick(plan.episodes)](scene);
}

function hold({ world }: Scene, partitions: readonly SimulatedPartition[], forMs: number): void {
  for (const partition of partitions) partition.held = true;
  world.after(forMs, () => heal(world, partitions));
}

/** Followers fetch again. */
export function heal(world: SimulatedWorld, partitions: Iterable<SimulatedPartition>): void {
  for (const partition of partitions) partition.release();
  world.changed();
}

export function allPartitions(world: SimulatedWorld): SimulatedPartition[] {
  return [...world.cluster.topics.values()].flatMap(({ partitions }) => partitions);
}

export function anyPartition({ world, chance }: Scene): SimulatedPartition {
  const topic = chance.pick(topicNames);
  return world.cluster.partition(topic, chance.below(topics[topic]));
}

export function anyNode({ cluster }: SimulatedWorld, { pick }: Chance): number {
  return pick([...cluster.up.keys()]);
}
