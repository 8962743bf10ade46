/**
 * One connected socket to one broker: requests out as fragments, long ones gathered into one write without copying; responses in as frames,
 * matched by correlation id. Knows no message: `broker-channel.ts` does.
 */
import type { Socket } from 'node:net';
import { assert } from '../shared/assert.ts';
import { ProtocolError } from '../shared/errors.ts';
import {
  closedFault,
  FIRST_BYTES,
  foreignFault,
  fullName,
  protocolFault,
  systemFault,
} from './connection-fault.ts';
import type { ConnectionFault, EndpointOrigin } from './connection-fault.ts';
import { RESPONSE_BYTES_MAX, ResponseFrames } from './response-frames.ts';
import type { Endpoint } from './sender-config.ts';

/** What becomes of one request: `written` once, then one of `answered` and `lost` (neither where no answer is expected). */
export interface RequestWaiter {
  /**
   * The bytes of the fragments are the caller's again.
   *
   * @param whole true: all of them went to the system; false: the socket is closed, nobody knows how many
   */
  written(whole: boolean): void;
  /**
   * @param frame the response without its length; correlation id first
   * @throws {ProtocolError} when it cannot be read: the connection is closed then
   */
  answered(frame: Uint8Array): void;
  /** The connection ended first. */
  lost(fault: ConnectionFault): void;
}

export interface ConnectionOptions {
  /** Connected, with nobody else listening to it; what it receives is handed to `receive`. */
  readonly socket: Socket;
  readonly endpoint: Endpoint;
  /** The one of the name's addresses that was taken. */
  readonly address: string;
  readonly origin: EndpointOrigin;
  readonly responseBytesMax?: number;
  /** Once, after the socket's 'close' and after every waiter was told. */
  readonly onClosed: (fault: ConnectionFault) => void;
}

interface OpenRequest {
  readonly correlationId: number;
  readonly waiter: RequestWaiter;
  written: boolean;
  /** An answer that came before the write callback did. */
  answer: Buffer | undefined;
}

const CORRELATION_ID_MAX = 0x7fff_ffff;
/** A request this short is copied into one piece: to gather it costs more. */
const JOINED_BYTES_MAX = 4096;
/** Requests that were written are let go in one go, so that each costs nothing. */
const WRITTEN_KEPT_MAX = 64;

/**
 * The first thing that goes wrong ends it, and every waiter gets that one cause. All bytes of a request stay in use until its waiter's
 * `written`, which also a destroyed socket calls (KAFKA-19012: memory given back before that is sent as somebody else's records).
 */
export class Connection {
  readonly endpoint: Endpoint;
  readonly address: string;
  readonly #socket: Socket;
  readonly origin: EndpointOrigin;
  readonly #frames: ResponseFrames;
  readonly #responseBytesMax: number;
  readonly #onClosed: (fault: ConnectionFault) => void;
  /** Requests whose answer is due, oldest first: the first is mostly the one. */
  readonly #waiting: OpenRequest[] = [];
  /** Requests whose write callback is due, oldest first. */
  readonly #writing: OpenRequest[] = [];
  #writtenUpTo = 0;
  #correlationId = 0;
  #fault: ConnectionFault | undefined;
  #ended = false;
  #firstBytes: Buffer | undefined = Buffer.alloc(0);
  #answers = 0;
  #bytesSent = 0;
  #bytesReceived = 0;

  constructor(options: ConnectionOptions) {
    this.#socket = options.socket;
    this.endpoint = options.endpoint;
    this.address = options.address;
    this.origin = options.origin;
    this.#responseBytesMax = options.responseBytesMax ?? RESPONSE_BYTES_MAX;
    this.#frames = new ResponseFrames(this.#responseBytesMax);
    this.#onClosed = options.onClosed;
    this.#socket.on('error', (error) => this.#failed(error));
    this.#socket.on('end', () => this.#endedByPeer());
    this.#socket.on('close', () => this.#closed());
  }

  /** `host:port`, with the address where that says more. */
  get name(): string {
    return fullName(this.endpoint, this.address);
  }

  /** False from the first fault on: nothing can be sent any more, even if `onClosed` is still to come. */
  get open(): boolean {
    return this.#fault === undefined;
  }

  /** Responses so far. */
  get answers(): number {
    return this.#answers;
  }

  /** Bytes handed to the socket. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Requests without their answer. */
  get openRequests(): number {
    return this.#waiting.length;
  }

  /** For the header of the next request. */
  takeCorrelationId(): number {
    const id = this.#correlationId;
    this.#correlationId = id === CORRELATION_ID_MAX ? 0 : id + 1;
    return id;
  }

  /**
   * Writes one request, its length bytes included, in one write. The bytes of `fragments` must stay as they are until `waiter.written`.
   *
   * @param expectAnswer false for Produce with acks=0, which no broker answers
   */
  send(
    fragments: readonly Uint8Array[],
    correlationId: number,
    waiter: RequestWaiter,
    expectAnswer = true,
  ): void {
    assert(this.open, 'nothing is sent on a connection that has ended');
    assert(fragments.length > 0, 'a request has bytes');
    assert(
      this.#waitingFor(correlationId) === undefined,
      'a correlation id is used once at a time',
    );
    const request: OpenRequest = { correlationId, waiter, written: false, answer: undefined };
    if (expectAnswer) this.#waiting.push(request);
    this.#writing.push(request);
    const bytes = fragments.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#bytesSent += bytes;
    if (bytes > JOINED_BYTES_MAX) this.#gather(fragments);
    else this.#socket.write(Buffer.concat(fragments, bytes), this.#oneWritten);
  }

  /** @param chunk lent until this returns */
  receive(chunk: Buffer): void {
    if (!this.open) return;
    this.#bytesReceived += chunk.length;
    if (this.#firstBytes !== undefined && !this.#looksLikeKafka(chunk)) return;
    try {
      this.#frames.take(chunk, (frame) => this.#answered(frame));
    } catch (error) {
      this.#unreadable(error);
    }
  }

  /** Ends it with this cause; `onClosed` comes later. A second call does nothing. */
  close(fault: ConnectionFault): void {
    this.#poison(fault);
  }

  #gather(fragments: readonly Uint8Array[]): void {
    const last = fragments.length - 1;
    this.#socket.cork();
    for (const [index, fragment] of fragments.entries()) {
      if (index === last) this.#socket.write(fragment, this.#oneWritten);
      else this.#socket.write(fragment);
    }
    this.#socket.uncork();
  }

  /** Write callbacks come in the order of the writes, so that the oldest request is meant. */
  readonly #oneWritten = (error?: Error | null): void => {
    if (this.#ended) return;
    const request = this.#writing[this.#writtenUpTo];
    assert(request !== undefined, 'each write is called back once');
    this.#writtenUpTo += 1;
    // A socket that is slower than we are is never done with all of them.
    if (this.#writtenUpTo === this.#writing.length || this.#writtenUpTo === WRITTEN_KEPT_MAX) {
      this.#writing.splice(0, this.#writtenUpTo);
      this.#writtenUpTo = 0;
    }
    request.written = true;
    request.waiter.written((error === undefined || error === null) && this.open);
    if (request.answer !== undefined && this.open) this.#deliver(request, request.answer);
  };

  #looksLikeKafka(chunk: Buffer): boolean {
    const bytes = Buffer.concat([this.#firstBytes ?? chunk, chunk]);
    // Fewer bytes than tell it cannot be a whole frame either: the assembly takes them meanwhile.
    this.#firstBytes = bytes.length < FIRST_BYTES ? bytes : undefined;
    if (bytes.length < FIRST_BYTES) return true;
    const fault = foreignFault(bytes, this.#responseBytesMax, this.endpoint, this.address);
    if (fault !== undefined) this.#poison(fault);
    return fault === undefined;
  }

  #answered(frame: Buffer): boolean {
    const correlationId = frame.readInt32BE(0);
    const request = this.#waitingFor(correlationId);
    if (request === undefined || request.answer !== undefined) {
      throw new ProtocolError(`correlation id ${correlationId} was not asked`);
    }
    this.#answers += 1;
    // The sender may stamp these bytes anew after the answer: not while the socket still reads them.
    if (request.written) this.#deliver(request, frame);
    else request.answer = frame;
    return this.open;
  }

  #waitingFor(correlationId: number): OpenRequest | undefined {
    return this.#waiting.find((request) => request.correlationId === correlationId);
  }

  #deliver(request: OpenRequest, frame: Buffer): void {
    this.#waiting.splice(this.#waiting.indexOf(request), 1);
    try {
      request.waiter.answered(frame);
    } catch (error) {
      this.#unreadable(error);
    }
  }

  #unreadable(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.#poison(protocolFault(error, this.endpoint, this.address));
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') this.#endedByPeer();
    else this.#poison(systemFault(error, this.endpoint, this.address, this.origin));
  }

  #endedByPeer(): void {
    this.#poison(closedFault(this.endpoint, this.address, this.#answers, this.#waiting.length));
  }

  #poison(fault: ConnectionFault): void {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    this.#socket.destroy();
  }

  #closed(): void {
    if (this.#fault === undefined) this.#endedByPeer();
    const fault = this.#fault;
    assert(fault !== undefined, 'a closed connection has its cause');
    this.#ended = true;
    const writing = this.#writing.splice(0).slice(this.#writtenUpTo);
    this.#writtenUpTo = 0;
    for (const { waiter } of writing) waiter.written(false);
    for (const { waiter } of this.#waiting.splice(0)) waiter.lost(fault);
    this.#onClosed(fault);
  }
}
