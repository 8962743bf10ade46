/**
 * From a name to a channel: resolve, connect, ask what the broker speaks. One set-up timeout covers connect and handshake of an address (KIP-601;
 * Java's ends at the TCP connect, which leaves a silent server to request.timeout.ms). All addresses of a name are tried (client.dns.lookup
 * use_all_dns_ips), and resolved anew each time. TLS and SASL belong between `connectTo` and `askApiVersions`.
 */
import { connect } from 'node:net';
import { askApiVersions, lackOf } from './api-versions.ts';
import type { ApiNeed, ClientSoftware } from './api-versions.ts';
import { BrokerChannel } from './broker-channel.ts';
import { Connection } from './connection.ts';
import { connectionFault, hostPort, setupTimeoutFault, systemFault } from './connection-fault.ts';
import type { ConnectionFault, EndpointOrigin } from './connection-fault.ts';
import { allAddresses } from './resolve.ts';
import type { Endpoint } from './sender-config.ts';

const KEEP_ALIVE_DELAY_MS = 60_000;
/** What a socket receives at once; nearly all answers are shorter. */
const RECEIVE_BYTES = 65_536;
const JITTER = 0.2;

export interface ChannelOptions {
  readonly endpoint: Endpoint;
  readonly origin: EndpointOrigin;
  /** Attempts that failed since the last success: another address first, more patience. */
  readonly attempt: number;
  readonly software: ClientSoftware;
  readonly needs: readonly ApiNeed[];
  readonly setupTimeoutMs: number;
  readonly setupTimeoutMaxMs: number;
  readonly random: () => number;
  readonly responseBytesMax?: number;
  /** All addresses of a name; for tests. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Once, for a channel that was ready, when its socket is closed. */
  readonly onClosed: (fault: ConnectionFault) => void;
}

/** One step of a set-up: it ends once, by its own result, by the timeout or by `stop`. */
interface Step<Result> {
  readonly end: (result: Result | ConnectionFault) => void;
  /** Lets go of what the step holds, when it is ended from outside. */
  abandon: (fault: ConnectionFault) => void;
  /** TCP is there: the server is silent, not the network. */
  connected: boolean;
}

/** A channel on its way. */
export class ChannelOpening {
  readonly #options: ChannelOptions;
  #stopped: ConnectionFault | undefined;
  #stopStep: ((fault: ConnectionFault) => void) | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** What it was stopped with. `run` may end with a ready channel all the same, when both come at once: it is the caller's to close. */
  get stopped(): ConnectionFault | undefined {
    return this.#stopped;
  }

  /** Makes `run` end with that fault, unless its channel is ready. */
  stop(fault: ConnectionFault): void {
    this.#stopped ??= fault;
    this.#stopStep?.(this.#stopped);
  }

  /** Once. @returns a ready channel, or the most telling of the faults of the addresses that were tried */
  async run(): Promise<BrokerChannel | ConnectionFault> {
    const { endpoint, attempt } = this.#options;
    const addresses = await this.#step<readonly string[]>(undefined, (step) => this.#resolve(step));
    if ('reason' in addresses) return addresses;
    let fault = connectionFault(
      'unresolved',
      `${hostPort(endpoint)}: the name ${endpoint.host} has no address`,
      'correct the DNS',
    );
    for (let tried = 0; tried < addresses.length; tried += 1) {
      const address = addresses[(attempt + tried) % addresses.length] ?? endpoint.host;
      const result = await this.#step<BrokerChannel>(address, (step) => this.#open(address, step));
      if (result instanceof BrokerChannel) return result;
      if (this.#stopped !== undefined) return this.#stopped;
      if (tried === 0 || saysLittle(fault)) fault = result;
      // One timeout is one attempt: the next attempt begins at the next address.
      if (result.reason === 'timeout') break;
    }
    return fault;
  }

  #step<Result>(
    address: string | undefined,
    start: (step: Step<Result>) => void,
  ): Promise<Result | ConnectionFault> {
    const { endpoint } = this.#options;
    const timeoutMs = this.#setupTimeoutMs();
    return new Promise((resolve) => {
      const stop = (fault: ConnectionFault): void => {
        step.abandon(fault);
        step.end(fault);
      };
      const timer = setTimeout(() => {
        stop(setupTimeoutFault(endpoint, address, timeoutMs, step.connected));
      }, timeoutMs);
      const step: Step<Result> = {
        end: (result) => {
          clearTimeout(timer);
          this.#stopStep = undefined;
          resolve(result);
        },
        abandon: () => undefined,
        connected: false,
      };
      this.#stopStep = stop;
      start(step);
    });
  }

  #resolve(step: Step<readonly string[]>): void {
    const { endpoint, origin, resolve = allAddresses } = this.#options;
    resolve(endpoint.host).then(step.end, (error: unknown) => {
      step.end(systemFault(error as NodeJS.ErrnoException, endpoint, undefined, origin));
    });
  }

  #open(address: string, step: Step<BrokerChannel>): void {
    const { endpoint, origin, responseBytesMax, onClosed } = this.#options;
    let receive: (chunk: Buffer) => void = () => undefined;
    const received = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
    const socket = connect({
      host: address,
      port: endpoint.port,
      autoSelectFamily: false,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
      // Into the same bytes again and again: a stream would make new ones for each answer.
      onread: {
        buffer: received,
        callback: (count) => {
          receive(received.subarray(0, count));
          return true;
        },
      },
    });
    step.abandon = () => socket.destroy();
    const failed = (error: Error): void => {
      step.end(systemFault(error, endpoint, address, origin));
    };
    socket.on('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      step.connected = true;
      let isReady = false;
      const connection = new Connection({
        ...{ socket, endpoint, address, origin },
        ...(responseBytesMax === undefined ? {} : { responseBytesMax }),
        onClosed: (fault) => {
          if (isReady) onClosed(fault);
        },
      });
      receive = (chunk) => connection.receive(chunk);
      step.abandon = (fault) => connection.close(fault);
      void this.#handshake(connection).then((result) => {
        isReady = result instanceof BrokerChannel;
        step.end(result);
      });
    });
  }

  async #handshake(connection: Connection): Promise<BrokerChannel | ConnectionFault> {
    const { software, needs } = this.#options;
    const apis = await askApiVersions(connection, software);
    if ('reason' in apis) {
      connection.close(apis);
      return apis;
    }
    const lack = lackOf(apis, needs, connection.name);
    if (lack === undefined) return new BrokerChannel(connection, apis, software.clientId);
    connection.close(lack);
    return lack;
  }

  #setupTimeoutMs(): number {
    const { setupTimeoutMs, setupTimeoutMaxMs, attempt, random } = this.#options;
    const jitter = 1 - JITTER + 2 * JITTER * random();
    return Math.min(setupTimeoutMaxMs, jitter * setupTimeoutMs * 2 ** attempt);
  }
}

/** Behind it another address may have more to say: "refused" on ::1 hides what 127.0.0.1 answers. */
function saysLittle(fault: ConnectionFault): boolean {
  return fault.reason === 'refused' || fault.reason === 'other';
}
