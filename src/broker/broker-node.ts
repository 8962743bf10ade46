import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { assert } from '../shared/assert.ts';
import { SetupError } from '../shared/errors.ts';
import { BrokerConnection } from './broker-connection.ts';
import type { ConnectionServices } from './broker-connection.ts';

/** A listening socket that does not serve anybody yet: its port is known before there is a cluster. */
export interface Listener {
  readonly server: Server;
  readonly host: string;
  readonly port: number;
}

/**
 * Listens on `host`:`port`, port 0 for any that is free.
 *
 * @throws {SetupError} when the address is taken or not ours
 */
export async function listen(host: string, port: number): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  return { server, host, port: await startListening(server, host, port) };
}

async function startListening(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(
      'cannotCreate',
      `the embedded broker cannot listen on ${host}:${String(port)}: ${reason}; stop what listens there or choose another port`,
      { cause: error },
    );
  }
  const address = server.address();
  assert(typeof address === 'object' && address !== null, 'a TCP server has an address');
  return address.port;
}

/** Counts the connections of a cluster. */
export interface ConnectionCounter {
  count: number;
}

/** One node of the embedded cluster: its port and its connections. */
export class BrokerNode {
  readonly #listener: Listener;
  readonly #connections = new Set<BrokerConnection>();
  #paused = false;

  constructor(listener: Listener, services: ConnectionServices, counter: ConnectionCounter) {
    this.#listener = listener;
    listener.server.on('connection', (socket) => {
      counter.count += 1;
      const connection = new BrokerConnection(socket, services, counter.count);
      this.#connections.add(connection);
      connection.onClose(() => this.#connections.delete(connection));
      if (this.#paused) connection.pause();
    });
  }

  /** Closes the port and every connection, as a kill -9 does. */
  async stop(): Promise<void> {
    const { server } = this.#listener;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const connection of this.#connections) connection.kill();
    await closed;
  }

  /** Listens again, on the same port. */
  async start(): Promise<void> {
    const { server, host, port } = this.#listener;
    this.#paused = false;
    await startListening(server, host, port);
  }

  /** As SIGSTOP: connections stay and new ones are taken by the system, nothing is read or answered. */
  pause(): void {
    this.#paused = true;
    for (const connection of this.#connections) connection.pause();
  }

  /** As SIGCONT. */
  resume(): void {
    this.#paused = false;
    for (const connection of this.#connections) connection.resume();
  }
}
