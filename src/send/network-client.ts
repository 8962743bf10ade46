/**
 * Stage 5 of 7, shell. Runs what the sender core decides: sockets, timers, bytes, the real clock and real randomness.
 * From: accumulator (sealed batches). To: brokers (requests), ack stage (outcomes), arena (runs that nobody needs any more).
 * Bounds: the core's. Remembers nothing across restarts; on a crash whatever was not acknowledged is sent again by its source.
 */
import { UNASSIGNED_PARTITION, type ProducerBatch } from '../accumulate/producer-batch.ts';
import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import type { Arena } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { aborted } from '../shared/aborted.ts';
import { assert } from '../shared/assert.ts';
import { needsOf } from './api-versions.ts';
import type { ClientSoftware } from './api-versions.ts';
import { BatchMemory } from './batch-memory.ts';
import type { BatchPayload } from './batch-memory.ts';
import type { SenderEffect, SenderEvent } from './events.ts';
import { MetricsPusher } from './metrics-pusher.ts';
import { NodeChannels } from './node-channels.ts';
import type { ChannelCounts } from './node-channels.ts';
import { ProducerMeters } from './producer-meters.ts';
import { sayReport } from './report-lines.ts';
import type { SenderTelemetry } from './report-lines.ts';
import type { SenderReport } from './reports.ts';
import { RequestSender } from './request-sender.ts';
import type { RequestCounts } from './request-sender.ts';
import { step } from './sender.ts';
import type { Resolve } from './resolve.ts';
import type { SenderConfig } from './sender-config.ts';
import { createSender } from './sender-state.ts';
import { splitBatch, type CutRanges } from './split-batch.ts';
import { TopicViews, type TopicView } from './topic-view.ts';
import type { SendOffsetsToTransaction, TransactionFault } from './transaction-events.ts';
import type { TransactionPhase } from './transaction-state.ts';
import { whyCallWaits } from './wait-status.ts';
import { WakeTimer } from './wake-timer.ts';

/** What closing waits for the answer to the last figures, which are worth no more. */
const LAST_PUSH_MS_MAX = 1000;

export type SealedProducerBatch<Ranges> = ProducerBatch<BatchPayload<Ranges>>;

export interface KafkaSenderOptions<Ranges> {
  readonly config: SenderConfig;
  readonly software: ClientSoftware;
  /** socket.connection.setup.timeout.ms and …max.ms: connect and handshake of one address. */
  readonly setupTimeoutMs: number;
  readonly setupTimeoutMaxMs: number;
  readonly memory: SharedMemory;
  readonly arena: Arena;
  /** compression.*.level of the configured codec, undefined for its default: batches that have to be split are packed again. */
  readonly compressionLevel: number | undefined;
  /** Once for each batch, pieces of split ones included (the split one has none). Its bytes may still be in use: the sender frees them. */
  readonly onOutcome: (batch: SealedProducerBatch<Ranges>, outcome: ProduceOutcome) => void;
  /** A batch is cut into pieces of so many records: the ranges of each. */
  readonly cutRanges: CutRanges<Ranges>;
  readonly telemetry: SenderTelemetry;
  /** Metadata was answered: `topic` may know more now. */
  readonly onMetadata?: () => void;
  /** It has stopped for good and given up all batches: `error` is Kafka's name of the reason. Whoever takes it says it; else it is a line. */
  readonly onFatal?: (error: string, message: string) => void;
  /** Monotonic, in ms; `createdMs` of every batch is on this clock. */
  readonly nowMs?: () => number;
  /** Since the epoch, in ms: for the timestamps of what is sent again. */
  readonly wallMs?: () => number;
  readonly random?: () => number;
  /** All addresses of a name; for tests. */
  readonly resolve?: Resolve;
  /** client.dns.lookup: other addresses of a bootstrap server than of a broker. */
  readonly resolveBootstrap?: Resolve | undefined;
  /** enable.metrics.push: labels of the figures that brokers may ask for; undefined: none are given. */
  readonly metricsLabels?: Readonly<Record<string, string>> | undefined;
}

/** A call of the transactional API without its number. */
export type TransactionWish =
  | Omit<SendOffsetsToTransaction, 'operation'>
  | {
      readonly call:
        'initTransactions' | 'beginTransaction' | 'commitTransaction' | 'abortTransaction';
    };

export interface SenderStats extends ChannelCounts, RequestCounts {
  /** Batches appended, pieces of split ones not counted. */
  readonly batchesAppended: number;
  readonly outcomes: Readonly<Record<ProduceOutcome['type'], number>>;
}

/** How the sender ended. */
export interface CloseResult {
  /** Batches that were given up because time ran out (or the sender had stopped before). */
  readonly abandonedCount: number;
}

export class KafkaSender<Ranges = unknown> {
  /** The clock of the sender; batches are created on it. */
  readonly nowMs: () => number;
  readonly #options: KafkaSenderOptions<Ranges>;
  readonly #state: ReturnType<typeof createSender>;
  readonly #memory: BatchMemory;
  readonly #channels: NodeChannels;
  readonly #requests: RequestSender;
  readonly #timer: WakeTimer;
  readonly #meters = new ProducerMeters();
  readonly #pusher: MetricsPusher | undefined;
  readonly #events: SenderEvent[] = [];
  readonly #views: TopicViews;
  #isStepping = false;
  #appended: ProducerBatch[] = [];
  /** Of them, before compression. */
  #appendedBytes = 0;
  #nextBatchId = 0;
  #batchesAppended = 0;
  readonly #outcomes = { acked: 0, rejected: 0, expired: 0, failed: 0, abandoned: 0 };
  readonly #flushes = new Map<number, () => void>();
  #nextFlush = 0;
  readonly #calls = new Map<number, (fault: TransactionFault | undefined) => void>();
  #nextOperation = 1;
  #closing: Promise<CloseResult> | undefined;
  #onClosed: (() => void) | undefined;

  constructor(options: KafkaSenderOptions<Ranges>) {
    const { config, memory, arena, random = Math.random, resolve } = options;
    this.#options = options;
    this.nowMs = options.nowMs ?? (() => performance.now());
    const wallMs = options.wallMs ?? (() => Date.now());
    const emit = (event: SenderEvent): void => this.#take(event);
    this.#state = createSender(config, random);
    this.#views = new TopicViews(this.#state);
    this.#memory = new BatchMemory(memory, arena);
    this.#channels = new NodeChannels({
      software: options.software,
      needs: needsOf(config),
      setupTimeoutMs: options.setupTimeoutMs,
      setupTimeoutMaxMs: options.setupTimeoutMaxMs,
      ...{ random, emit },
      ...(resolve === undefined ? {} : { resolve }),
      resolveBootstrap: options.resolveBootstrap,
    });
    this.#requests = new RequestSender({
      memory: this.#memory,
      ...{ nowMs: this.nowMs, wallMs, emit, meters: this.#meters },
    });
    this.#pusher = this.#metricsPusher(wallMs, random);
    this.#timer = new WakeTimer(this.nowMs, () => emit({ type: 'tick' }));
  }

  /** Begins to connect. Unreachable brokers are reported, not thrown: it goes on until `close`. */
  start(): void {
    this.#take({ type: 'started' });
  }

  /** For the next batch to `append`: greater than all before. */
  takeBatchId(): number {
    this.#nextBatchId += 1;
    return this.#nextBatchId;
  }

  /** Takes a batch and, until its bytes are free again, its run. Never waits: the arena is the bound. */
  append(batch: SealedProducerBatch<Ranges>): void {
    assert(this.#closing === undefined, 'nothing is appended to a sender that closes');
    this.#batchesAppended += 1;
    if (this.#appended.length === 0) queueMicrotask(() => this.#takeAppended());
    this.#appended.push(batch);
    this.#appendedBytes += batch.rawBytes;
  }

  /** A topic that can be used now. Asks for nothing. */
  knownTopic(name: string): TopicView | undefined {
    return this.#views.known(name);
  }

  /**
   * What is known of a topic; asks for it when that is nothing.
   *
   * @returns undefined as long as no broker has said anything of use
   */
  topic(name: string): TopicView | undefined {
    const known = this.#views.known(name);
    if (known !== undefined) return known;
    this.#take({ type: 'topicWanted', topic: name });
    return this.#views.missing(name);
  }

  /** Nothing waits for its outcome, but for what this turn of the event loop has brought; and that is less than a request. */
  get isIdle(): boolean {
    const { maxRequestSize } = this.#options.config;
    return this.#state.incomplete === 0 && this.#appendedBytes < maxRequestSize;
  }

  /** Whether batches for the partition, or for any of the topic, wait to be sent: one more would wait behind them. */
  isBehind(topic: string, partition = UNASSIGNED_PARTITION): boolean {
    return this.#state.accumulator.queue(topic, partition).length > 0;
  }

  /** Resolves when every batch appended before has its outcome. */
  flush(): Promise<void> {
    this.#takeAppended();
    const flush = this.#nextFlush;
    this.#nextFlush += 1;
    return new Promise((resolve) => {
      this.#flushes.set(flush, resolve);
      this.#take({ type: 'flushRequested', flush });
    });
  }

  /**
   * A call of the transactional API: needs `transactions` in the config. All batches of the transaction are appended before the call that ends it.
   *
   * @returns undefined when it has succeeded, otherwise what went wrong and what to do next; a call to begin is answered at once
   */
  transact(call: TransactionWish): Promise<TransactionFault | undefined> {
    const { transactions } = this.#options.config;
    assert(transactions !== undefined, 'transactions need a transactional.id');
    this.#takeAppended();
    const operation = this.#nextOperation;
    this.#nextOperation += 1;
    return new Promise((resolve) => {
      this.#calls.set(operation, resolve);
      this.#take({ type: 'transactionCalled', call: { ...call, operation } });
    });
  }

  /** Where the transactional producer is; undefined without transactions. */
  get transactionPhase(): TransactionPhase | undefined {
    return this.#state.transactions?.phase;
  }

  /** What a call of the transactional API waits for. */
  get whyCallWaits(): string {
    return whyCallWaits(this.#state);
  }

  /** What the cluster calls this client in the metrics that it pushes; undefined when that is not known within `timeoutMs`. */
  clientInstanceId(timeoutMs: number): Promise<string | undefined> {
    return this.#pusher?.clientInstanceId(timeoutMs) ?? Promise.resolve(undefined);
  }

  /** Sends what is there, gives up the rest at the signal, and ends all connections. */
  close(giveUp: AbortSignal): Promise<CloseResult> {
    this.#closing ??= this.#close(giveUp);
    return this.#closing;
  }

  get stats(): SenderStats {
    return {
      ...this.#channels.counts(),
      ...this.#requests.counts(),
      batchesAppended: this.#batchesAppended,
      outcomes: { ...this.#outcomes },
    };
  }

  #metricsPusher(wallMs: () => number, random: () => number): MetricsPusher | undefined {
    const { metricsLabels: labels, config, arena, telemetry } = this.#options;
    if (labels === undefined) return undefined;
    const buffer = { bufferBytesTotal: arena.totalBytes };
    return new MetricsPusher({
      channels: () => this.#channels.toBrokers(),
      read: () => {
        const readings = { ...this.stats, ...buffer, bufferBytesFree: arena.freeBytes };
        return this.#meters.read(readings, this.nowMs());
      },
      requestTimeoutMs: config.requestTimeoutMs,
      onRefused: ({ name, meaning }) => {
        const message = `no more metrics are pushed to the brokers: ${name} (${meaning})`;
        telemetry.warn('metricsPushEnded', message, { error: name });
      },
      ...{ labels, nowMs: this.nowMs, wallMs, random },
    });
  }

  /** The last figures, after the last batches; at once where nobody subscribed to any. */
  async #pushLast(pusher: MetricsPusher, giveUp: AbortSignal): Promise<void> {
    if (pusher.isSubscribed) {
      await Promise.race([this.flush(), aborted(giveUp)]);
      // Not AbortSignal.any: on Node 20 nothing holds what it is made of.
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), LAST_PUSH_MS_MAX);
      await Promise.race([pusher.finish(late.signal), aborted(giveUp)]);
      clearTimeout(timer);
    }
    pusher.stop();
  }

  async #close(giveUp: AbortSignal): Promise<CloseResult> {
    this.#takeAppended();
    if (this.#pusher !== undefined) await this.#pushLast(this.#pusher, giveUp);
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
    });
    this.#take({ type: 'closeRequested' });
    await Promise.race([closed, aborted(giveUp)]);
    if (giveUp.aborted) this.#take({ type: 'abandonRequested' });
    await closed;
    this.#timer.stop();
    return { abandonedCount: this.#outcomes.abandoned };
  }

  #takeAppended(): void {
    const batches = this.#appended;
    if (batches.length === 0) return;
    this.#appended = [];
    this.#appendedBytes = 0;
    this.#take({ type: 'batchesSealed', batches });
  }

  #split(batch: SealedProducerBatch<Ranges>, pieceBytesMax: number): void {
    const options = { ...this.#options, takeBatchId: () => this.takeBatchId() };
    const pieces = splitBatch(options, batch, pieceBytesMax);
    this.#take({ type: 'batchSplit', batch, pieces });
  }

  /** One event at a time: what effects cause comes after them. */
  #take(event: SenderEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    let isMetadata = false;
    let isConnected = false;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      isMetadata ||= next.type === 'metadataAnswered';
      isConnected ||= next.type === 'connected';
      if (next.type === 'connected') this.#meters.connected(this.nowMs());
      for (const effect of step(this.#state, next, this.nowMs())) this.#run(effect);
    }
    this.#isStepping = false;
    if (isMetadata) this.#options.onMetadata?.();
    if (isConnected) this.#pusher?.look();
  }

  #report(report: SenderReport): void {
    const { onFatal, telemetry } = this.#options;
    if (report.kind === 'fatal' && onFatal !== undefined) onFatal(report.error, report.message);
    else sayReport(telemetry, report);
  }

  #run(effect: SenderEffect): void {
    switch (effect.type) {
      case 'connect':
        return this.#channels.connect(effect);
      case 'disconnect':
        return this.#channels.disconnect(effect.connection, effect.reason);
      case 'sendProduce':
      case 'sendMetadata':
      case 'sendInitProducerId':
      case 'sendDescribeProducers':
      case 'sendListOffsets':
      case 'readHeaders':
      case 'sendTransactionRequest': {
        const channel = this.#channels.ready(effect.connection);
        // The socket has ended and the core will hear of it: that is the answer to this request too.
        if (channel !== undefined) this.#requests.send(channel, effect);
        return;
      }
      case 'splitBatch':
        return this.#split(effect.batch as SealedProducerBatch<Ranges>, effect.pieceBytesMax);
      case 'outcome':
        this.#outcomes[effect.outcome.type] += 1;
        if (effect.outcome.type !== 'acked') this.#meters.recordsFailed(effect.batch.recordCount);
        return this.#options.onOutcome(effect.batch as SealedProducerBatch<Ranges>, effect.outcome);
      case 'release':
        return this.#memory.release(effect.batch);
      case 'report':
        return this.#report(effect.report);
      case 'flushed':
        this.#flushes.get(effect.flush)?.();
        this.#flushes.delete(effect.flush);
        return;
      case 'transactionCallEnded':
        this.#calls.get(effect.operation)?.(effect.fault);
        this.#calls.delete(effect.operation);
        return;
      case 'closed':
        this.#onClosed?.();
        return;
      case 'wakeAt':
        return this.#timer.set(effect.atMs);
    }
  }
}
