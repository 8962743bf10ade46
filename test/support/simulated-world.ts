/**
 * The sender core in a world of virtual time: connections that deliver in order and break, brokers that handle one request of a connection
 * at a time and go on with those of a dead one (zombies). No socket, no clock: a seed tells the whole story.
 */
import assert from 'node:assert/strict';
import { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import type { ProduceOutcome } from '../../src/ack/produce-outcome.ts';
import type { SenderEffect, SenderEvent } from '../../src/send/events.ts';
import type { SenderReport } from '../../src/send/reports.ts';
import { defaultSenderConfig, type SenderConfig } from '../../src/send/sender-config.ts';
import { createSender, type SenderState } from '../../src/send/sender-state.ts';
import { step } from '../../src/send/sender.ts';
import { waiting } from '../../src/send/wait-status.ts';
import { seededRandom } from './seeded-random.ts';
import { SimulatedBrokers, type Faults, type RequestEffect } from './simulated-brokers.ts';
import { cutInPieces, verifyLogs } from './simulated-records.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import type { Records } from './simulated-partition.ts';
import { SimulatedConnections, type WorldObserver } from './simulated-connections.ts';

type TransactionCallEnded = Extract<SenderEffect, { readonly type: 'transactionCallEnded' }>;

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export interface WorldOptions {
  readonly nodes?: number;
  readonly config?: Partial<SenderConfig>;
  readonly seed?: number;
  /** They are many: false for long runs. */
  readonly keepEffects?: boolean;
}

export interface BatchOptions {
  readonly batchBytes?: number;
  readonly replayable?: boolean;
}

/** So many ticks in one millisecond are a loop that never ends. */
const TICKS_MAX = 2000;

export class SimulatedWorld {
  nowMs = 0;
  readonly cluster: SimulatedCluster;
  readonly state: SenderState;
  readonly random: () => number;
  faults: Faults = {};
  readonly sent: ProducerBatch<Records>[] = [];
  readonly outcomes = new Map<ProducerBatch, ProduceOutcome>();
  readonly released = new Set<ProducerBatch>();
  readonly reports: SenderReport[] = [];
  readonly effects: SenderEffect[] = [];
  readonly flushed: number[] = [];
  /** Of transactions, by operation. */
  readonly callsEnded = new Map<number, TransactionCallEnded>();
  closed = false;
  /** The clock on the wall less `nowMs`: timestamps are taken from there. */
  wallOffsetMs = 0;
  observer: WorldObserver = {};
  /** Cuts a batch; `batchSplit` follows. Whoever has its bytes puts another. */
  splitter = (batch: ProducerBatch, bytesMax: number): void => this.#splitBatch(batch, bytesMax);
  readonly #keepEffects: boolean;
  #timers: Timer[] = [];
  #order = 0;
  #wakeMs = Infinity;
  #ticks = 0;
  #tickMs = -Infinity;
  /** What waits for the process to go on, after a stall. */
  #held: SenderEvent[] = [];
  #stalledUntilMs = -Infinity;
  readonly #connections: SimulatedConnections;
  readonly #brokers: SimulatedBrokers;
  #nextBatch = 1;
  #nextRecord = 0;
  readonly #events: SenderEvent[] = [];
  #isStepping = false;

  constructor(options: WorldOptions = {}) {
    this.cluster = new SimulatedCluster(options.nodes ?? 1);
    this.random = seededRandom(options.seed ?? 1);
    this.#keepEffects = options.keepEffects ?? true;
    this.#brokers = new SimulatedBrokers(this);
    this.#connections = new SimulatedConnections(this, this.#brokers);
    const bootstrapServers = [{ host: 'bootstrap', port: 9092 }];
    const config = { ...defaultSenderConfig, bootstrapServers, ...options.config };
    this.state = createSender(config, this.random);
  }

  // ------------------------------------------------------------ what a test does

  /** A started sender that is connected to everything and has one batch acknowledged in each partition of `topic`. */
  static warm({
    partitions = 1,
    ...options
  }: WorldOptions & { readonly partitions?: number } = {}): SimulatedWorld {
    const world = new SimulatedWorld(options);
    world.cluster.createTopic('logs', partitions);
    world.start();
    for (let i = 0; i < partitions; i++) world.send('logs', i);
    world.settle();
    world.run(200);
    return world;
  }

  start(): void {
    this.step({ type: 'started' });
  }

  batch(topic: string, partition: number | undefined, count = 10, options: BatchOptions = {}) {
    const timestampMs = this.nowMs + this.wallOffsetMs;
    const records: Records = { from: this.#nextRecord, count, timestampMs };
    this.#nextRecord += count;
    const made = new ProducerBatch<Records>({
      id: this.#nextBatch++,
      topic,
      ...(partition === undefined ? {} : { partition }),
      recordCount: count,
      batchBytes: options.batchBytes ?? 1000,
      rawBytes: 1000,
      createdMs: this.nowMs,
      replayable: options.replayable ?? false,
      payload: records,
    });
    this.sent.push(made);
    return made;
  }

  /** For a batch that is made elsewhere: greater than all before. */
  takeBatchId(): number {
    return this.#nextBatch++;
  }

  /** Counts a batch that was made elsewhere. @returns the number of its first record */
  adopt(batch: ProducerBatch): number {
    const from = this.#nextRecord;
    this.#nextRecord += batch.recordCount;
    this.sent.push(batch as ProducerBatch<Records>);
    return from;
  }

  send(topic: string, partition: number | undefined, count = 10, options: BatchOptions = {}) {
    const batch = this.batch(topic, partition, count, options);
    this.step({ type: 'batchesSealed', batches: [batch] });
    return batch;
  }

  /** Lets time pass, at most `forMs` of it, until `done`. */
  run(forMs: number, done: () => boolean = () => false): boolean {
    const endMs = this.nowMs + forMs;
    for (let events = 0; !done(); events++) {
      assert.ok(events < 2_000_000, 'the world does not come to rest');
      const timer = this.#timers[0];
      const wakeMs = Math.max(this.#wakeMs, this.#stalledUntilMs);
      const nextMs = Math.min(timer?.atMs ?? Infinity, wakeMs);
      if (nextMs > endMs) {
        this.nowMs = endMs;
        return done();
      }
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (timer !== undefined && timer.atMs <= wakeMs) {
        this.#timers.shift();
        timer.run();
      } else this.#tick();
    }
    return true;
  }

  #tick(): void {
    this.#wakeMs = Infinity;
    if (this.nowMs - this.#tickMs > 1) {
      this.#tickMs = this.nowMs;
      this.#ticks = 0;
    }
    this.#ticks += 1;
    assert.ok(this.#ticks < TICKS_MAX, 'the sender asks to be woken again and again: it spins');
    this.step({ type: 'tick' });
  }

  /** SIGSTOP, a suspended host, a long collection of garbage: nothing reaches the sender until `forMs` are over, then all at once. */
  stall(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    if (untilMs <= this.#stalledUntilMs) return;
    this.#stalledUntilMs = untilMs;
    this.after(forMs, () => {
      if (this.nowMs < this.#stalledUntilMs) return;
      // Timers come before sockets when the loop turns again.
      if (this.#wakeMs <= this.nowMs) this.#tick();
      const held = this.#held.splice(0);
      for (const event of held) this.step(event);
    });
  }

  /** Until every batch has its outcome. */
  settle(forMs = 600_000): void {
    const done = this.run(forMs, () => this.isSettled);
    const why = done ? '' : JSON.stringify(waiting(this.state));
    assert.ok(done, `batches without outcome after ${String(forMs)} ms: ${why}`);
  }

  outcome(batch: ProducerBatch): ProduceOutcome {
    const outcome = this.outcomes.get(batch);
    assert.ok(outcome !== undefined, `batch ${String(batch.id)} has no outcome`);
    return outcome;
  }

  after(ms: number, run: () => void): void {
    const timer = { atMs: this.nowMs + ms, order: this.#order++, run };
    let i = this.#timers.length;
    while (i > 0 && (this.#timers[i - 1]?.atMs ?? 0) > timer.atMs) i -= 1;
    this.#timers.splice(i, 0, timer);
  }

  /** Something at the cluster changed that a produce request may wait for. */
  changed(): void {
    this.#brokers.changed();
  }

  /** Of all batches that were sent. */
  get recordCount(): number {
    return this.#nextRecord;
  }

  /** When the last stall ended, or will end. */
  get stalledUntilMs(): number {
    return this.#stalledUntilMs;
  }

  get isStalled(): boolean {
    return this.nowMs < this.#stalledUntilMs;
  }

  /** Every batch has its outcome, and what had it before its fate was known is settled. */
  get isSettled(): boolean {
    return this.outcomes.size >= this.#open() - this.#mute && this.state.overdue === 0;
  }

  /**
   * kill -9 and restart: connections break, leaders move to others, producer state keeps one batch.
   *
   * @param options.keepsLeaders it is back before anybody noticed
   */
  restart(
    node: number,
    downMs: number,
    options: { losesState?: boolean; keepsLeaders?: boolean } = {},
  ): void {
    this.cluster.up.set(node, false);
    this.#connections.killAt(node);
    const others = [...this.cluster.up].filter(([, up]) => up).map(([id]) => id);
    for (const { partitions } of this.cluster.topics.values()) {
      for (const partition of partitions) {
        if (partition.leader !== node) continue;
        const next = others[Math.floor(this.random() * others.length)];
        partition.moveTo(options.keepsLeaders === true ? node : (next ?? node));
        if (options.losesState === true) partition.forgetProducers();
      }
    }
    this.changed();
    this.after(downMs, () => {
      this.cluster.up.set(node, true);
      for (const { partitions } of this.cluster.topics.values()) {
        for (const partition of partitions) {
          partition.rebuild(node, 1);
          partition.expire(node, this.nowMs, this.cluster.expirationMs);
        }
      }
    });
  }

  /** The watermark moves on again. */
  release(topic: string, partition: number): void {
    this.cluster.partition(topic, partition).release();
    this.changed();
  }

  cutAll(zombies: boolean): void {
    this.#connections.cutAll(zombies);
  }

  /** Reports of one kind, in order. */
  said<Kind extends SenderReport['kind']>(kind: Kind): Extract<SenderReport, { kind: Kind }>[] {
    return this.reports.filter(
      (one): one is Extract<SenderReport, { kind: Kind }> => one.kind === kind,
    );
  }

  requests(type: RequestEffect['type']): RequestEffect[] {
    return this.effects.filter((effect): effect is RequestEffect => effect.type === type);
  }

  /** Batches by id as they went out, per Produce request. */
  produced(): number[][] {
    return this.requests('sendProduce').map((effect) =>
      effect.type === 'sendProduce' ? effect.entries.map(({ batch }) => batch.id) : [],
    );
  }

  /** Every acknowledged record is in its partition once, in order; every refused one is not there; every batch is let go. */
  verify(): void {
    verifyLogs(this.cluster, this.outcomes);
    assert.equal(this.released.size, this.#open() + this.#split, 'every batch is released');
  }

  // ------------------------------------------------------------ the core and its effects

  #split = 0;
  #pieces = 0;
  /** Pieces of batches whose time was up: they have no outcome of their own. */
  #mute = 0;

  #open(): number {
    return this.sent.length + this.#pieces - this.#split;
  }

  step(event: SenderEvent): void {
    if (this.nowMs < this.#stalledUntilMs) {
      this.#held.push(event);
      return;
    }
    this.#events.push(event);
    // One at a time, as in the shell: what effects cause comes after them.
    while (!this.#isStepping && this.#events.length > 0) this.#stepNext();
  }

  #stepNext(): void {
    this.#isStepping = true;
    const event = this.#events.shift() as SenderEvent;
    this.observer.event?.(event);
    for (const effect of step(this.state, event, this.nowMs)) {
      if (this.#keepEffects) this.effects.push(effect);
      this.observer.effect?.(effect);
      this.#execute(effect);
    }
    this.#isStepping = false;
  }

  #execute(effect: SenderEffect): void {
    switch (effect.type) {
      case 'wakeAt':
        this.#wakeMs = effect.atMs;
        return;
      case 'connect':
        this.#connections.connect(effect);
        return;
      case 'disconnect':
        this.#connections.disconnect(effect.connection);
        return;
      case 'outcome':
        assert.ok(!this.outcomes.has(effect.batch), 'one outcome a batch');
        this.outcomes.set(effect.batch, effect.outcome);
        return;
      case 'release':
        assert.ok(!this.released.has(effect.batch), 'released once');
        this.released.add(effect.batch);
        return;
      case 'report':
        this.reports.push(effect.report);
        return;
      case 'flushed':
        this.flushed.push(effect.flush);
        return;
      case 'closed':
        this.closed = true;
        return;
      case 'transactionCallEnded':
        assert.ok(!this.callsEnded.has(effect.operation), 'a call ends once');
        this.callsEnded.set(effect.operation, effect);
        return;
      case 'splitBatch':
        this.splitter(effect.batch, effect.pieceBytesMax);
        return;
      case 'sendProduce':
      case 'sendMetadata':
      case 'sendInitProducerId':
      case 'sendDescribeProducers':
      case 'sendListOffsets':
      case 'readHeaders':
      case 'sendTransactionRequest':
        this.#connections.request(effect);
    }
  }

  #splitBatch(batch: ProducerBatch, pieceBytesMax: number): void {
    const pieces = cutInPieces(batch, pieceBytesMax, this.#nextBatch);
    this.#nextBatch += pieces.length;
    this.#split += 1;
    this.#pieces += pieces.length;
    this.after(1, () => {
      if (batch.told) this.#mute += pieces.length - 1;
      this.step({ type: 'batchSplit', batch, pieces });
    });
  }
}
