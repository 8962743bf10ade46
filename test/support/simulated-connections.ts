/** The network of the simulated world: connections that deliver in order and break, and brokers that work off one request of each at a time. */
import assert from 'node:assert/strict';
import type { Connect, SenderEffect, SenderEvent } from '../../src/send/events.ts';
import {
  frame,
  type Faults,
  type Framed,
  type RequestEffect,
  type SimulatedBrokers,
} from './simulated-brokers.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

interface Connection {
  /** The broker's id. */
  readonly node: number;
  /** What the core calls the broker: a bootstrap server has another number there. */
  readonly calledNode: number;
  readonly connection: number;
  /** At the client. */
  open: boolean;
  /** At the broker. */
  readonly queue: Framed[];
  busy: boolean;
  dead: boolean;
  /** Answers come in the order of the requests: behind one that is missing there are none. */
  silent: boolean;
  /** Half a frame was the last that came. */
  torn: boolean;
  /** When the last frame is there: the next comes after it. */
  arrivalMs: number;
  /** KIP-219: the broker does not read before. */
  mutedUntilMs: number;
}

/** Sees all that passes between the core and its world, when it passes. */
export interface WorldObserver {
  event?: (event: SenderEvent) => void;
  effect?: (effect: SenderEffect) => void;
  /** The last byte of a request has left an open connection. */
  written?: (effect: RequestEffect) => void;
}

/** What connections need of the world they are in. */
interface World {
  readonly nowMs: number;
  readonly wallOffsetMs: number;
  readonly cluster: SimulatedCluster;
  readonly faults: Faults;
  readonly random: () => number;
  readonly observer: WorldObserver;
  after(ms: number, run: () => void): void;
  step(event: SenderEvent): void;
}

const LATENCY_MS = 1;

export class SimulatedConnections {
  readonly #world: World;
  readonly #brokers: SimulatedBrokers;
  readonly #connections = new Map<number, Connection>();
  readonly #cancelled = new Set<number>();

  constructor(world: World, brokers: SimulatedBrokers) {
    this.#world = world;
    this.#brokers = brokers;
  }

  connect({ node, connection, host }: Connect): void {
    const { cluster } = this.#world;
    const isBootstrap = host === 'bootstrap';
    const target = isBootstrap ? [...cluster.up].find(([, up]) => up)?.[0] : node;
    this.#world.after(LATENCY_MS, () => {
      const isUp = target !== undefined && cluster.up.get(target) === true;
      const isThere = isUp && (isBootstrap || cluster.hostOf(target) === host);
      const isCancelled = this.#cancelled.has(connection);
      if (isCancelled || !isThere || this.#world.faults.connect?.(node) === false) {
        const message = `connect ECONNREFUSED ${host}`;
        this.#world.step({ type: 'connectFailed', node, connection, reason: 'refused', message });
        return;
      }
      this.#connections.set(connection, {
        ...{ node: target, calledNode: node, connection, queue: [] },
        ...{
          open: true,
          busy: false,
          dead: false,
          silent: false,
          torn: false,
          arrivalMs: 0,
          mutedUntilMs: -Infinity,
        },
      });
      const { features } = cluster;
      this.#world.step({ type: 'connected', node, connection, features });
    });
  }

  disconnect(connection: number): void {
    const one = this.#connections.get(connection);
    if (one !== undefined) this.#cut(one);
    else this.#cancelled.add(connection);
  }

  /** The broker is gone, with what lay in its sockets. */
  killAt(node: number): void {
    for (const one of this.#connections.values()) {
      if (one.node !== node) continue;
      one.queue.length = 0;
      one.dead = true;
      this.#cut(one);
    }
  }

  /** @param zombies the brokers still work off what they have */
  cutAll(zombies: boolean): void {
    for (const one of [...this.#connections.values()]) {
      if (!zombies) one.queue.length = 0;
      this.#cut(one);
    }
  }

  request(effect: RequestEffect): void {
    const one = this.#connections.get(effect.connection);
    assert.ok(one !== undefined, 'requests go to connections that are there');
    if (effect.type === 'sendProduce' && effect.acks === 0) {
      const { request } = effect;
      this.#world.after(0, () => this.#world.step({ type: 'produceWritten', request }));
    }
    const framed = frame(effect, this.#world.nowMs + this.#world.wallOffsetMs);
    const torn = this.#world.faults.torn?.(effect) === true;
    const uploadMs = this.#world.faults.uploadMs?.(effect) ?? 0;
    one.arrivalMs = Math.max(one.arrivalMs, this.#world.nowMs + LATENCY_MS + uploadMs);
    this.#world.after(one.arrivalMs - this.#world.nowMs, () => {
      if (one.open) this.#world.observer.written?.(effect);
      // Half a frame, then the end: what came before it is worked off, and nothing after it.
      if (torn) one.torn = true;
      if (one.torn) this.#cut(one);
      if (one.dead || one.torn) return;
      one.queue.push(framed);
      this.#work(one);
    });
  }

  #cut(one: Connection): void {
    if (!one.open) return;
    one.open = false;
    const { connection, calledNode: node } = one;
    this.#world.after(0, () => {
      this.#world.step({ type: 'connectionLost', node, connection, message: 'cut' });
    });
  }

  /** One request of a connection at a time, also of a dead one. */
  #work(one: Connection): void {
    if (one.busy || one.dead) return;
    const mutedMs = one.mutedUntilMs - this.#world.nowMs;
    const framed = mutedMs > 0 ? undefined : one.queue.shift();
    if (framed === undefined) return;
    const fault = this.#world.faults.request?.(framed.effect);
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
    const { random } = this.#world;
    const serviceMs = fault === 'zombie' ? random() * 600 : random() * 2;
    this.#world.after(serviceMs + (options.delayMs ?? 0), () => {
      if (one.dead) return;
      const handled = one.open ? framed : this.#late(one.node, framed);
      this.#brokers.handle(one.node, handled, options, (answer) => {
        one.busy = false;
        if (fault === 'cutAfter') this.#cut(one);
        one.silent ||= fault === 'silent';
        if (answer !== undefined) this.#answer(one, answer);
        const isMuted = this.#world.cluster.mutesThrottled && options.throttleMs !== undefined;
        if (isMuted) this.#mute(one, options.throttleMs ?? 0);
        this.#work(one);
      });
    });
  }

  #late(node: number, { effect, calls }: Framed): Framed {
    const { cluster } = this.#world;
    return { effect, calls: calls.filter((call) => !cluster.isPastHelp(node, call)) };
  }

  #answer(one: Connection, answer: SenderEvent): void {
    if (!one.open || one.silent) return;
    this.#world.after(LATENCY_MS, () => {
      if (one.open) this.#world.step(answer);
    });
  }

  #mute(one: Connection, forMs: number): void {
    one.mutedUntilMs = Math.max(one.mutedUntilMs, this.#world.nowMs + forMs);
    this.#world.after(forMs, () => this.#work(one));
  }
}
