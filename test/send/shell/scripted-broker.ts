/** A server that does what a test's script says, byte for byte, over Kafka's own tables: for behaviour that a sound broker never shows. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { frameResponse, requestHeadOf } from '../../../src/kafka/header.ts';
import type { RequestHead } from '../../../src/kafka/header.ts';
import { produce } from '../../../src/kafka/messages/00-produce.ts';
import { fetch } from '../../../src/kafka/messages/01-fetch.ts';
import { listOffsets } from '../../../src/kafka/messages/02-list-offsets.ts';
import { metadata } from '../../../src/kafka/messages/03-metadata.ts';
import { apiVersions } from '../../../src/kafka/messages/18-api-versions.ts';
import { initProducerId } from '../../../src/kafka/messages/22-init-producer-id.ts';
import { describeProducers } from '../../../src/kafka/messages/61-describe-producers.ts';
import type { ResponseInputOf } from '../../../src/kafka/message-spec.ts';
import type { Endpoint } from '../../../src/send/sender-config.ts';
import { ResponseFrames } from '../../../src/send/response-frames.ts';

export interface Asked extends RequestHead {
  readonly frame: Buffer;
}

/** One accepted connection. */
export class Peer {
  readonly socket: Socket;
  readonly #frames = new ResponseFrames();
  readonly #asked: Asked[] = [];
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#frames.take(chunk, (frame) => {
        this.#asked.push({ ...requestHeadOf(frame), frame });
        this.#wake?.();
        return true;
      });
    });
  }

  /** The next request, in order; never comes when the client sends no more. */
  async next(): Promise<Asked> {
    for (;;) {
      const asked = this.#asked.shift();
      if (asked !== undefined) return asked;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Answers ApiVersions as a broker that speaks all we do, or what is given. */
  async handshake(apiKeys = everything()): Promise<void> {
    const { apiVersion, correlationId } = await this.next();
    this.send(frameResponse(apiVersions, apiVersion, correlationId, { errorCode: 0, apiKeys }));
  }

  send(fragments: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(fragments));
  }
}

export type ApiKeys = NonNullable<ResponseInputOf<typeof apiVersions>['apiKeys']>;

/** All versions of all messages that the sender uses. */
export function everything(): ApiKeys {
  const specs = [
    ...[produce, fetch, listOffsets, metadata, apiVersions, initProducerId, describeProducers],
  ];
  return specs.map(({ apiKey, versions }) => ({
    apiKey,
    minVersion: versions.min,
    maxVersion: versions.max,
  }));
}

/** Without one API. */
export function without(apiKey: number): ApiKeys {
  return everything().filter((api) => api.apiKey !== apiKey);
}

export interface ScriptedBroker {
  readonly endpoint: Endpoint;
  readonly connections: number;
  close(): Promise<void>;
}

/** Runs `script` for each connection; what the script throws fails `close`. */
export async function scriptedBroker(
  script: (peer: Peer, connection: number) => Promise<void> | void,
): Promise<ScriptedBroker> {
  const sockets = new Set<Socket>();
  const failures: unknown[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    const running = script(new Peer(socket), connections);
    connections += 1;
    Promise.resolve(running).catch((error: unknown) => failures.push(error));
  });
  const { port } = await listening(server);
  return {
    endpoint: { host: '127.0.0.1', port },
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      if (failures.length > 0) throw failures[0];
    },
  };
}

async function listening(server: Server): Promise<AddressInfo> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address() as AddressInfo;
}

/** A port that was free a moment ago, and where nobody listens. */
export async function unusedPort(): Promise<number> {
  const server = createServer();
  const { port } = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}
