/** What a seed does to the sender, drawn before it begins: a few kinds of trouble each, so that no kind hides behind another. */
import type { KafkaErrorName } from '../../src/kafka/errors.ts';
import type { SenderConfig } from '../../src/send/sender-config.ts';
import type { RequestFault } from '../support/simulated-brokers.ts';
import type { Chance } from '../support/seeded-random.ts';

/** Refusals before the append, by what they do to the sender; brokers give them before they look for duplicates. */
const refusals = {
  replicas: ['NOT_ENOUGH_REPLICAS'],
  leaders: [
    'LEADER_NOT_AVAILABLE',
    'NOT_LEADER_OR_FOLLOWER',
    'REPLICA_NOT_AVAILABLE',
    'FENCED_LEADER_EPOCH',
    'UNKNOWN_LEADER_EPOCH',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'UNKNOWN_TOPIC_ID',
    'INCONSISTENT_TOPIC_ID',
  ],
  disk: ['KAFKA_STORAGE_ERROR'],
  quota: ['THROTTLING_QUOTA_EXCEEDED'],
  coordinator: [
    'COORDINATOR_LOAD_IN_PROGRESS',
    'COORDINATOR_NOT_AVAILABLE',
    'NOT_COORDINATOR',
    'CONCURRENT_TRANSACTIONS',
  ],
  nameless: ['UNKNOWN_SERVER_ERROR'],
  sequence: ['OUT_OF_ORDER_SEQUENCE_NUMBER'],
} as const satisfies Record<string, readonly KafkaErrorName[]>;

/** Refusals for good: rare, or nothing would be left to lose. */
const rejections: readonly KafkaErrorName[] = [
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'POLICY_VIOLATION',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'INVALID_REQUIRED_ACKS',
];

/** Answers to a batch that is in the leader's log. */
const afterAppends: readonly KafkaErrorName[] = [
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'UNKNOWN_SERVER_ERROR',
  'NOT_LEADER_OR_FOLLOWER',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'KAFKA_STORAGE_ERROR',
];

/** What happens to the cluster, the network, or the host of the sender. */
export const episodeKinds = [
  'restart',
  'bounce',
  'loseState',
  'move',
  'hold',
  'cut',
  'offline',
  'slowBroker',
  'stall',
  'wallClock',
  'diskFull',
  'vanish',
  'readdress',
  'recreate',
  'lateBatches',
  'holdAndRestart',
] as const;
export type EpisodeKind = (typeof episodeKinds)[number];

export interface Plan {
  readonly config: Partial<SenderConfig> & {
    readonly enableIdempotence: boolean;
    readonly acks: -1 | 0 | 1;
    readonly maxInFlightRequestsPerConnection: number;
  };
  /** Faults per request. */
  readonly rate: number;
  readonly requestFaults: readonly RequestFault[];
  readonly refusals: readonly KafkaErrorName[];
  readonly rejections: readonly KafkaErrorName[];
  readonly rejectionRate: number;
  readonly afterAppends: readonly KafkaErrorName[];
  /** Nothing goes wrong: then nothing may need to be settled either. */
  readonly isCalm: boolean;
  /** Batches of more bytes are refused with MESSAGE_TOO_LARGE. */
  readonly batchBytesMax: number;
  readonly tearsFrames: boolean;
  readonly isSlowNetwork: boolean;
  /** DescribeProducers and Fetch are not permitted. */
  readonly isBlind: boolean;
  readonly episodes: readonly EpisodeKind[];
  readonly episodeGapMs: number;
  /** Nothing is sent for so long in the middle: state of the producer id expires meanwhile. */
  readonly quietMs: number;
  /** One partition has no leader until all others are done. */
  readonly hasStuckPartition: boolean;
  /** Sequences begin this near to their wrap. */
  readonly beforeWrap: number | undefined;
  readonly firstEpoch: number;
  readonly isOldBroker: boolean;
  readonly duplicateIsError: boolean;
  /** KIP-219: brokers read nothing more while they throttle. */
  readonly mutesThrottled: boolean;
  readonly isStrictBroker: boolean;
  readonly hasDescribeProducers: boolean;
  readonly leaderHints: boolean;
  readonly staleRate: number;
  readonly flushes: boolean;
  /** The sender is closed with work left. */
  readonly abandons: boolean;
}

/** Draws the plan of a seed. */
export function draw(chance: Chance): Plan {
  const plan = drawTrouble(chance);
  return chance.random() < 0.06 ? calm(plan, chance) : plan;
}

/** Somebody waits for each outcome, and there is a time by which it has to come. */
export function forCaller(plan: Plan): Plan {
  const { deliveryTimeoutMs = Infinity } = plan.config;
  const config = {
    outcomesFor: 'caller',
    deliveryTimeoutMs: Math.min(deliveryTimeoutMs, 4000),
  } as const;
  return { ...plan, config: { ...plan.config, ...config } };
}

function calm(plan: Plan, { below }: Chance): Plan {
  return {
    ...plan,
    config: { ...plan.config, deliveryTimeoutMs: Infinity, connectionsMaxIdleMs: 540_000 },
    ...{ isCalm: true, rate: 0, rejections: [], episodes: [], batchBytesMax: Infinity },
    ...{ tearsFrames: false, isSlowNetwork: false, quietMs: 0, hasStuckPartition: false },
    ...{ abandons: false, staleRate: 0, beforeWrap: 1 + below(300) },
    ...{ isOldBroker: false, isStrictBroker: false },
  };
}

function drawTrouble(chance: Chance): Plan {
  const { random, below, pick } = chance;
  const yes = (share: number): boolean => random() < share;
  const some = <T>(list: readonly T[], share: number): T[] => list.filter(() => yes(share));
  const enableIdempotence = yes(0.85);
  const isOldBroker = yes(0.12);
  const isBlind = yes(isOldBroker ? 0.4 : 0.05);
  // Without the right to read, state that is lost at the wrong moment can only be guessed.
  const losers: readonly EpisodeKind[] = ['loseState', 'wallClock', 'recreate'];
  const episodes = some(episodeKinds, 0.35).filter((kind) => !isBlind || !losers.includes(kind));
  const hasStuckPartition = yes(0.2);
  const hasDeadline = yes(0.3);
  return {
    config: {
      enableIdempotence,
      acks: enableIdempotence ? -1 : pick([-1, -1, 0, 1] as const),
      requestTimeoutMs: 700,
      deliveryTimeoutMs: hasDeadline ? 2000 + below(3000) : Infinity,
      retries: yes(0.1) ? 1 + below(4) : 2_147_483_647,
      maxInFlightRequestsPerConnection: drawInFlight(chance, enableIdempotence),
      maxRequestSize: 1000 + below(12_000),
      batchSize: 500 + below(4000),
      reconnectBackoffMaxMs: 300,
      connectionsMaxIdleMs: yes(0.3) ? 2000 + below(5000) : 540_000,
      metadataMaxAgeMs: yes(0.3) ? 1000 + below(20_000) : 300_000,
      metadataMaxIdleMs: yes(0.3) ? 1000 + below(5000) : 300_000,
      partitionerAdaptivePartitioningEnable: yes(0.8),
      partitionerAvailabilityTimeoutMs: yes(0.2) ? 200 : 0,
    },
    rate: yes(0.15) ? 0 : random() * 0.12,
    requestFaults: drawRequestFaults(chance),
    refusals: drawRefusals(chance, enableIdempotence && !isBlind),
    rejections: yes(0.4) ? rejections : [],
    rejectionRate: random() * (yes(0.3) ? 0.04 : 0.01),
    afterAppends: yes(0.5) ? some(afterAppends, 0.5) : [],
    isCalm: false,
    batchBytesMax: yes(0.3) ? 700 + below(2000) : Infinity,
    tearsFrames: yes(0.2),
    isSlowNetwork: yes(0.2),
    isBlind,
    episodes,
    episodeGapMs: 300 + below(4000),
    // What is stuck for so long would be older than what a broker remembers.
    quietMs: !hasStuckPartition && !isBlind && yes(0.25) ? 100_000 + below(150_000) : 0,
    hasStuckPartition,
    beforeWrap: yes(0.25) ? 1 + below(300) : undefined,
    firstEpoch: yes(0.1) ? 32_764 + below(4) : 0,
    isOldBroker,
    duplicateIsError: yes(0.1),
    mutesThrottled: yes(0.7),
    isStrictBroker: yes(0.1),
    // From Kafka 2.8 on.
    hasDescribeProducers: !isOldBroker && yes(0.92),
    leaderHints: yes(0.5),
    staleRate: yes(0.5) ? random() * 0.4 : 0,
    flushes: yes(0.4),
    abandons: yes(0.08),
  };
}

/** A wrong OUT_OF_ORDER can be seen through by reading the log; without idempotence no broker looks at sequences. */
function drawRefusals({ random }: Chance, withSequence: boolean): KafkaErrorName[] {
  const kinds = Object.values(refusals).filter(() => random() < 0.3);
  return kinds.flat().filter((name) => withSequence || name !== 'OUT_OF_ORDER_SEQUENCE_NUMBER');
}

/** Without idempotence only one in flight promises an order. */
function drawInFlight({ random, below }: Chance, enableIdempotence: boolean): number {
  if (enableIdempotence) return random() < 0.4 ? 5 : 1 + below(5);
  return random() < 0.6 ? 1 : 5;
}

function drawRequestFaults({ random, pick }: Chance): RequestFault[] {
  const drawn: RequestFault[] = (['cutBefore', 'cutAfter', 'zombie', 'silent'] as const).filter(
    () => random() < 0.5,
  );
  if (random() < 0.3) drawn.push({ throttleMs: 50 + random() * 400 });
  if (random() < 0.4) drawn.push({ delayMs: random() * 900 });
  if (random() < 0.2) drawn.push({ omits: true });
  if (drawn.length === 0) drawn.push(pick(['cutAfter', 'zombie', 'silent']));
  return drawn;
}
