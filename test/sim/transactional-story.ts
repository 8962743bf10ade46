/**
 * One seed of an application with transactions: it commits, aborts, and aborts what failed, while the cluster misbehaves. Then the logs are read as a
 * reader of committed transactions reads them.
 */
import type { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import type { TransactionFault } from '../../src/send/transaction-events.ts';
import { chanceOf, type Chance } from '../support/seeded-random.ts';
import type { RequestEffect, RequestFault } from '../support/simulated-brokers.ts';
import type { Records } from '../support/simulated-partition.ts';
import type { PlainCall } from '../support/transaction-driver.ts';
import { TransactionalWorld } from '../support/transactional-world.ts';
import { demand, Fault, verdictOf, type SeedResult } from './fault.ts';
import { judgeMemory } from './judge-memory.ts';
import { Manners } from './manners.ts';
import { Trace } from './trace.ts';

const NODES = 3;
const PARTITIONS = 3;
const TRANSACTIONS = 12;
/** When all faults are over a call ends in this time. */
const CALL_MS = 300_000;
const GROUP = 'readers';

interface Scene {
  readonly producer: TransactionalWorld;
  readonly chance: Chance;
  readonly version: number;
  /** Nothing goes wrong: then nothing may fail either. */
  readonly isCalm: boolean;
  /** By partition: what was committed. */
  readonly committed: ProducerBatch[][];
  offset: bigint;
  committedOffset: bigint | undefined;
  /** Version 1 only: a coordinator takes a late InitProducerId for a newer producer, whatever epoch it carries. */
  isFenced: boolean;
  /** An EndTxn whose end nobody can tell: nothing more is promised. */
  isUnsure: boolean;
}

/** @param traced the `topic-partition` whose story is wanted */
export function runTransactions(seed: number, traced?: string): SeedResult {
  const chance = chanceOf(seed ^ 0x5f37_59df);
  const version = 1 + (seed % 2);
  // Transactions are the library's, where somebody waits for each outcome.
  const timeoutMs = chance.random() < 0.3 ? 500 + chance.below(1500) : 8000;
  const firstEpoch = chance.random() < 0.1 ? 32_762 + chance.below(4) : 0;
  const isCalm = chance.random() < 0.1;
  // Where nothing may fail, no record may be in more of a hurry than the end of the transaction before it, which has no bound.
  const deliveryTimeoutMs = isCalm ? 8000 : timeoutMs;
  const config = { requestTimeoutMs: 2000, deliveryTimeoutMs, outcomesFor: 'caller' } as const;
  const producer = new TransactionalWorld({
    ...{ version, seed, config, firstEpoch, nodes: NODES, partitions: PARTITIONS },
  });
  const { world } = producer;
  const manners = new Manners(world);
  const trace = new Trace(world, traced);
  const scene: Scene = {
    ...{ producer, chance, version, offset: 0n, committedOffset: undefined },
    isCalm,
    committed: Array.from({ length: PARTITIONS }, () => []),
    ...{ isFenced: false, isUnsure: false },
  };
  const verdict = verdictOf(() => {
    play(scene, manners);
  });
  const { recordCount: records, nowMs: simulatedMs } = world;
  return { story: 'transactions', seed, verdict, records, simulatedMs, trace: trace.lines };
}

function play(scene: Scene, manners: Manners): void {
  const { producer, chance } = scene;
  const { world } = producer;
  world.faults.request = (effect) => stillEnding(effect, chance.random);
  if (!scene.isCalm) makeTrouble(scene);
  for (let n = 0; n < TRANSACTIONS && !scene.isFenced && !scene.isUnsure; n++) {
    if (!scene.isCalm) disturb(scene);
    oneTransaction(scene);
  }
  if (scene.isUnsure) return;
  world.faults = {};
  for (let i = 0; i < PARTITIONS; i++) world.release('logs', i);
  world.run(5000);
  if (!scene.isFenced && !isUsable(scene)) return;
  // Closed in the middle of one, now and then: nobody sees anything of it.
  const isLeftOpen = !scene.isFenced && chance.random() < 0.3;
  if (isLeftOpen && mayBegin(scene)) sendSome(scene);
  world.step({ type: 'closeRequested' });
  demand(
    world.run(30_000, () => world.closed),
    'hung',
    () => 'it does not close',
  );
  world.run(5000);
  manners.end();
  judgeMemory(world);
  for (let i = 0; i < PARTITIONS; i++) judgePartition(scene, i);
  const { committedOffsets } = world.cluster.coordinator;
  const found = committedOffsets.get(GROUP)?.get('input-0');
  const torn = (): string => `offset ${found ?? 'none'}, not ${scene.committedOffset ?? 'none'}`;
  demand(found === scene.committedOffset, 'torn', torn);
  const ends = world.said('fatal').length;
  demand(ends === (scene.isFenced ? 1 : 0), 'broken', () => 'it stopped for good');
}

function makeTrouble({ producer, chance: { random, below } }: Scene): void {
  const { world } = producer;
  const rate = random() < 0.1 ? 0 : 0.02 + 0.08 * random();
  const bytesMax = random() < 0.2 ? 400 + below(500) : Infinity;
  world.cluster.leaderHints = random() < 0.5;
  world.cluster.mutesThrottled = random() < 0.5;
  world.faults.request = (effect) =>
    random() < rate ? faultOf(effect, random) : stillEnding(effect, random);
  world.faults.afterAppend = () => (random() < rate / 4 ? 'REQUEST_TIMED_OUT' : undefined);
  world.faults.refusal = ({ batchBytes }) => {
    if (batchBytes > bytesMax) return 'MESSAGE_TOO_LARGE';
    const luck = random();
    if (luck < rate / 4) return 'NOT_ENOUGH_REPLICAS';
    return luck < rate / 3 ? 'INVALID_RECORD' : undefined;
  };
}

/** The coordinator writes the markers of the last transaction yet: no fault, it takes a moment. */
function stillEnding(effect: RequestEffect, random: () => number): RequestFault | undefined {
  if (effect.type !== 'sendTransactionRequest' || random() > 0.1) return undefined;
  const { api } = effect.content;
  return api === 'FindCoordinator' ? undefined : { error: 'CONCURRENT_TRANSACTIONS' };
}

function faultOf(effect: RequestEffect, random: () => number): RequestFault {
  const luck = random();
  if (luck < 0.2) return 'cutBefore';
  if (luck < 0.5) return 'cutAfter';
  if (luck < 0.7) return 'zombie';
  if (luck < 0.75) return 'silent';
  if (luck < 0.85) return { delayMs: random() * 500 };
  if (luck < 0.9) return { throttleMs: random() * 200 };
  if (effect.type !== 'sendTransactionRequest') return { error: 'NOT_LEADER_OR_FOLLOWER' };
  return { error: random() < 0.5 ? 'COORDINATOR_LOAD_IN_PROGRESS' : 'NOT_COORDINATOR' };
}

/** What happens to brokers while a transaction is open. */
function disturb({ producer: { world }, chance: { random, below } }: Scene): void {
  const { cluster } = world;
  const node = below(NODES);
  const index = below(PARTITIONS);
  const kind = random();
  world.after(random() * 40, () => {
    if (kind < 0.15) {
      if (cluster.coordinator.node === node) cluster.coordinator.node = (node + 1) % NODES;
      world.restart(node, 50 + random() * 500);
    } else if (kind < 0.3) world.cutAll(random() < 0.5);
    else if (kind < 0.45) {
      cluster.partition('logs', index).moveTo(node);
      world.changed();
    } else if (kind < 0.55) cluster.coordinator.node = node;
    else if (kind < 0.7) {
      cluster.partition('logs', index).held = true;
      world.after(random() * 1500, () => world.release('logs', index));
    } else if (kind < 0.75) world.stall(random() * 1500);
  });
}

/** @returns whether it was committed */
function oneTransaction(scene: Scene, { isCommit = scene.chance.random() < 0.75 } = {}): boolean {
  const { producer, chance, isCalm } = scene;
  const { random } = chance;
  if (!mayBegin(scene)) return false;
  const sent = sendSome(scene);
  const withOffset = random() < 0.5;
  if (withOffset) producer.sendOffsets((scene.offset += 1n));
  producer.world.run(random() * 30);
  const fault = call(scene, isCommit ? 'commitTransaction' : 'abortTransaction');
  const isCommitted = isCommit && fault === undefined;
  demand(
    !isCalm || fault === undefined,
    'rude',
    () => `fails for no reason: ${fault?.message ?? ''}`,
  );
  if (isCommitted) {
    for (const batch of sent) scene.committed[batch.partition]?.push(batch);
    if (withOffset) scene.committedOffset = scene.offset;
  }
  const left = fault?.next === 'abort' ? call(scene, 'abortTransaction') : fault;
  if (left !== undefined) takeEnd(scene, left);
  return isCommitted;
}

/** After all trouble: what was late may cost one more transaction, or the producer, but then it works. */
function isUsable(scene: Scene): boolean {
  for (let tries = 0; tries < 3; tries++) {
    const isCommitted = oneTransaction(scene, { isCommit: true });
    if (isCommitted || scene.isFenced) return true;
    if (scene.isUnsure) return false;
  }
  throw new Fault('hung', 'no transaction can be committed any more');
}

function mayBegin(scene: Scene): boolean {
  const fault = call(scene, 'beginTransaction');
  if (fault !== undefined) takeEnd(scene, fault);
  return fault === undefined;
}

/** The producer is of no use any more: there are two reasons for that. */
function takeEnd(scene: Scene, { error, message, next }: TransactionFault): void {
  if (message.includes('not known')) {
    scene.isUnsure = true;
    return;
  }
  const isFenced = error === 'PRODUCER_FENCED' && next === 'close' && scene.version === 1;
  demand(isFenced, 'broken', () => `${error}: ${message}`);
  scene.isFenced = true;
}

function call({ producer }: Scene, name: PlainCall): TransactionFault | undefined {
  const operation = producer.start(name);
  const isEnded = (): boolean => producer.ended(operation) !== undefined;
  demand(producer.world.run(CALL_MS, isEnded), 'hung', () => `${name} does not end`);
  return producer.ended(operation)?.fault;
}

function sendSome({ producer: { world }, chance: { random, below } }: Scene): ProducerBatch[] {
  const sent: ProducerBatch[] = [];
  for (let i = below(10); i > 0; i--) {
    const batchBytes = 100 + below(900);
    sent.push(world.send('logs', below(PARTITIONS), 1 + below(9), { batchBytes }));
    if (random() < 0.5) world.run(random() * 10);
  }
  return sent;
}

/** What was committed is there once and in order, and nothing else can be read; no transaction is left open. */
function judgePartition({ producer, committed }: Scene, partition: number): void {
  const place = `logs-${partition}`;
  const seen = new Set<number>();
  const wanted = numbersOf(committed[partition]?.map(({ payload }) => payload as Records) ?? []);
  const isWanted = new Set(wanted);
  const read = numbersOf(producer.committed(partition));
  for (const record of read) {
    demand(!seen.has(record), 'duplicated', () => `record ${record} can be read twice`, place);
    seen.add(record);
    const torn = (): string => `record ${record} can be read, and was not committed`;
    demand(isWanted.has(record), 'torn', torn, place);
  }
  for (const record of wanted) {
    demand(seen.has(record), 'lost', () => `record ${record} was committed`, place);
  }
  const wrong = read.find((record, index) => record !== wanted[index]);
  const behind = (): string => `record ${wrong ?? -1} is not where it was sent`;
  demand(wrong === undefined, 'reordered', behind, place);
  const { log, committed: decided } = producer.world.cluster.partition('logs', partition);
  const open = log.find((entry) => entry.transactional === true && !decided.has(entry));
  const left = (): string => `the transaction of record ${open?.records.from ?? -1} is open`;
  demand(open === undefined, 'hung', left, place);
}

function numbersOf(records: readonly Records[]): number[] {
  return records.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i));
}
