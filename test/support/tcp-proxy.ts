/**
 * A TCP proxy between a client and one broker, with faults on command. It knows nothing of Kafka: a cut after N bytes falls where it falls, also
 * in the middle of a frame.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** `up` is client to broker (requests), `down` is broker to client (responses). */
export type Direction = 'up' | 'down';

export interface ProxyOptions {
  readonly targetHost?: string;
  readonly targetPort: number;
  /** 0, the default: any free port. An advertised listener wants a port that is known before. */
  readonly port?: number;
}

/** One proxied connection. */
interface Pair {
  readonly client: Socket;
  readonly target: Socket;
  /** Held back, oldest first. */
  readonly held: Record<Direction, Held[]>;
}

interface Held {
  readonly dueMs: number;
  readonly write: () => void;
}

interface Flow {
  delayMs: number;
  paused: boolean;
  dropped: boolean;
  /** Bytes that still go through before the cut; Infinity for none. */
  cutAfterBytes: number;
}

/** Faults hold for the connections there are and for those to come, until `heal`. */
export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<Pair>();
  readonly #flows: Record<Direction, Flow> = { up: freshFlow(), down: freshFlow() };
  #refusing = false;
  #accepted = 0;
  #bytes = { up: 0, down: 0 };

  private constructor(server: Server, target: { host: string; port: number }) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client: Socket) => this.#accept(client));
  }

  static async start(options: ProxyOptions): Promise<TcpProxy> {
    const { targetHost = '127.0.0.1', targetPort, port = 0 } = options;
    const server = createServer({ noDelay: true });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, { host: targetHost, port: targetPort });
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Bytes that went through so far. */
  bytes(direction: Direction): number {
    return this.#bytes[direction];
  }

  /** Cuts all connections now, with a reset. New ones are accepted. */
  cut(): void {
    for (const { client, target } of this.#pairs) {
      client.resetAndDestroy();
      target.resetAndDestroy();
    }
  }

  /** Cuts the connection that carries the Nth byte from now on, behind that byte. Once. */
  cutAfter(bytes: number, direction: Direction): void {
    this.#flows[direction].cutAfterBytes = bytes;
  }

  /** New connections are closed at once. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Holds every byte back that long. */
  delay(delayMs: number, direction: Direction): void {
    this.#flows[direction].delayMs = delayMs;
  }

  /** Stops reading from that side: its buffers fill, then it stalls. */
  stopReading(direction: Direction): void {
    this.#flows[direction].paused = true;
    for (const pair of this.#pairs) sourceOf(pair, direction).pause();
  }

  /** Reads on, and throws the bytes away: the broker has the request, the client never hears of it (`down`). */
  drop(direction: Direction): void {
    this.#flows[direction].dropped = true;
  }

  /** Ends all faults. Connections whose bytes were dropped are cut: their streams are torn. */
  heal(): void {
    const wasTorn = this.#flows.up.dropped || this.#flows.down.dropped;
    this.#refusing = false;
    this.#flows.up = freshFlow();
    this.#flows.down = freshFlow();
    if (wasTorn) this.cut();
    for (const { client, target } of this.#pairs) {
      client.resume();
      target.resume();
    }
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    this.#accepted += 1;
    const target = connect({ ...this.#target, noDelay: true });
    const pair: Pair = { client, target, held: { up: [], down: [] } };
    this.#pairs.add(pair);
    this.#join(pair, 'up');
    this.#join(pair, 'down');
  }

  #join(pair: Pair, direction: Direction): void {
    const from = sourceOf(pair, direction);
    const to = direction === 'up' ? pair.target : pair.client;
    from.on('data', (chunk: Buffer) => this.#pass(chunk, pair, to, direction));
    from.on('end', () => to.end());
    // What a side does wrong shows as its 'close'.
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#pairs.delete(pair);
      to.destroy();
    });
    to.on('drain', () => {
      if (!this.#flows[direction].paused) from.resume();
    });
    if (this.#flows[direction].paused) from.pause();
  }

  #pass(chunk: Buffer, pair: Pair, to: Socket, direction: Direction): void {
    const flow = this.#flows[direction];
    if (flow.dropped) return;
    const whole = chunk.length < flow.cutAfterBytes;
    const bytes = whole ? chunk : chunk.subarray(0, flow.cutAfterBytes);
    flow.cutAfterBytes = whole ? flow.cutAfterBytes - chunk.length : Infinity;
    this.#bytes[direction] += bytes.length;
    const write = (): void => {
      if (to.destroyed) return;
      if (whole) {
        if (!to.write(bytes)) sourceOf(pair, direction).pause();
      } else {
        to.end(bytes, () => {
          pair.client.destroy();
          pair.target.destroy();
        });
      }
    };
    hold(pair.held[direction], flow.delayMs, write);
  }
}

/** What comes later goes on later, whatever its own delay is. */
function hold(held: Held[], delayMs: number, write: () => void): void {
  if (delayMs === 0 && held.length === 0) {
    write();
    return;
  }
  const nowMs = performance.now();
  const dueMs = Math.max(nowMs + delayMs, held.at(-1)?.dueMs ?? 0);
  held.push({ dueMs, write });
  setTimeout(() => held.shift()?.write(), dueMs - nowMs);
}

function freshFlow(): Flow {
  return { delayMs: 0, paused: false, dropped: false, cutAfterBytes: Infinity };
}

function sourceOf(pair: Pair, direction: Direction): Socket {
  return direction === 'up' ? pair.client : pair.target;
}
