/** What stories have in common: the cluster as the plan has it, its troubles one after the other, and their end. */
import { partitionOf, topicOf } from '../../src/send/sender-state.ts';
import {
  allPartitions,
  anyNode,
  anyPartition,
  faultsOf,
  heal,
  playEpisode,
  rulesOf,
  topics,
  type Scene,
} from './trouble.ts';

/** Well above the silence after which the sender itself expects to be forgotten, and the time that a record may wait in the sender. */
const EXPIRATION_MS = 150_000;
const EXPIRY_CHECK_MS = 7000;

/** @param chaosMs how long there will be trouble, the silence in the middle not counted */
export function setUp(scene: Scene, chaosMs: number): void {
  const { world, chance, plan, ignorant } = scene;
  const { cluster } = world;
  for (const [topic, partitions] of Object.entries(topics)) {
    cluster.createTopic(topic, partitions).logAppendTime = chance.random() < 0.25;
  }
  cluster.mutesThrottled = plan.mutesThrottled;
  cluster.leaderHints = plan.leaderHints;
  cluster.describeProducers = plan.hasDescribeProducers;
  cluster.duplicateIsError = plan.duplicateIsError;
  cluster.firstEpoch = plan.firstEpoch;
  cluster.stale = () => chance.random() < plan.staleRate;
  cluster.missing = (_, node) => ignorant.has(node);
  if (plan.isStrictBroker) cluster.unknownProducer = 'OUT_OF_ORDER_SEQUENCE_NUMBER';
  if (plan.isOldBroker) {
    cluster.unknownProducer = 'UNKNOWN_PRODUCER_ID';
    cluster.forgottenDuplicate = 'DUPLICATE_SEQUENCE_NUMBER';
  }
  if (plan.quietMs > 0) {
    cluster.expirationMs = EXPIRATION_MS;
    for (let atMs = 0; atMs < chaosMs + plan.quietMs; atMs += EXPIRY_CHECK_MS) {
      world.after(atMs, () => cluster.expireProducers(world.nowMs));
    }
  }
  if (plan.beforeWrap !== undefined) startBeforeWrap(scene, plan.beforeWrap);
  world.faults = faultsOf(scene);
}

/** As if two thousand million records had gone before. */
function startBeforeWrap({ world: { state } }: Scene, records: number): void {
  for (const [topic, partitions] of Object.entries(topics)) {
    for (let partition = 0; partition < partitions; partition += 2) {
      const { identity } = partitionOf(state, topicOf(state, topic), partition);
      identity.counter = 2 ** 31 - records;
      identity.ackedCounter = identity.counter;
    }
  }
}

/** @param chaosMs as for `setUp` */
export function planEpisodes(scene: Scene, chaosMs: number): void {
  const { world, plan, chance } = scene;
  for (let atMs = 500; atMs < chaosMs; atMs += 300 + chance.random() * plan.episodeGapMs) {
    const isLate = atMs >= chaosMs / 2;
    world.after(isLate ? atMs + plan.quietMs : atMs, () => playEpisode(scene));
  }
  if (!plan.hasStuckPartition) return;
  world.after((chaosMs * 3) / 20 + (chance.random() * chaosMs) / 2, () => {
    scene.stuck = anyPartition(scene);
    scene.stuck.moveTo(-1);
    world.changed();
  });
}

/** All faults are over, but for a partition that is stuck. */
export function endTrouble(scene: Scene): void {
  const { world, chance, slow, fullDisks, ignorant } = scene;
  world.faults = rulesOf(scene);
  world.cluster.stale = () => false;
  for (const set of [slow, fullDisks, ignorant]) set.clear();
  const partitions = allPartitions(world);
  for (const partition of partitions) {
    if (partition.leader === -1 && partition !== scene.stuck) {
      partition.moveTo(anyNode(world, chance));
    }
  }
  heal(world, partitions);
}
