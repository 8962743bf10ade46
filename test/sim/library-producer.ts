/**
 * The library without its sockets and its outermost class: the real intake and the real engine, in memory of their own, on simulated time. Joined as
 * src/producer.ts joins them.
 */
import { readProducerConfig, type EngineConfig } from '../../config/producer-config.ts';
import { loadKernel } from '../../src/encode/kernel.ts';
import type { EngineParts } from '../../src/engine-parts.ts';
import { createCompressor } from '../../src/kafka/compression.ts';
import { ProducerEngine } from '../../src/producer-engine.ts';
import type { CallDelivery } from '../../src/producer/call-delivery.ts';
import type { KafkaError } from '../../src/producer/errors.ts';
import { kafkaError } from '../../src/producer/outcome-error.ts';
import type { ProducerOwnSettings } from '../../src/producer/producer-config.ts';
import type { DeliveryCallback, ProducerRecord } from '../../src/producer/record.ts';
import { RecordIntake } from '../../src/producer/record-intake.ts';
import { Arena, PAGE_BYTES } from '../../src/ring/arena.ts';
import { layoutMemory } from '../../src/ring/memory-layout.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { aborted } from '../../src/shared/aborted.ts';
import type { Clock } from '../../src/shared/clock.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';
import { Fault } from './fault.ts';
import type { Ledger } from './library-ledger.ts';
import type { LibraryKnobs } from './library-plan.ts';
import { LibrarySender } from './library-sender.ts';
import { Manners } from './manners.ts';
import { Wire } from './wire.ts';

/** All seeds of a process have the same, one after the other: only pages that are touched cost anything. */
const MEMORY_BYTES = 16 << 20;
const base = readProducerConfig({ 'bootstrap.servers': 'bootstrap:9092' });
const memory = allocateSharedMemory(MEMORY_BYTES);
const layout = layoutMemory(MEMORY_BYTES, 0);
const kernel = await loadKernel(memory.memory);

/** Any day will do. */
const WALL_START_MS = 1_700_000_000_000;

type Datum = string | Uint8Array;

export interface LibraryProducerOptions {
  readonly world: SimulatedWorld;
  readonly knobs: LibraryKnobs;
  readonly settings: ProducerOwnSettings<Datum, Datum>;
  readonly ledger: Ledger;
  /** Something has happened that a promise may wait for. */
  readonly touched: () => void;
}

export class LibraryProducer {
  readonly intake: RecordIntake<Datum, Datum>;
  readonly arena: Arena;
  readonly #options: LibraryProducerOptions;
  #engine: ProducerEngine | undefined;
  #started: () => void = () => undefined;
  readonly #starting = new Promise<void>((resolve) => {
    this.#started = resolve;
  });
  #fatal: KafkaError | undefined;

  constructor(options: LibraryProducerOptions) {
    this.#options = options;
    const { knobs, settings } = options;
    const bytes = knobs.memoryPages * PAGE_BYTES;
    this.arena = new Arena(memory, { address: layout.arena.address, bytes, guard: 'check' });
    new Manners(options.world, new Wire({ memory, arena: this.arena }));
    this.intake = new RecordIntake<Datum, Datum>({
      ...{ kafka: configOf(knobs).kafka, settings, clock: this.#clock(), transactions: undefined },
      engine: () => this.#engine,
      fatal: () => this.#fatal,
      unreachable: () => undefined,
      onFailed: () => undefined,
      onInterceptorFault: () => undefined,
    });
  }

  /** The engine is there, some time after the first records. */
  start(): void {
    const { world, knobs, ledger, touched } = this.#options;
    const { arena } = this;
    const changed = (): void => this.intake.changed();
    const parts: EngineParts = {
      memory,
      layout,
      arena,
      kernel,
      compressor: createCompressor('none'),
    };
    this.#engine = new ProducerEngine(
      {
        config: configOf(knobs),
        ...{ onRoom: changed, onMetadata: changed },
        onFatal: (error, message) => {
          this.#fatal = kafkaError(error, message);
          changed();
        },
        onFault: (error) => {
          throw new Fault('broken', `nothing can be encoded any more: ${error.message}`);
        },
      },
      {
        ...{ parts, clock: this.#clock() },
        createSender: (links) =>
          new LibrarySender({ world, memory, arena, ledger, touched }, links),
      },
    );
    this.#started();
    changed();
  }

  get isStarted(): boolean {
    return this.#engine !== undefined;
  }

  take(record: ProducerRecord, callback: DeliveryCallback | null): void {
    this.intake.take(record, callback);
  }

  takeAll(records: Iterable<ProducerRecord>): Promise<CallDelivery> {
    return this.intake.takeAll(records);
  }

  async flush(): Promise<void> {
    await this.#starting;
    await this.intake.passed();
    await this.#engine?.flush();
  }

  async close(giveUp: AbortSignal): Promise<void> {
    this.intake.close();
    await this.#starting;
    await Promise.race([this.intake.passed(), aborted(giveUp)]);
    this.intake.abandon();
    await this.#engine?.close(giveUp);
  }

  /** What is due while the process stands still comes when it goes on. */
  #clock(): Clock {
    const { world, touched } = this.#options;
    return {
      nowMs: () => world.nowMs,
      wallMs: () => WALL_START_MS + Math.floor(world.nowMs + world.wallOffsetMs),
      after: (delayMs, then) => {
        let isDue = true;
        const fire = (): void => {
          if (!isDue) return;
          if (world.isStalled) {
            world.after(world.stalledUntilMs - world.nowMs, fire);
            return;
          }
          touched();
          then();
        };
        world.after(delayMs, fire);
        return () => {
          isDue = false;
        };
      },
    };
  }
}

function configOf(knobs: LibraryKnobs): EngineConfig {
  const { maxRequestSize, batchSize, lingerMs, maxBlockMs, maxBlockRecords, ignoresKeys } = knobs;
  return {
    ...base,
    kafka: {
      ...{ ...base.kafka, maxRequestSize, batchSize, lingerMs, maxBlockMs, maxBlockRecords },
      bufferMemory: knobs.memoryPages * PAGE_BYTES,
      partitionerIgnoreKeys: ignoresKeys,
    },
  };
}
