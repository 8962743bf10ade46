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
import {
  frame,
  SimulatedBrokers,
  type Faults,
  type Framed,
  type RequestEffect,
} from './simulated-brokers.ts';
import { cutInPieces, verifyLogs } from './simulated-records.ts';
import { SimulatedCluster, type Records } from './simulated-cluster.ts';

interface Connection {
  readonly node: number;
  readonly connection: number;
  /** At the client. */
  open: boolean;
  /** At the broker. */
  readonly queue: Framed[];
  busy: boolean;
  dead: boolean;
}

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

const LATENCY_MS = 1;

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
  closed = false;
  #timers: Timer[] = [];
  #order = 0;
  #wakeMs = Infinity;
  readonly #connections = new Map<number, Connection>();
  readonly #brokers: SimulatedBrokers;
  #nextBatch = 1;
  #nextRecord = 0;

  constructor(options: { nodes?: number; config?: Partial<SenderConfig>; seed?: number } = {}) {
    this.cluster = new SimulatedCluster(options.nodes ?? 1);
    this.random = seededRandom(options.seed ?? 1);
    this.#brokers = new SimulatedBrokers(this);
    const bootstrapServers = [{ host: 'bootstrap', port: 9092 }];
    const config = { ...defaultSenderConfig, bootstrapServers, ...options.config };
    this.state = createSender(config, this.random);
  }

  // ------------------------------------------------------------ what a test does

  /** A started sender that is connected to everything and has one batch acknowledged in each partition of `topic`. */
  static warm(
    options: {
      nodes?: number;
      config?: Partial<SenderConfig>;
      seed?: number;
      partitions?: number;
    } = {},
  ): SimulatedWorld {
    const world = new SimulatedWorld(options);
    const partitions = options.partitions ?? 1;
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

  batch(
    topic: string,
    partition: number | undefined,
    count = 10,
    options: { batchBytes?: number; replayable?: boolean } = {},
  ) {
    const records: Records = { from: this.#nextRecord, count };
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

  send(
    topic: string,
    partition: number | undefined,
    count = 10,
    options: { batchBytes?: number; replayable?: boolean } = {},
  ) {
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
      const nextMs = Math.min(timer?.atMs ?? Infinity, this.#wakeMs);
      if (nextMs > endMs) {
        this.nowMs = endMs;
        return done();
      }
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (timer !== undefined && timer.atMs <= this.#wakeMs) {
        this.#timers.shift();
        timer.run();
      } else {
        this.#wakeMs = Infinity;
        this.step({ type: 'tick' });
      }
    }
    return true;
  }

  /** Until every batch has its outcome. */
  settle(forMs = 600_000): void {
    const done = this.run(forMs, () => this.outcomes.size >= this.#open());
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

  /** kill -9 and restart: connections break, leaders move to others, producer state keeps one batch. */
  restart(node: number, downMs: number, options: { losesState?: boolean } = {}): void {
    this.cluster.up.set(node, false);
    for (const one of this.#connections.values()) {
      if (one.node !== node) continue;
      one.queue.length = 0;
      one.dead = true;
      this.#cut(one);
    }
    const others = [...this.cluster.up].filter(([, up]) => up).map(([id]) => id);
    for (const { partitions } of this.cluster.topics.values()) {
      for (const partition of partitions) {
        if (partition.leader !== node) continue;
        const next = others[Math.floor(this.random() * others.length)];
        partition.moveTo(next ?? node);
        if (options.losesState === true) partition.forgetProducers();
      }
    }
    this.changed();
    this.after(downMs, () => {
      this.cluster.up.set(node, true);
      for (const { partitions } of this.cluster.topics.values()) {
        for (const partition of partitions) partition.rebuild(node, 1);
      }
    });
  }

  /** The watermark moves on again. */
  release(topic: string, partition: number): void {
    const released = this.cluster.partition(topic, partition);
    released.held = false;
    released.replicate(released.logEnd);
    this.changed();
  }

  cutAll(zombies: boolean): void {
    for (const one of [...this.#connections.values()]) {
      if (!zombies) one.queue.length = 0;
      this.#cut(one);
    }
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

  #open(): number {
    return this.sent.length + this.#pieces - this.#split;
  }

  step(event: SenderEvent): void {
    const effects = step(this.state, event, this.nowMs);
    for (const effect of effects) {
      this.effects.push(effect);
      this.#execute(effect);
    }
  }

  #execute(effect: SenderEffect): void {
    switch (effect.type) {
      case 'wakeAt':
        this.#wakeMs = effect.atMs;
        return;
      case 'connect':
        this.#connect(effect.node, effect.connection, effect.host);
        return;
      case 'disconnect': {
        const one = this.#connections.get(effect.connection);
        if (one !== undefined) this.#cut(one);
        else this.#cancelled.add(effect.connection);
        return;
      }
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
        return;
      case 'splitBatch':
        this.#splitBatch(effect.batch, effect.pieceBytesMax);
        return;
      case 'sendProduce':
      case 'sendMetadata':
      case 'sendInitProducerId':
      case 'sendDescribeProducers':
      case 'sendListOffsets':
      case 'readHeaders':
      case 'sendTransactionRequest':
        this.#request(effect);
    }
  }

  #splitBatch(batch: ProducerBatch, pieceBytesMax: number): void {
    const pieces = cutInPieces(batch, pieceBytesMax, this.#nextBatch);
    this.#nextBatch += pieces.length;
    this.#split += 1;
    this.#pieces += pieces.length;
    this.after(1, () => this.step({ type: 'batchSplit', batch, pieces }));
  }

  // ------------------------------------------------------------ connections

  #connect(node: number, connection: number, host: string): void {
    const target = host === 'bootstrap' ? [...this.cluster.up].find(([, up]) => up)?.[0] : node;
    this.after(LATENCY_MS, () => {
      const isUp = target !== undefined && this.cluster.up.get(target) === true;
      const isCancelled = this.#cancelled.has(connection);
      if (isCancelled || !isUp || this.faults.connect?.(node) === false) {
        const message = `connect ECONNREFUSED ${host}`;
        this.step({ type: 'connectFailed', node, connection, reason: 'refused', message });
        return;
      }
      const one = { node: target, connection, open: true, queue: [], busy: false, dead: false };
      this.#connections.set(connection, one);
      const { features } = this.cluster;
      this.step({ type: 'connected', node, connection, features });
      this.#nodeNumbers.set(connection, node);
    });
  }

  readonly #cancelled = new Set<number>();
  readonly #nodeNumbers = new Map<number, number>();

  #cut(one: Connection): void {
    if (!one.open) return;
    one.open = false;
    const { connection } = one;
    this.after(0, () => {
      const node = this.#nodeNumbers.get(connection) ?? one.node;
      this.step({ type: 'connectionLost', node, connection, message: 'cut' });
    });
  }

  #request(effect: RequestEffect): void {
    const one = this.#connections.get(effect.connection);
    assert.ok(one !== undefined, 'requests go to connections that are there');
    if (effect.type === 'sendProduce' && effect.acks === 0) {
      this.after(0, () => this.step({ type: 'produceWritten', request: effect.request }));
    }
    const framed = frame(effect);
    this.after(LATENCY_MS, () => {
      if (one.dead) return;
      one.queue.push(framed);
      this.#work(one);
    });
  }

  /** One request of a connection at a time, also of a dead one. */
  #work(one: Connection): void {
    if (one.busy || one.dead) return;
    const framed = one.queue.shift();
    if (framed === undefined) return;
    const fault = this.faults.request?.(framed.effect);
    if (fault === 'cutBefore') {
      one.queue.length = 0;
      one.dead = true;
      this.#cut(one);
      return;
    }
    if (fault === 'zombie') this.#cut(one);
    const options = typeof fault === 'object' ? fault : {};
    one.busy = true;
    // A dead process's requests may lie in the broker's socket for long.
    const serviceMs = fault === 'zombie' ? this.random() * 300 : this.random() * 2;
    this.after(serviceMs + (options.delayMs ?? 0), () => {
      if (one.dead) return;
      this.#brokers.handle(one.node, framed, options, (answer) => {
        one.busy = false;
        if (fault === 'cutAfter') this.#cut(one);
        if (one.open && fault !== 'silent' && answer !== undefined) {
          this.after(LATENCY_MS, () => {
            if (one.open) this.step(answer);
          });
        }
        this.#work(one);
      });
    });
  }
}
