/**
 * A connection that is ready for requests: what a broker speaks is known, requests and responses are messages.
 */
import { frameRequest, parseResponse } from '../kafka/header.ts';
import type { Decoded, Encodable, Fields } from '../kafka/message-fields.ts';
import type { MessageSpec } from '../kafka/message-spec.ts';
import type { BrokerApis } from './api-versions.ts';
import type { Connection, RequestWaiter } from './connection.ts';
import { connectionFault } from './connection-fault.ts';
import type { ConnectionFault } from './connection-fault.ts';

/** A call whose connection ended before the answer came. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  readonly fault: ConnectionFault;

  constructor(fault: ConnectionFault) {
    super(fault.message);
    this.fault = fault;
  }
}

export interface RequestOptions<Response extends Fields> {
  /** Highest version to use, where a message needs something that a later one has no more. */
  readonly versionMax?: number;
  /** The bytes given by reference are the caller's again; see `RequestWaiter.written`. */
  readonly written?: (whole: boolean) => void;
  /** Left out where the broker does not answer: Produce with acks=0. */
  readonly answered?: (response: Decoded<Response>) => void;
  readonly lost?: (fault: ConnectionFault) => void;
}

export class BrokerChannel {
  readonly connection: Connection;
  readonly apis: BrokerApis;
  readonly #clientId: string;

  constructor(connection: Connection, apis: BrokerApis, clientId: string) {
    this.connection = connection;
    this.apis = apis;
    this.#clientId = clientId;
  }

  get open(): boolean {
    return this.connection.open;
  }

  /** Version that a request of this API will have. */
  versionOf(
    spec: Pick<MessageSpec, 'apiKey' | 'name' | 'versions'>,
    versionMax = Infinity,
  ): number {
    return Math.min(this.apis.versionOf(spec), versionMax);
  }

  /** Sends one request. What cannot be read as its answer ends the connection. */
  request<Request extends Fields, Response extends Fields>(
    spec: MessageSpec<Request, Response>,
    request: Encodable<Request>,
    options: RequestOptions<Response>,
  ): void {
    const version = this.versionOf(spec, options.versionMax);
    const correlationId = this.connection.takeCorrelationId();
    const { answered } = options;
    const waiter: RequestWaiter = {
      written: (whole) => options.written?.(whole),
      answered: (frame) => answered?.(parseResponse(spec, version, frame)),
      lost: (fault) => options.lost?.(fault),
    };
    this.connection.send(
      frameRequest(spec, version, correlationId, this.#clientId, request),
      correlationId,
      waiter,
      answered !== undefined,
    );
  }

  /**
   * The same for one who waits.
   *
   * @throws {ConnectionLost} when the connection ends first
   */
  call<Request extends Fields, Response extends Fields>(
    spec: MessageSpec<Request, Response>,
    request: Encodable<Request>,
  ): Promise<Decoded<Response>> {
    return new Promise((resolve, reject) => {
      this.request(spec, request, {
        answered: resolve,
        lost: (fault) => reject(new ConnectionLost(fault)),
      });
    });
  }

  /** Our own decision: `reason` is what waiters and log lines say. */
  close(reason: string): void {
    this.connection.close(connectionFault('closed', `${this.connection.name}: ${reason}`));
  }
}
