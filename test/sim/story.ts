/** One seed from its first record to its verdict. */
import { UNASSIGNED_PARTITION } from '../../src/accumulate/producer-batch.ts';
import type { SenderConfig } from '../../src/send/sender-config.ts';
import { partitionsOf } from '../../src/send/sender-state.ts';
import { waiting } from '../../src/send/wait-status.ts';
import { chanceOf, type Chance } from '../support/seeded-random.ts';
import type { Records } from '../support/simulated-partition.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';
import { demand, Fault, verdictOf, type SeedResult } from './fault.ts';
import { judgeLogs } from './judge-logs.ts';
import { judgeMemory } from './judge-memory.ts';
import { Manners } from './manners.ts';
import { judgeTimes } from './judge-times.ts';
import { draw, forCaller } from './plan.ts';
import { endTrouble, planEpisodes, setUp } from './scenery.ts';
import { Trace } from './trace.ts';
import { anyNode, topics, type Scene } from './trouble.ts';

const RECORDS = 10_000;
const CHAOS_MS = 20_000;
/** When all faults are over everything is done in this time, slow retries of forbidden topics included. */
const SETTLE_MS = 120_000;

/**
 * @param traced the `topic-partition` whose story is wanted
 * @param outcomesFor `caller`: the sender of the library, where somebody waits for each outcome
 */
export function runSeed(
  seed: number,
  traced?: string,
  outcomesFor: SenderConfig['outcomesFor'] = 'source',
): SeedResult {
  const chance = chanceOf(seed);
  const plan = outcomesFor === 'caller' ? forCaller(draw(chance)) : draw(chance);
  const world = new SimulatedWorld({ nodes: 3, seed, config: plan.config, keepEffects: false });
  const scene: Scene = {
    ...{ world, chance, plan, slow: new Set(), fullDisks: new Set(), ignorant: new Set() },
    refused: new Set(),
    distrusted: new Set(),
    stuck: undefined,
    lateUntilMs: -Infinity,
  };
  const manners = new Manners(world);
  const trace = new Trace(world, traced);
  if (outcomesFor === 'caller') judgeTimes(world);
  const verdict = verdictOf(() => {
    play(scene, manners);
  });
  const { recordCount: records, nowMs: simulatedMs } = world;
  return { story: 'batches', seed, verdict, records, simulatedMs, trace: trace.lines };
}

function play(scene: Scene, manners: Manners): void {
  const { world, plan } = scene;
  setUp(scene, CHAOS_MS);
  world.start();
  const endMs = CHAOS_MS + plan.quietMs;
  planRecords(scene, manners);
  planEpisodes(scene, CHAOS_MS);
  world.run(endMs);
  if (plan.abandons) {
    abandon(scene);
  } else {
    endTrouble(scene);
    settle(scene, manners);
    judgeMemory(world);
    world.step({ type: 'closeRequested' });
  }
  demand(
    world.run(10_000, () => world.closed),
    'hung',
    () => 'it does not close',
  );
  // What dead connections still hold comes out.
  world.run(10_000);
  manners.end();
  judgeLogs(world, plan);
  judgeReasons(scene);
}

/** Nothing is refused for good, or settled, that nobody gave a reason for. */
function judgeReasons({ world, plan, refused }: Scene): void {
  for (const [{ payload, topic, partition }, outcome] of world.outcomes) {
    if (outcome.type !== 'rejected') continue;
    // A caller hears of a missing permission at once, for what waits behind the batch that met it too.
    if (outcome.error === 'TOPIC_AUTHORIZATION_FAILED' && plan.config.outcomesFor === 'caller') {
      continue;
    }
    const why = (): string => `rejected without a reason: ${outcome.error}`;
    demand(refused.has((payload as Records).from), 'rude', why, `${topic}-${partition}`);
  }
  const settled = world.said('settleStarted')[0];
  if (!plan.isCalm || settled === undefined) return;
  const { topic, partition, cause } = settled;
  throw new Fault('rude', `settled in a calm cluster: ${cause}`, `${topic}-${partition}`);
}

/** Moments of trouble: half of them before the quiet, half after it. */
function anyMs({ chance, plan }: Scene): number {
  const atMs = chance.random() * CHAOS_MS;
  return atMs < CHAOS_MS / 2 ? atMs : atMs + plan.quietMs;
}

function planRecords(scene: Scene, manners: Manners): void {
  const { world, chance, plan } = scene;
  const endMs = CHAOS_MS + plan.quietMs - 1;
  let records = 0;
  for (let flush = 1; records < RECORDS; flush++) {
    const drawn = drawBatches(chance);
    records += drawn.reduce((sum, { count }) => sum + count, 0);
    const asksFlush = plan.flushes && chance.random() < 0.05;
    world.after(anyMs(scene), () => {
      const lateMs = Math.max(0, Math.min(scene.lateUntilMs, endMs) - world.nowMs);
      world.after(lateMs, () => {
        const batches = drawn.map(({ topic, partition, count, bytes, replayable }) =>
          world.batch(topic, partition, count, { batchBytes: bytes, replayable }),
        );
        world.step({ type: 'batchesSealed', batches });
        if (asksFlush) manners.flush(flush);
      });
    });
  }
}

interface DrawnBatch {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly count: number;
  readonly bytes: number;
  readonly replayable: boolean;
}

function drawBatches({ random, below }: Chance): DrawnBatch[] {
  const drawn: DrawnBatch[] = [];
  const isKeyless = random() < 0.45;
  // A burst goes to one partition, so that several are in flight there.
  const burst = random() < 0.4 ? below(topics.keyed) : undefined;
  for (let n = below(7); n >= 0; n--) {
    drawn.push({
      topic: isKeyless ? 'keyless' : 'keyed',
      partition: isKeyless ? undefined : (burst ?? below(topics.keyed)),
      count: random() < 0.1 ? 1 : 1 + below(24),
      bytes: 200 + below(2500),
      replayable: random() < 0.3,
    });
  }
  return drawn;
}

/** First all but the partition that nobody leads, then that one. */
function settle(scene: Scene, manners: Manners): void {
  const { world, chance, stuck } = scene;
  if (stuck !== undefined) {
    const others = () =>
      waiting(world.state).filter(({ topic, partition }) => {
        return partition < 0 || world.cluster.partition(topic, partition) !== stuck;
      });
    const areDone = world.run(SETTLE_MS, () => others().length === 0 && !world.isStalled);
    judgeDeadlines(scene);
    demand(areDone, 'hung', () => `beside a partition without a leader: ${wait(scene)}`);
    stuck.moveTo(anyNode(world, chance));
    world.changed();
  }
  const isDone = world.run(SETTLE_MS, () => world.isSettled && manners.openFlushes === 0);
  demand(isDone, 'hung', () => `${wait(scene)}, flushes ${manners.openFlushes}`, waitPlace(scene));
}

/** What was never sent has expired when its time is up, whatever its partition waits for. */
function judgeDeadlines({ world }: Scene): void {
  const { deliveryTimeoutMs } = world.state.config;
  world.run(deliveryTimeoutMs === Infinity ? 0 : deliveryTimeoutMs + 1000);
  for (const { topic, partition, queue } of partitionsOf(world.state)) {
    for (const { id, replayable, createdMs } of queue) {
      const isLate = !replayable && world.nowMs > createdMs + deliveryTimeoutMs + 500;
      const late = (): string =>
        `batch ${id} of ${Math.round(world.nowMs - createdMs)} ms should have expired`;
      demand(!isLate, 'hung', late, `${topic.topic}-${partition}`);
    }
  }
}

function wait({ world }: Scene): string {
  return waiting(world.state)
    .map(({ topic, partition, batches, why }) => `${topic}-${partition}: ${batches} (${why})`)
    .join(', ');
}

function waitPlace({ world }: Scene): string | undefined {
  const first = waiting(world.state).find(({ partition }) => partition !== UNASSIGNED_PARTITION);
  return first === undefined ? undefined : `${first.topic}-${first.partition}`;
}

/** No time is left: every batch gets its outcome in this very step. */
function abandon({ world }: Scene): void {
  world.step({ type: 'closeRequested' });
  world.run(300);
  world.step({ type: 'abandonRequested' });
  const isOver = world.state.incomplete === 0 || world.isStalled;
  demand(isOver, 'hung', () => 'closing left a batch without outcome');
}
