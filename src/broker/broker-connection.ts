import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestHeadOf } from '../kafka/header.ts';
import { ProtocolError } from '../shared/errors.ts';
import { readInto } from './accepted-socket.ts';
import type { OpenRequest, RequestContext } from './broker-api.ts';
import { apiNameOf, apiVersionsFallback, brokerApis } from './broker-apis.ts';
import type { ApiName } from './broker-apis.ts';
import { carryOut } from './carry-out.ts';
import type { Reply } from './carry-out.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Faults } from './faults.ts';
import type { ArrivedRequest, RecordedRequests } from './recorded-requests.ts';
import { RequestFrames } from './request-frames.ts';

/** What the connections of a node work with. */
export interface ConnectionServices {
  readonly nodeId: number;
  readonly cluster: ClusterState;
  readonly faults: Faults;
  readonly recorded: RecordedRequests;
  /** Longest request that is read: `socket.request.max.bytes`. */
  readonly frameBytesMax: number;
  /** Where the sockets read into, one after the other. */
  readonly scratch: Uint8Array;
  readonly now: () => number;
}

const noPartitionErrors: ReadonlyMap<string, number> = new Map();

/**
 * One client's connection. As Kafka's SocketServer it serves one request at a time and does not read on meanwhile: later
 * requests lie in the socket, also when the client has died, and are served after the one before.
 */
export class BrokerConnection {
  readonly #socket: Socket;
  readonly #services: ConnectionServices;
  readonly #number: number;
  readonly #frames: RequestFrames;
  #busy = false;
  /** Nothing is read or answered: the node is paused, or a fault wants it. */
  #dumb = false;
  #clientEnded = false;
  #nodeDown = false;
  #requestCut: number | 'none' | 'undecided' = 'undecided';

  /**
   * @param accepted see `readInto`
   * @param number counts the connections of the cluster
   */
  constructor(accepted: Socket, services: ConnectionServices, number: number) {
    this.#services = services;
    this.#number = number;
    this.#frames = new RequestFrames(services.frameBytesMax);
    this.#socket = readInto(accepted, services.scratch, (bytes) => {
      this.#frames.push(bytes);
      if (this.#busy || this.#dumb) this.#socket.pause();
      else void this.#serve();
    });
    this.#socket.on('end', () => {
      this.#clientEnded = true;
      if (!this.#busy) this.#socket.end();
    });
    this.#socket.on('error', () => {
      // The client has gone; 'close' follows, and a broker does not mind.
    });
  }

  onClose(listener: () => void): void {
    this.#socket.on('close', listener);
  }

  /** As a process that was sent SIGSTOP: the connection stays, nothing is read or answered. */
  pause(): void {
    this.#dumb = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#dumb = false;
    if (!this.#busy) void this.#serve();
  }

  /** As a broker that was killed. */
  kill(): void {
    this.#nodeDown = true;
    this.#socket.destroy();
  }

  async #serve(): Promise<void> {
    this.#busy = true;
    while (!this.#dumb && !this.#socket.destroyed && !this.#isCutHere()) {
      const step = this.#frames.next();
      if (step.kind === 'needMore') break;
      if (step.kind === 'illegalLength') {
        this.#complainAndClose(`a request of ${String(step.length)} bytes`);
        break;
      }
      this.#requestCut = 'undecided';
      await this.#serveFrame(step.frame);
    }
    this.#busy = false;
    if (this.#dumb || this.#socket.destroyed) return;
    if (this.#clientEnded) this.#socket.end();
    else this.#socket.resume();
  }

  /** A test may want the connection closed while a request is still arriving. */
  #isCutHere(): boolean {
    if (this.#requestCut === 'undecided') {
      const apiKey = this.#frames.apiKeyArriving;
      const api = apiKey === undefined ? undefined : apiNameOf(apiKey);
      if (api === undefined) return false;
      this.#requestCut = this.#services.faults.takeRequestCut(api) ?? 'none';
    }
    if (this.#requestCut === 'none') return false;
    if (this.#frames.arrivedBytes >= this.#requestCut) this.#socket.destroy();
    return true;
  }

  async #serveFrame(frame: Uint8Array): Promise<void> {
    const opened = this.#open(frame);
    if (opened === undefined) return;
    if ('fallback' in opened) {
      await this.#send(opened.fallback);
      return;
    }
    const { api, request } = opened;
    const arrived = this.#arrived(api, request);
    this.#services.recorded.add(arrived);
    const reply = await carryOut(
      request,
      this.#services.faults.actionFor(arrived),
      () => this.#context(request),
      () => this.#nodeDown,
    );
    await this.#reply(reply);
  }

  /** Decodes a request that is ours to answer. For what is not, the connection is closed. */
  #open(
    frame: Uint8Array,
  ): { api: ApiName; request: OpenRequest } | { fallback: Uint8Array[] } | undefined {
    try {
      const { apiKey, apiVersion, correlationId } = requestHeadOf(frame);
      const api = apiNameOf(apiKey);
      if (api === undefined) {
        this.#complainAndClose(`API key ${String(apiKey)} is not implemented`);
        return undefined;
      }
      const { versionMin, versionMax } = brokerApis[api];
      if (apiVersion >= versionMin && apiVersion <= versionMax) {
        return { api, request: brokerApis[api].open(frame) };
      }
      if (api === 'ApiVersions') return { fallback: apiVersionsFallback(correlationId) };
      this.#complainAndClose(`${api} v${String(apiVersion)} is not implemented`);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#complainAndClose(error.message);
    }
    return undefined;
  }

  #arrived(api: ApiName, request: OpenRequest): ArrivedRequest {
    const { apiVersion, correlationId, clientId, body } = request;
    const { nodeId, now } = this.#services;
    const connection = this.#number;
    return { api, apiVersion, correlationId, clientId, nodeId, connection, arrivedMs: now(), body };
  }

  #context({ apiVersion }: OpenRequest): RequestContext {
    const { cluster, nodeId, now } = this.#services;
    return { cluster, nodeId, apiVersion, nowMs: now(), partitionErrors: noPartitionErrors };
  }

  async #reply(reply: Reply): Promise<void> {
    switch (reply.kind) {
      case 'send':
        await this.#send(reply.fragments);
        if (reply.muteMs > 0) await sleep(reply.muteMs, undefined, { ref: false });
        return;
      case 'sendAndClose':
        // Ends the loop as well: what is left in the socket is never served.
        this.#dumb = true;
        this.#socket.write(reply.fragment, () => this.#socket.destroy());
        return;
      case 'close':
        this.#socket.destroy();
        return;
      case 'goDumb':
        this.pause();
    }
  }

  /** As in Kafka the next request is served when the answer is out: a client that has died is noticed before. */
  #send(fragments: readonly Uint8Array[]): Promise<void> {
    const last = fragments.at(-1);
    if (this.#socket.destroyed || last === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.cork();
      for (const fragment of fragments.slice(0, -1)) this.#socket.write(fragment);
      this.#socket.write(last, () => resolve());
      this.#socket.uncork();
    });
  }

  #complainAndClose(what: string): void {
    const place = `connection ${String(this.#number)} to node ${String(this.#services.nodeId)}`;
    this.#services.cluster.complain(`${place}: ${what}`);
    this.#socket.destroy();
  }
}
