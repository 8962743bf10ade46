/**
 * What the library's engine has for a sender in the simulation: the core in its simulated world, with the real bytes of real batches. As the shell
 * (src/send/network-client.ts), without sockets.
 */
import { UNASSIGNED_PARTITION, type ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { decodeRecords } from '../../src/kafka/record.ts';
import { BATCH_HEADER_BYTES } from '../../src/kafka/record-batch.ts';
import type { EngineSender, SenderLinks } from '../../src/producer-engine.ts';
import type { Deliveries } from '../../src/producer/delivery.ts';
import type { Arena } from '../../src/ring/arena.ts';
import type { SharedMemory } from '../../src/ring/shared-memory.ts';
import { bytesOf, type BatchPayload } from '../../src/send/batch-memory.ts';
import type { SenderEffect, SenderEvent } from '../../src/send/events.ts';
import type {
  CloseResult,
  SealedProducerBatch,
  SenderStats,
} from '../../src/send/network-client.ts';
import { splitBatch } from '../../src/send/split-batch.ts';
import { TopicViews, type TopicView } from '../../src/send/topic-view.ts';
import { aborted } from '../../src/shared/aborted.ts';
import type { Records } from '../support/simulated-partition.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';
import { demand } from './fault.ts';
import type { Ledger } from './library-ledger.ts';

type Batch = SealedProducerBatch<Deliveries>;

export interface LibrarySenderOptions {
  readonly world: SimulatedWorld;
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly ledger: Ledger;
  /** Something has happened that a promise may wait for. */
  readonly touched: () => void;
}

/** Nobody asks for figures in the simulation. */
const noStats: SenderStats = {
  ...{ bytesSent: 0, bytesReceived: 0, connectionsOpen: 0, connectsFailed: 0 },
  ...{ requestsSent: 0, produceRequestsSent: 0, batchesSent: 0, requestsInFlight: 0 },
  ...{ latencyMs: 0, latencyMaxMs: 0, throttleAvgMs: 0, throttleMaxMs: 0, batchesAppended: 0 },
  outcomes: { acked: 0, rejected: 0, expired: 0, failed: 0, abandoned: 0 },
};

export class LibrarySender implements EngineSender {
  readonly nowMs: () => number;
  readonly isIdle = true;
  readonly transactionPhase = undefined;
  readonly whyCallWaits = '';
  readonly stats = noStats;
  readonly #options: LibrarySenderOptions;
  readonly #links: SenderLinks;
  readonly #views: TopicViews;
  #appended: Batch[] = [];
  readonly #flushes = new Map<number, () => void>();
  #nextFlush = 0;
  #onClosed: (() => void) | undefined;

  /** The manners of the world are watched already: what they see comes before what is done here. */
  constructor(options: LibrarySenderOptions, links: SenderLinks) {
    const { world, memory, arena } = options;
    this.#options = options;
    this.#links = links;
    this.nowMs = () => world.nowMs;
    this.#views = new TopicViews(world.state);
    const splits = {
      ...{ memory, arena, compressionLevel: undefined, cutRanges: links.cutRanges },
      takeBatchId: () => this.takeBatchId(),
    };
    world.splitter = (batch, bytesMax) => {
      const pieces = splitBatch<Deliveries>(splits, batch as Batch, bytesMax);
      const event = { type: 'batchSplit', batch, pieces } as const;
      this.#number(event);
      world.step(event);
    };
    const { event, effect } = world.observer;
    world.observer.event = (one) => {
      event?.(one);
      if (one.type === 'metadataAnswered') this.#afterStep(links.onMetadata);
    };
    world.observer.effect = (one) => {
      this.#check(one);
      effect?.(one);
      this.#run(one);
    };
  }

  start(): void {
    this.#options.world.start();
  }

  takeBatchId(): number {
    return this.#options.world.takeBatchId();
  }

  append(batch: Batch): void {
    const { world, ledger, memory } = this.#options;
    const { sealed } = batch.payload;
    const payload = bytesOf(memory, sealed).subarray(BATCH_HEADER_BYTES);
    const records = [...decodeRecords(payload, batch.recordCount)];
    number(batch, world.adopt(batch), sealed.timestampMs);
    ledger.sealed(batch, records, sealed.timestampMs);
    if (this.#appended.length === 0) world.after(0, () => this.#takeAppended());
    this.#appended.push(batch);
  }

  knownTopic(name: string): TopicView | undefined {
    return this.#views.known(name);
  }

  topic(name: string): TopicView | undefined {
    const known = this.#views.known(name);
    if (known !== undefined) return known;
    this.#options.world.step({ type: 'topicWanted', topic: name });
    return this.#views.missing(name);
  }

  isBehind(topic: string, partition = UNASSIGNED_PARTITION): boolean {
    return this.#options.world.state.accumulator.queue(topic, partition).length > 0;
  }

  flush(): Promise<void> {
    this.#takeAppended();
    const flush = this.#nextFlush;
    this.#nextFlush += 1;
    return new Promise((resolve) => {
      this.#flushes.set(flush, resolve);
      this.#options.world.step({ type: 'flushRequested', flush });
    });
  }

  transact(): Promise<undefined> {
    throw new Error('transactions have a story of their own');
  }

  clientInstanceId(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async close(giveUp: AbortSignal): Promise<CloseResult> {
    const { world } = this.#options;
    this.#takeAppended();
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
    });
    world.step({ type: 'closeRequested' });
    await Promise.race([closed, aborted(giveUp)]);
    if (giveUp.aborted) world.step({ type: 'abandonRequested' });
    await closed;
    return { abandonedCount: 0 };
  }

  #takeAppended(): void {
    const batches = this.#appended;
    if (batches.length === 0) return;
    this.#appended = [];
    this.#options.world.step({ type: 'batchesSealed', batches });
  }

  #afterStep(run: () => void): void {
    this.#options.world.after(0, () => {
      this.#options.touched();
      run();
    });
  }

  /** The records of pieces keep the numbers that they had in the whole. */
  #number({ batch, pieces }: Extract<SenderEvent, { readonly type: 'batchSplit' }>): void {
    let { from } = batch.payload as Records;
    for (const piece of pieces) {
      number(piece, from, (batch.payload as BatchPayload).sealed.timestampMs);
      from += piece.recordCount;
    }
  }

  /** What goes out is what was written: nobody else has the bytes meanwhile. */
  #check(effect: SenderEffect): void {
    if (effect.type !== 'sendProduce') return;
    for (const { batch } of effect.entries) {
      const { sealed } = batch.payload as BatchPayload;
      const payload = bytesOf(this.#options.memory, sealed).subarray(BATCH_HEADER_BYTES);
      const isWhole = crc32c(payload) === sealed.payloadCrc;
      demand(isWhole, 'leaked', () => `batch ${batch.id} is sent with the bytes of another`);
    }
  }

  #run(effect: SenderEffect): void {
    const { ledger, touched } = this.#options;
    // Whatever it is, somebody may wait for what comes of it.
    touched();
    if (effect.type === 'outcome') {
      ledger.settled(effect.batch, effect.outcome);
      this.#links.onOutcome(effect.batch as Batch, effect.outcome);
    } else if (effect.type === 'flushed') {
      this.#flushes.get(effect.flush)?.();
      this.#flushes.delete(effect.flush);
    } else if (effect.type === 'closed') {
      this.#onClosed?.();
    } else if (effect.type === 'report' && effect.report.kind === 'fatal') {
      this.#links.onFatal(effect.report.error, effect.report.message);
    }
  }
}

/** For brokers and judges, who know records by numbers. */
function number(batch: ProducerBatch, from: number, timestampMs: number): void {
  const records: Records = { from, count: batch.recordCount, timestampMs };
  Object.assign(batch.payload as object, records);
}
