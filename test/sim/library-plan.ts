/** What a seed of the library's story is like, beside the troubles that all stories have. */
import { PAGE_BYTES } from '../../src/ring/arena.ts';
import type { Chance } from '../support/seeded-random.ts';
import { forCaller, type Plan } from './plan.ts';

/** What the library is told, and how it is used. */
export interface LibraryKnobs {
  /** Of 4 KB: all that records may lie in. */
  readonly memoryPages: number;
  readonly maxRequestSize: number;
  readonly batchSize: number;
  readonly lingerMs: number;
  readonly maxBlockMs: number;
  readonly maxBlockRecords: number;
  readonly ignoresKeys: boolean;
  readonly isRoundRobin: boolean;
  /** Values are serialized by a function of the application that takes its time. */
  readonly isSlowSerializer: boolean;
  readonly deliveryTimeoutMs: number;
  /** Of most records, beside a few bytes. */
  readonly paddingMax: number;
  /** When a topic that records are sent to from the beginning comes into being. */
  readonly lateTopicMs: number;
  /** When that topic gets more partitions. */
  readonly growMs: number;
  /** When the application closes the producer; undefined: when all is over. */
  readonly closeMs: number | undefined;
  /** What it gives that close. */
  readonly closeTimeoutMs: number;
}

/** The plan of the other stories as it is for the library. */
export function libraryPlan(drawn: Plan, { random, below }: Chance): Plan {
  const plan = forCaller(drawn);
  const maxRequestSize = 6000 + below(30_000);
  const batchSize = random() < 0.2 ? 500 + below(1500) : 1000 + below(16_000);
  const isSmall = plan.batchBytesMax < Infinity;
  return {
    ...plan,
    config: { ...plan.config, maxRequestSize, batchSize },
    batchBytesMax: isSmall ? 1500 + below(4000) : Infinity,
    quietMs: 0,
    abandons: false,
    hasStuckPartition: !plan.isCalm && random() < 0.4,
  };
}

/** @param plan as `libraryPlan` has it */
export function drawKnobs({ config, isCalm }: Plan, chaosMs: number, chance: Chance): LibraryKnobs {
  const { random, below } = chance;
  const yes = (share: number): boolean => random() < share;
  const isRoundRobin = yes(0.1);
  const memoryPages = yes(0.6) ? 20 + below(40) : 256 + below(512);
  return {
    memoryPages,
    maxRequestSize: config.maxRequestSize ?? 0,
    // What is kept for others is no less than two batches.
    batchSize: Math.min(config.batchSize ?? 0, (memoryPages * PAGE_BYTES) / 8),
    // As Kafka has it: what lingers can still be sent once.
    lingerMs: yes(0.3) ? 0 : below(yes(0.3) ? 1200 : 50),
    maxBlockMs: isCalm ? 10_000 : 200 + below(4000),
    maxBlockRecords: yes(0.5) ? 5 + below(60) : 300,
    ignoresKeys: yes(0.1),
    isRoundRobin,
    isSlowSerializer: yes(0.12),
    deliveryTimeoutMs: config.deliveryTimeoutMs ?? Infinity,
    paddingMax: yes(0.5) ? 60 : 500,
    lateTopicMs: random() * chaosMs,
    growMs: chaosMs * (0.5 + random()),
    closeMs: yes(0.15) ? random() * chaosMs : undefined,
    closeTimeoutMs: yes(0.5) ? Infinity : below(3000),
  };
}
