/** What brokers and callers rely on while it runs: watched at every event and effect. */
import type { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import type { SenderEffect, SenderEvent } from '../../src/send/events.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';
import { demand } from './fault.ts';
import { Wire } from './wire.ts';

/** The shortest backoffs allow 13 refreshes of metadata and 25 connects to a broker in a second. */
const PER_SECOND_MAX = 40;

interface Line {
  open: number;
  throttledUntilMs: number;
}

export class Manners {
  readonly #world: SimulatedWorld;
  readonly #wire: Wire;
  readonly #lines = new Map<number, Line>();
  readonly #connectionOf = new Map<number, number>();
  readonly #pieces = new Map<ProducerBatch, readonly ProducerBatch[]>();
  #pieceCount = 0;
  readonly #flushes = new Map<number, readonly ProducerBatch[]>();
  /** By topic id and partition: the newest leader epoch that was told, and whose. */
  readonly #leaders = new Map<
    string,
    { readonly leaderId: number; readonly leaderEpoch: number }
  >();
  readonly #second = new Map<string, number>();
  #secondMs = 0;

  constructor(world: SimulatedWorld, wire = new Wire()) {
    this.#world = world;
    this.#wire = wire;
    world.observer = {
      event: (event) => this.#event(event),
      effect: (effect) => this.#effect(effect),
      written: ({ request }) => this.#wire.written(request),
    };
  }

  get openFlushes(): number {
    return this.#flushes.size;
  }

  /** Asks for a flush of all that was sent so far. */
  flush(flush: number): void {
    const open = this.#world.sent.filter((batch) => !this.#isDone(batch));
    this.#flushes.set(flush, open);
    this.#world.step({ type: 'flushRequested', flush });
  }

  /** It is closed: all bytes are given back. */
  end(): void {
    const { sent } = this.#world;
    const left = sent.length + this.#pieceCount - this.#wire.freed;
    demand(left === 0, 'leaked', () => `the bytes of ${left} batches are never freed`);
  }

  #isDone(batch: ProducerBatch): boolean {
    if (this.#world.outcomes.has(batch)) return true;
    return this.#pieces.get(batch)?.every((piece) => this.#isDone(piece)) ?? false;
  }

  #event(event: SenderEvent): void {
    if (event.type === 'metadataAnswered' && event.errorCode === 0) this.#learn(event);
    if (event.type === 'batchSplit') {
      this.#pieces.set(event.batch, event.pieces);
      this.#pieceCount += event.pieces.length;
    } else if (event.type === 'connectionLost') {
      this.#lines.delete(event.connection);
      this.#wire.closed(event.connection);
    } else if ('request' in event) {
      const line = this.#lines.get(this.#connectionOf.get(event.request) ?? 0);
      this.#connectionOf.delete(event.request);
      if (line === undefined) return;
      line.open -= 1;
      if (!('throttleMs' in event) || event.throttleMs <= 0) return;
      const untilMs = this.#world.nowMs + event.throttleMs;
      line.throttledUntilMs = Math.max(line.throttledUntilMs, untilMs);
    }
  }

  #learn({ topics }: Extract<SenderEvent, { readonly type: 'metadataAnswered' }>): void {
    for (const { topicId, partitions } of topics) {
      for (const { partition, leaderId, leaderEpoch } of partitions) {
        const key = `${topicId}-${partition}`;
        const known = this.#leaders.get(key);
        if (leaderId < 0 || (known !== undefined && known.leaderEpoch > leaderEpoch)) continue;
        this.#leaders.set(key, { leaderId, leaderEpoch });
      }
    }
  }

  #effect(effect: SenderEffect): void {
    switch (effect.type) {
      case 'connect':
        this.#count(`connects to broker ${effect.node}`);
        return;
      case 'sendProduce':
        this.#request(effect.request, effect.connection);
        this.#produce(effect);
        return;
      case 'sendMetadata':
        this.#count('refreshes of metadata');
        this.#request(effect.request, effect.connection);
        return;
      case 'sendInitProducerId':
      case 'sendDescribeProducers':
      case 'sendListOffsets':
      case 'readHeaders':
      case 'sendTransactionRequest':
        this.#request(effect.request, effect.connection);
        return;
      case 'release':
        this.#wire.release(effect.batch);
        return;
      case 'flushed':
        this.#flushed(effect.flush);
        return;
      case 'disconnect':
      case 'outcome':
      case 'splitBatch':
      case 'report':
      case 'transactionCallEnded':
      case 'closed':
      case 'wakeAt':
    }
  }

  #request(request: number, connection: number): void {
    const line = this.#lines.get(connection) ?? { open: 0, throttledUntilMs: -Infinity };
    this.#lines.set(connection, line);
    line.open += 1;
    this.#connectionOf.set(request, connection);
    const { nowMs } = this.#world;
    const { maxInFlightRequestsPerConnection } = this.#world.state.config;
    demand(
      line.open <= maxInFlightRequestsPerConnection,
      'rude',
      () => `${line.open} requests in flight`,
    );
    demand(nowMs >= line.throttledUntilMs, 'rude', () => 'a request although it is throttled');
  }

  #produce(effect: Extract<SenderEffect, { readonly type: 'sendProduce' }>): void {
    const places = new Set<string>();
    for (const { batch, topicId } of effect.entries) {
      const place = `${batch.topic}-${batch.partition}`;
      const leader = this.#leaders.get(`${topicId}-${batch.partition}`);
      const isDeposed = leader !== undefined && leader.leaderId !== effect.node;
      const old = (): string => `sent to ${effect.node}, after ${leader?.leaderId ?? 0} was named`;
      demand(!isDeposed || this.#world.cluster.leaderHints, 'rude', old, place);
      demand(!places.has(place), 'rude', () => 'two batches of a partition in one request', place);
      places.add(place);
      if (batch.attempts > PER_SECOND_MAX) this.#count(`attempts of batch ${batch.id}`);
    }
    this.#wire.send(effect);
  }

  #flushed(flush: number): void {
    const open = this.#flushes.get(flush) ?? [];
    this.#flushes.delete(flush);
    const left = open.find((batch) => !this.#isDone(batch));
    const early = (): string => `flushed, although batch ${left?.id ?? 0} has no outcome`;
    demand(left === undefined, 'lied', early);
  }

  #count(what: string): void {
    const { nowMs } = this.#world;
    if (nowMs - this.#secondMs >= 1000) {
      this.#secondMs = nowMs;
      this.#second.clear();
    }
    const count = (this.#second.get(what) ?? 0) + 1;
    this.#second.set(what, count);
    demand(count <= PER_SECOND_MAX, 'rude', () => `more than ${PER_SECOND_MAX} ${what} a second`);
  }
}
