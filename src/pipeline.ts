/**
 * READ FIRST. Builds the stages in the order of the data and joins them; nothing else does.
 *
 *     1 input -> 2 ring -> 3 encode -> 4 accumulate -> 5 send -> 6 ack -> 7 checkpoint
 *
 * Bounds: `buffer.memory`. When it is full nothing is read; nothing is dropped for lack of room.
 * A stop goes the same way: no more reading, then what is open is closed, encoded, sent, acknowledged and remembered.
 */
import type { Config } from '../config/schema.ts';
import { ProducerBatch } from './accumulate/producer-batch.ts';
import { DeliveryTracker } from './ack/delivery-tracker.ts';
import type { ProduceOutcome } from './ack/produce-outcome.ts';
import { EncoderPool } from './encode/encoder-pool.ts';
import type { EncodedPart } from './encode/encode-order.ts';
import { createEngineParts, senderParts, type EngineParts } from './engine-parts.ts';
import { rangesOf, type Chunk } from './input/chunk.ts';
import { Chunkers } from './input/chunkers.ts';
import { systemClock } from './input/clock.ts';
import type { Input, InputCounters, InputGate, InputNotice } from './input/input.ts';
import type { SourceRange } from './input/source.ts';
import { LongLinesTold } from './long-lines.ts';
import { LostRecords } from './lost-records.ts';
import type { Arena } from './ring/arena.ts';
import { KafkaSender, type SealedProducerBatch } from './send/network-client.ts';
import { createCounters, type Counters } from './shared/counters.ts';
import { SetupError } from './shared/errors.ts';
import type { Telemetry } from './shared/telemetry.ts';
import {
  batchBytesMax,
  chunkBytesMax,
  inlineBytesMax,
  recordBytesMax,
  routeSpec,
} from './stage-settings.ts';

/** What a batch stands for in its sources. The pieces of a split batch share it: which piece holds which position is not known. */
interface Origin {
  readonly topic: string;
  /** Of the arena. */
  readonly bytes: number;
  readonly ranges: readonly SourceRange[];
  /** Pieces without an outcome. */
  open: number;
  /** The worst outcome of a piece so far. */
  fate: 'acked' | 'rejected' | 'expired' | 'open';
}

export interface PipelineOptions {
  readonly config: Config;
  readonly telemetry: Telemetry;
  /** Makes the inputs when everything behind them stands. */
  readonly inputs: (gate: InputGate) => readonly Input[];
  /** How long a topic that does not exist, or is not permitted, is waited for before that is a fault. Default: until it can be used. */
  readonly topicWaitMaxMs?: number;
  /** Records were given up because delivery.timeout.ms passed, or retries were used up: others may follow them. */
  readonly onGivenUp?: () => void;
  /** It cannot go on: bug, or a sender that has stopped for good. */
  readonly onFault: (error: Error) => void;
}

/** The whole way of the data, running. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #inputs: readonly Input[];
  readonly #chunkers: Chunkers;
  readonly #pool: EncoderPool<Chunk>;
  readonly #sender: KafkaSender<Origin>;
  readonly #tracker: DeliveryTracker;
  readonly #lost: LostRecords;
  readonly #longLines: LongLinesTold;
  readonly #arena: Arena;
  /** The sender takes nothing more: what the workers still bring is left to the next start. */
  #isClosed = false;
  readonly #counters = createCounters();

  /** @throws {SetupError} when the memory cannot be had */
  static async create(options: PipelineOptions): Promise<Pipeline> {
    const { config } = options;
    return new Pipeline(options, await createEngineParts(config, recordBytesMax(config.inputs)));
  }

  private constructor(options: PipelineOptions, parts: EngineParts) {
    const { config, telemetry } = options;
    const { memory, layout, arena, kernel, compressor } = parts;
    this.#options = options;
    this.#arena = arena;
    this.#tracker = new DeliveryTracker();
    this.#lost = new LostRecords(telemetry);
    this.#longLines = new LongLinesTold(telemetry);
    this.#sender = new KafkaSender<Origin>({
      ...senderParts(config, parts, options.topicWaitMaxMs ?? Infinity, 'source'),
      onOutcome: (batch, outcome) => this.#settle(batch, outcome),
      cutRanges: (batch, counts) => shareOrigin(batch.payload.ranges, counts.length),
      onFatal: (error, message) => options.onFault(senderFault(error, message)),
      telemetry,
    });
    this.#chunkers = new Chunkers({
      memory,
      arena,
      kernel,
      clock: systemClock,
      lingerMs: config.kafka.lingerMs,
      topics: config.inputs.map((input) => routeSpec(input)),
      chunkBytesMax: chunkBytesMax(config.kafka, compressor.codec, layout.rawBytes),
      dispatch: (chunk) => this.#pool.submit(chunk),
    });
    const inline = inlineBytesMax(compressor.codec);
    this.#pool = new EncoderPool<Chunk>({
      ...parts,
      batchBytesMax: batchBytesMax(config.kafka),
      ...(inline === undefined ? {} : { inlineBytesMax: inline }),
      lanes: { nameOf: ({ route }) => route.topic, shares: this.#chunkers.shares },
      onPart: (part) => this.#accumulate(part),
      onFault: options.onFault,
    });
    this.#inputs = options.inputs({
      memory,
      arena,
      chunkers: this.#chunkers,
      kernel,
      clock: systemClock,
      skipped: (range) => this.#tracker.skipped(range),
      cutLine: (rule) => this.#longLines.add(rule, 1),
      report: (notice) => sayNotice(telemetry, notice),
    });
  }

  /** Connects, and begins to read. Resolves when all inputs read; brokers that cannot be reached are waited for. @throws {SetupError} */
  async start(): Promise<void> {
    this.#sender.start();
    for (const input of this.#inputs) await input.start();
  }

  /** Resolves when there is nothing more to come from any input. */
  async ended(): Promise<void> {
    await Promise.all(this.#inputs.map((input) => input.ended));
  }

  /**
   * Reads no more, delivers what was read, and ends. Can be called after a failed start.
   *
   * @param giveUp when it resolves, what is not delivered yet is left: a file goes on from there at the next start
   * @returns whether everything that was read was delivered
   */
  async stop(giveUp: Promise<unknown>): Promise<boolean> {
    const isDrained = await Promise.race([
      this.#drain().then(() => true),
      giveUp.then(() => false),
    ]);
    this.#isClosed = true;
    const { abandonedCount } = await this.#sender.close(AbortSignal.abort());
    await this.#pool.close();
    this.#lost.say();
    this.#longLines.say();
    return isDrained && abandonedCount === 0;
  }

  /** Inputs that ended because they could not be read further. */
  get broken(): readonly string[] {
    return this.#inputs.filter((input) => input.isBroken === true).map(({ describe }) => describe);
  }

  /** After `stop`: what nobody can read again and is not delivered. */
  undelivered(): readonly string[] {
    return this.#inputs.flatMap((input) => input.undelivered?.() ?? []);
  }

  /** All counters and gauges, as they are now. */
  counters(): Counters {
    const sum = (field: keyof InputCounters): number =>
      this.#inputs.reduce((total, input) => total + input.counters[field], 0);
    const sender = this.#sender.stats;
    const settled = this.#tracker.counters;
    const inputBytes = sum('readBytes');
    return {
      ...this.#counters,
      inputBytes,
      inputSkippedBytes: sum('skippedBytes'),
      longLines: this.#counters.longLines + sum('longLines'),
      partialLines: sum('unterminatedLines'),
      filesOpen: sum('filesOpened') - sum('filesClosed'),
      filesTruncated: sum('filesTruncated'),
      connectionsOpen: sum('connectionsOpened') - sum('connectionsClosed'),
      connectionsRefused: sum('connectionsRefused'),
      requestsSent: sender.requestsSent,
      produceRequestsSent: sender.produceRequestsSent,
      requestsInFlight: sender.requestsInFlight,
      networkBytesSent: sender.bytesSent,
      networkBytesReceived: sender.bytesReceived,
      brokerConnections: sender.connectionsOpen,
      batchesRetried: Math.max(0, sender.batchesSent - this.#counters.batchesEncoded),
      bytesInFlight: this.#arena.totalBytes - this.#arena.freeBytes,
      lagBytes:
        inputBytes -
        (settled.ackedBytes + settled.rejectedBytes + settled.expiredBytes + settled.skippedBytes),
    };
  }

  async #drain(): Promise<void> {
    await Promise.all(this.#inputs.map((input) => input.stop()));
    this.#chunkers.flush();
    await this.#pool.idle();
    await this.#sender.flush();
  }

  /** A part of a chunk is sealed: on to its partition's queue. */
  #accumulate(part: EncodedPart<Chunk>): void {
    if (this.#isClosed) return;
    const { chunk, sealed } = part;
    const ranges = rangesOf(chunk.segments, part.from, part.to);
    this.#counters.emptyLines += part.emptyCount;
    this.#counters.longLines += part.longCount;
    this.#longLines.add(chunk.route, part.longCount);
    if (sealed === undefined) {
      for (const range of ranges) this.#tracker.skipped(range);
    } else {
      this.#tracker.sent(ranges);
      this.#counters.recordsEncoded += sealed.recordCount;
      this.#counters.batchesEncoded += 1;
      this.#counters.rawBytes += sealed.rawBytes;
      this.#counters.batchBytes += sealed.batchBytes;
      const { topic, isReplayable = false } = chunk.route;
      const ageMs = Math.max(0, Date.now() - chunk.timestampMs);
      this.#sender.append(
        new ProducerBatch({
          id: this.#sender.takeBatchId(),
          topic,
          recordCount: sealed.recordCount,
          batchBytes: sealed.batchBytes,
          rawBytes: sealed.rawBytes,
          createdMs: this.#sender.nowMs() - ageMs,
          replayable: isReplayable,
          payload: {
            sealed,
            ranges: { topic, bytes: sealed.run.bytes, ranges, open: 1, fate: 'acked' },
          },
        }),
      );
    }
    if (!part.last) return;
    this.#counters.chunksEncoded += 1;
    this.#chunkers.encoded(chunk);
  }

  /** What became of a batch, or of a piece of one. */
  #settle(batch: SealedProducerBatch<Origin>, outcome: ProduceOutcome): void {
    const origin = batch.payload.ranges;
    const { recordCount } = batch;
    switch (outcome.type) {
      case 'acked':
        this.#counters.recordsAcked += recordCount;
        this.#counters.batchesAcked += 1;
        this.#counters.bytesAcked += batch.batchBytes;
        if (outcome.duplicate) this.#counters.recordsDuplicate += recordCount;
        break;
      case 'rejected':
        this.#counters.recordsRejected += recordCount;
        origin.fate = 'rejected';
        this.#lose('recordsRejected', batch, outcome.error, outcome.message);
        break;
      case 'expired':
      case 'failed':
        this.#counters.recordsExpired += recordCount;
        if (origin.fate === 'acked') origin.fate = 'expired';
        this.#options.onGivenUp?.();
        this.#lose('recordsGivenUp', batch, outcome.type, outcome.message);
        break;
      case 'abandoned':
        this.#counters.recordsAbandoned += recordCount;
        origin.fate = 'open';
        break;
    }
    origin.open -= 1;
    if (origin.open > 0) return;
    this.#chunkers.settled(origin.topic, origin.bytes);
    this.#pool.roomChanged();
    if (origin.fate !== 'open') this.#tracker[origin.fate](origin.ranges);
  }

  #lose(code: string, batch: ProducerBatch, error: string, message: string): void {
    const { topic, recordCount } = batch;
    this.#lost.add({ code, topic, error, message }, recordCount);
  }
}

/** Nothing can be sent any more. */
function senderFault(error: string, message: string): SetupError {
  const isForbidden = /_AUTHORIZATION_FAILED$|^SASL_/.test(error);
  return new SetupError(isForbidden ? 'noPermission' : 'unavailable', message);
}

function shareOrigin(origin: Origin, pieces: number): Origin[] {
  origin.open += pieces - 1;
  return Array.from({ length: pieces }, () => origin);
}

function sayNotice(telemetry: Telemetry, { event, level, message }: InputNotice): void {
  if (level === 'warning') telemetry.warn(event, message, {});
  else if (level === 'info') telemetry.info(event, message, {});
}
