/** The connections of the sender, by the numbers that the core gave them: on their way, or ready. */
import { present } from '../shared/assert.ts';
import { describeProducers } from '../kafka/messages/61-describe-producers.ts';
import type { ApiNeed, ClientSoftware } from './api-versions.ts';
import { BrokerChannel } from './broker-channel.ts';
import { connectionFault } from './connection-fault.ts';
import type { ConnectionFault } from './connection-fault.ts';
import type { Connect, SenderEvent } from './events.ts';
import { ChannelOpening } from './open-channel.ts';
import type { ChannelOptions } from './open-channel.ts';
import type { Resolve } from './resolve.ts';

export interface NodeChannelsOptions extends Pick<
  ChannelOptions,
  'setupTimeoutMs' | 'setupTimeoutMaxMs' | 'random' | 'resolve'
> {
  readonly software: ClientSoftware;
  readonly needs: readonly ApiNeed[];
  readonly emit: (event: SenderEvent) => void;
  /** Other addresses of a bootstrap server than of a broker. */
  readonly resolveBootstrap?: Resolve | undefined;
}

/** Bytes and connections so far, those that are closed included. */
export interface ChannelCounts {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly connectionsOpen: number;
  readonly connectsFailed: number;
}

export class NodeChannels {
  readonly #options: NodeChannelsOptions;
  readonly #opening = new Map<number, ChannelOpening>();
  readonly #ready = new Map<number, BrokerChannel>();
  /** Of connections that are closed. */
  #bytesSent = 0;
  #bytesReceived = 0;
  #connectsFailed = 0;

  constructor(options: NodeChannelsOptions) {
    this.#options = options;
  }

  /** The channel, if requests can be sent on it. It may have ended without the core having heard of it yet. */
  ready(connection: number): BrokerChannel | undefined {
    const channel = this.#ready.get(connection);
    return channel?.open === true ? channel : undefined;
  }

  /** Ready ones to brokers by their id: those to bootstrap servers end soon. */
  toBrokers(): BrokerChannel[] {
    return [...this.#ready.values()].filter(({ connection }) => connection.origin === 'metadata');
  }

  counts(): ChannelCounts {
    let bytesSent = this.#bytesSent;
    let bytesReceived = this.#bytesReceived;
    for (const { connection } of this.#ready.values()) {
      bytesSent += connection.bytesSent;
      bytesReceived += connection.bytesReceived;
    }
    const connectionsOpen = this.#ready.size;
    return { bytesSent, bytesReceived, connectionsOpen, connectsFailed: this.#connectsFailed };
  }

  connect({ node, connection, host, port, attempt }: Connect): void {
    const { software, needs, setupTimeoutMs, setupTimeoutMaxMs, random, emit } = this.#options;
    const isBootstrap = node < 0;
    const resolve =
      (isBootstrap ? this.#options.resolveBootstrap : undefined) ?? this.#options.resolve;
    const opening = new ChannelOpening({
      endpoint: { host, port },
      origin: isBootstrap ? 'bootstrap' : 'metadata',
      ...{ attempt, software, needs, setupTimeoutMs, setupTimeoutMaxMs, random },
      ...(resolve === undefined ? {} : { resolve }),
      onClosed: ({ message }) => {
        if (!this.#ready.has(connection)) return;
        this.#forget(connection);
        emit({ type: 'connectionLost', node, connection, message });
      },
    });
    this.#opening.set(connection, opening);
    void opening.run().then((result) => {
      this.#opening.delete(connection);
      const isReady = result instanceof BrokerChannel;
      if (isReady && opening.stopped === undefined) {
        this.#ready.set(connection, result);
        const { apis } = result;
        const { transactions } = apis;
        const features = { describeProducers: apis.speaks(describeProducers), transactions };
        emit({ type: 'connected', node, connection, features });
        return;
      }
      this.#connectsFailed += 1;
      const { reason, message } = isReady ? this.#closeUnwanted(result, opening) : result;
      emit({ type: 'connectFailed', node, connection, reason, message });
    });
  }

  disconnect(connection: number, reason: string): void {
    this.#ready.get(connection)?.close(reason);
    this.#opening.get(connection)?.stop(connectionFault('closed', reason));
  }

  /** It became ready in the very turn in which it was stopped: for the core it never was. */
  #closeUnwanted(channel: BrokerChannel, opening: ChannelOpening): ConnectionFault {
    const fault = present(opening.stopped, 'a ready channel is unwanted only when it was stopped');
    channel.close(fault.message);
    return fault;
  }

  #forget(connection: number): void {
    const channel = this.#ready.get(connection);
    this.#ready.delete(connection);
    this.#bytesSent += channel?.connection.bytesSent ?? 0;
    this.#bytesReceived += channel?.connection.bytesReceived ?? 0;
  }
}
