/**
 * One seed of an application that uses the library: `send` and `sendAll` through the real intake, into real batches in little memory, while the
 * cluster misbehaves. Then the logs are read record by record.
 */
import { waiting } from '../../src/send/wait-status.ts';
import { chanceOf } from '../support/seeded-random.ts';
import { SimulatedPartition } from '../support/simulated-partition.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';
import { asyncVerdictOf, demand, type SeedResult } from './fault.ts';
import { judgeMemory } from './judge-memory.ts';
import { judgeRecords } from './judge-records.ts';
import { judgeTimes } from './judge-times.ts';
import {
  LATE_PARTITIONS,
  LATE_TOPIC,
  LibraryApplication,
  NO_TOPIC,
  type Place,
} from './library-application.ts';
import { Ledger, type SentRecord } from './library-ledger.ts';
import { drawKnobs, libraryPlan, type LibraryKnobs } from './library-plan.ts';
import { LibraryProducer } from './library-producer.ts';
import { draw } from './plan.ts';
import { endTrouble, planEpisodes, setUp } from './scenery.ts';
import { Trace } from './trace.ts';
import { anyNode, topics, type Scene } from './trouble.ts';

const CHAOS_MS = 4000;
const ACTIONS = 24;
/** The producer is made while the first records are sent. */
const START_MS = 5;
const SETTLE_MS = 120_000;
/** What was stopped last is up again. */
const RECOVERY_MS = 3000;
/** What is sent to a place that takes nothing, until memory is full of it or as many wait as shall. */
const STUCK_RECORDS = 200;
const STUCK_BYTES = 2000;

interface LibraryScene extends Scene {
  readonly knobs: LibraryKnobs;
  readonly ledger: Ledger;
  readonly producer: LibraryProducer;
  readonly application: LibraryApplication;
  readonly trace: Trace;
  /** Times that something has happened that a promise may wait for. */
  touches: number;
  /** What a promise was rejected with that never may be. */
  fault: { readonly error: unknown } | undefined;
}

/** @param traced the `topic-partition` whose story is wanted */
export async function runLibrary(seed: number, traced?: string): Promise<SeedResult> {
  const scene = sceneOf(seed, traced);
  const { world, ledger, trace } = scene;
  const verdict = await asyncVerdictOf(() => play(scene));
  const { nowMs: simulatedMs } = world;
  const records = ledger.records.length;
  return { story: 'library', seed, verdict, records, simulatedMs, trace: trace.lines };
}

function sceneOf(seed: number, traced: string | undefined): LibraryScene {
  const chance = chanceOf(seed ^ 0x2545_f491);
  const plan = libraryPlan(draw(chance), chance);
  const knobs = drawKnobs(plan, CHAOS_MS, chance);
  const config = { ...plan.config, batchSize: knobs.batchSize };
  const world = new SimulatedWorld({ nodes: 3, seed, config, keepEffects: false });
  const ledger = new Ledger({
    nowMs: () => world.nowMs,
    partitionsOf: (topic) => (topic in topics ? topics[topic as keyof typeof topics] : undefined),
    usesKeys: !knobs.ignoresKeys && !knobs.isRoundRobin,
    isRoundRobin: knobs.isRoundRobin,
  });
  const touched = (): void => {
    scene.touches += 1;
  };
  const after = (ms: number, then: () => void): void => {
    world.after(ms, () => {
      if (world.isStalled) {
        after(world.stalledUntilMs - world.nowMs, then);
        return;
      }
      touched();
      then();
    });
  };
  const settings = {
    ...(knobs.isRoundRobin ? { 'partitioner.class': 'roundRobin' as const } : {}),
    ...(knobs.isSlowSerializer ? { 'value.serializer': slowSerializer(after, chance.random) } : {}),
  };
  const producer = new LibraryProducer({ world, knobs, settings, ledger, touched });
  const trace = new Trace(world, traced);
  trace.namesOf = ({ from, count }) => `records ${ledger.ids.slice(from, from + count).join(' ')}`;
  judgeTimes(world);
  const onFault = (error: unknown): void => {
    scene.fault ??= { error };
  };
  const application = new LibraryApplication({
    ...{ world, chance, knobs, ledger, producer, after, onFault },
  });
  const scene: LibraryScene = {
    ...{ world, chance, plan, slow: new Set(), fullDisks: new Set(), ignorant: new Set() },
    ...{ refused: new Set(), distrusted: new Set(), stuck: undefined, lateUntilMs: -Infinity },
    ...{ knobs, ledger, producer, application, trace, touches: 0, fault: undefined },
  };
  for (let n = 0; n < ACTIONS; n += 1) {
    after(chance.random() * CHAOS_MS, () => {
      if (!application.isClosed || chance.random() < 0.1) application.act();
    });
  }
  return scene;
}

function slowSerializer(
  after: (ms: number, then: () => void) => void,
  random: () => number,
): (value: string | Uint8Array) => Promise<Uint8Array> | string {
  return (value) => {
    const text = value.toString();
    if (random() < 0.6) return text;
    return new Promise((resolve) => {
      after(random() * 30, () => {
        resolve(Buffer.from(text));
      });
    });
  };
}

async function play(scene: LibraryScene): Promise<void> {
  const { world, producer, application, knobs } = scene;
  setUp(scene, CHAOS_MS);
  planTopics(scene);
  world.after(START_MS, () => producer.start());
  planEpisodes(scene, CHAOS_MS);
  const { closeMs = Infinity } = knobs;
  await run(scene, Math.min(closeMs, CHAOS_MS));
  if (closeMs < Infinity) {
    const closing = closeOf(scene, knobs.closeTimeoutMs);
    await run(scene, CHAOS_MS - world.nowMs);
    endTrouble(scene);
    unstick(scene);
    await ended(scene, closing);
  } else {
    endTrouble(scene);
    await lastRound(scene);
    unstick(scene);
    const isDone = await run(scene, SETTLE_MS, () => isQuiet(scene));
    demand(isDone, 'hung', () => `${openOf(scene)}; ${waits(scene)}`);
    judgeMemory(world);
    await ended(scene, closeOf(scene, Infinity));
  }
  const isQuietNow = application.openCalls + application.openFlushes + application.openPromises;
  demand(isQuietNow === 0, 'hung', () => `closed, and somebody waits: ${openOf(scene)}`);
  const { id } = application.send({ topic: 'keyed' }, 'callback');
  demand(scene.ledger.records[id]?.end !== undefined, 'hung', () => 'sent after its end');
  // What dead connections still hold comes out.
  await run(scene, 10_000);
  const { freeBytes, totalBytes } = producer.arena;
  const left = (): string => `${totalBytes - freeBytes} bytes of buffer.memory are never freed`;
  demand(freeBytes === totalBytes, 'leaked', left);
  judgeRecords(scene, producer.intake.counts);
}

function planTopics({ world, knobs }: LibraryScene): void {
  const { cluster } = world;
  const [few, many] = LATE_PARTITIONS;
  world.after(knobs.lateTopicMs, () => {
    cluster.createTopic(LATE_TOPIC, few);
    world.changed();
  });
  world.after(Math.max(knobs.growMs, knobs.lateTopicMs), () => {
    const partitions = cluster.topics.get(LATE_TOPIC)?.partitions;
    while (partitions !== undefined && partitions.length < many) {
      partitions.push(new SimulatedPartition(partitions.length % 3, cluster.up.keys()));
    }
  });
}

/**
 * Whatever is stuck stops nobody else: a partition without a leader and a topic that does not exist have records waiting, and one record for each of
 * all other places goes through.
 */
async function lastRound(scene: LibraryScene): Promise<void> {
  const { world, chance, stuck, application, knobs, producer, ledger } = scene;
  const others = () =>
    waiting(world.state).filter(({ topic, partition }) => {
      return partition < 0 || world.cluster.topics.get(topic)?.partitions[partition] !== stuck;
    });
  const isFree = (): boolean => {
    const { recordsWaiting } = producer.intake.counts;
    if (ledger.untold + application.openCalls + recordsWaiting > 0 || world.isStalled) return false;
    return others().length === 0;
  };
  // Where max.block.ms is long, one that sends to what never comes would go on for minutes.
  application.loops = false;
  const isFirstOver = await run(scene, SETTLE_MS, isFree);
  application.answersBack = false;
  // A standstill puts things off: a batch that nobody is told of may linger still, and what joins it is as old as it is. And brokers come back.
  await run(scene, Math.max(knobs.lingerMs + 1, RECOVERY_MS));
  const isOver = isFirstOver && (await run(scene, SETTLE_MS, isFree));
  demand(isOver, 'hung', () => `beside what is stuck: ${openOf(scene)}; ${waits(scene)}`);
  const places = placesOf(scene);
  const spare = knobs.maxBlockRecords - places.length;
  const stuckPlace = stuck === undefined ? { topic: NO_TOPIC } : placeOf(scene);
  for (let n = 0; n < STUCK_RECORDS && stuckPlace !== undefined; n += 1) {
    if (producer.intake.counts.recordsWaiting >= Math.min(spare / 2, 20)) break;
    application.send(n < 3 ? { topic: NO_TOPIC } : stuckPlace, 'callback', STUCK_BYTES);
  }
  const sent =
    spare > 0
      ? places.map((place) => application.send(place, chance.pick(['callback', 'promise']), 0))
      : [];
  const waitMs = knobs.maxBlockMs + knobs.deliveryTimeoutMs;
  await run(scene, waitMs + 1000, () => sent.every(({ end }) => end !== undefined));
  if (scene.distrusted.size > 0) return;
  const failed = sent.find(({ end }) => end?.metadata === undefined || end.metadata === null);
  const why = (): string => {
    const { topic, partition, end, id } = failed as SentRecord;
    const told = end?.error?.message ?? 'no end';
    return `record ${id} for ${topic}-${partition ?? 'any'} fails after all trouble: ${told}`;
  };
  demand(failed === undefined, 'hung', why);
}

/** All that can be sent to, each partition by itself and each topic for any. */
function placesOf({ world, stuck }: LibraryScene): Place[] {
  const places: Place[] = [];
  for (const [topic, { partitions }] of world.cluster.topics) {
    if (topic === LATE_TOPIC) continue;
    // Of those for any partition some may have been given to the one that is stuck since, and hold what their lane may hold.
    if (!partitions.some((one) => one === stuck)) places.push({ topic });
    partitions.forEach((one, partition) => {
      if (one !== stuck) places.push({ topic, partition });
    });
  }
  return places;
}

function placeOf({ world, stuck }: LibraryScene): Place | undefined {
  for (const [topic, { partitions }] of world.cluster.topics) {
    const partition = partitions.findIndex((one) => one === stuck);
    if (partition >= 0) return { topic, partition };
  }
  return undefined;
}

function unstick({ world, chance, stuck }: LibraryScene): void {
  if (stuck === undefined) return;
  stuck.moveTo(anyNode(world, chance));
  world.changed();
}

/** Lets time pass, and promises be kept as it does. */
async function run(
  scene: LibraryScene,
  forMs: number,
  isDone: () => boolean = () => false,
): Promise<boolean> {
  const { world } = scene;
  const endMs = world.nowMs + forMs;
  for (;;) {
    const { touches } = scene;
    await turn();
    if (scene.fault !== undefined) throw scene.fault.error;
    if (isDone()) return true;
    if (world.nowMs >= endMs && scene.touches === touches) return false;
    const seen = scene.touches;
    world.run(endMs - world.nowMs, () => scene.touches > seen);
  }
}

/** Of Node's event loop: after it everything is done that waits for nothing but promises. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

function closeOf(scene: LibraryScene, timeoutMs: number): { isEnded: boolean } {
  const closing = { isEnded: false };
  scene.application
    .close(timeoutMs)
    .then(() => {
      closing.isEnded = true;
    })
    .catch((error: unknown) => {
      scene.fault ??= { error };
    });
  return closing;
}

async function ended(scene: LibraryScene, closing: { isEnded: boolean }): Promise<void> {
  const isEnded = await run(scene, SETTLE_MS, () => closing.isEnded);
  demand(isEnded, 'hung', () => `it does not close: ${openOf(scene)}; ${waits(scene)}`);
}

/** Nobody waits for anything any more. */
function isQuiet({ ledger, application, producer, world }: LibraryScene): boolean {
  const { openCalls, openFlushes, openPromises } = application;
  if (ledger.untold + openCalls + openFlushes + openPromises > 0) return false;
  const { recordsWaiting } = producer.intake.counts;
  return recordsWaiting + world.state.incomplete + world.state.overdue === 0;
}

function openOf({ ledger, application, producer }: LibraryScene): string {
  const open = ledger.records.find((record) => !ledger.isOver(record));
  const { openCalls, openFlushes, openPromises } = application;
  const { recordsWaiting } = producer.intake.counts;
  return (
    `record ${open?.id ?? 'none'} (${open?.topic ?? ''}-${open?.partition ?? 'any'}, ${open?.way ?? ''}) is open, ` +
    `calls ${openCalls}, flushes ${openFlushes}, promises ${openPromises}, waiting ${recordsWaiting}`
  );
}

function waits({ world }: LibraryScene): string {
  return waiting(world.state)
    .map(({ topic, partition, batches, why }) => `${topic}-${partition}: ${batches} (${why})`)
    .join(', ');
}
