import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { frameRequest, parseResponse } from '../../src/kafka/header.ts';
import type { Decoded, Encodable, Fields } from '../../src/kafka/message-fields.ts';
import type { MessageSpec } from '../../src/kafka/message-spec.ts';
import { produce } from '../../src/kafka/messages/00-produce.ts';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';

/** One connection to a node that speaks the protocol without any cleverness: what is sent is what the test says. */
export class RawClient {
  readonly socket: Socket;
  #correlationId = 0;
  #received = Buffer.alloc(0);
  #isClosed = false;
  readonly #arrivals = new EventEmitter();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#arrivals.emit('arrived');
    });
    socket.on('error', () => {
      // 'close' follows, which is what the tests look at.
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#arrivals.emit('arrived');
    });
  }

  /** Bytes that came and were not taken as a response. */
  get leftover(): number {
    return this.#received.length;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async closed(): Promise<void> {
    while (!this.#isClosed) await once(this.#arrivals, 'arrived');
  }

  /** Sends without waiting for the answer. */
  send<Request extends Fields, Response extends Fields>(
    spec: MessageSpec<Request, Response>,
    version: number,
    request: Encodable<Request>,
  ): void {
    this.#correlationId += 1;
    const frame = frameRequest(spec, version, this.#correlationId, 'raw', request);
    this.socket.write(Buffer.concat(frame));
  }

  /** The next response, which has to be of this API and version; undefined when the connection closed instead. */
  async receive<Request extends Fields, Response extends Fields>(
    spec: MessageSpec<Request, Response>,
    version: number,
  ): Promise<Decoded<Response> | undefined> {
    for (;;) {
      const length = this.#received.length < 4 ? Infinity : this.#received.readInt32BE(0);
      if (this.#received.length >= 4 + length) {
        const frame = this.#received.subarray(4, 4 + length);
        this.#received = this.#received.subarray(4 + length);
        return parseResponse(spec, version, frame);
      }
      if (this.#isClosed) return undefined;
      await once(this.#arrivals, 'arrived');
    }
  }

  /** Sends and waits. Fails when the connection closes instead of an answer. */
  async ask<Request extends Fields, Response extends Fields>(
    spec: MessageSpec<Request, Response>,
    version: number,
    request: Encodable<Request>,
  ): Promise<Decoded<Response>> {
    this.send(spec, version, request);
    const response = await this.receive(spec, version);
    if (response === undefined) throw new Error(`${spec.name}: the connection closed`);
    return response;
  }

  /** Sends one batch. */
  sendBatch(
    topic: string,
    partition: number,
    records: Uint8Array,
    options: ProduceOptions = {},
  ): void {
    this.send(produce, options.version ?? 9, produceRequest(topic, partition, records, options));
  }

  /** Sends one batch and returns the answer for its partition. */
  async produce(
    topic: string,
    partition: number,
    records: Uint8Array,
    options: ProduceOptions = {},
  ) {
    const version = options.version ?? 9;
    const request = produceRequest(topic, partition, records, options);
    const response = await this.ask(produce, version, request);
    const answer = response.responses[0]?.partitionResponses[0];
    if (answer === undefined) throw new Error('no answer for the partition');
    return answer;
  }
}

export interface ProduceOptions {
  readonly acks?: number;
  readonly timeoutMs?: number;
  readonly version?: number;
  readonly transactionalId?: string;
}

function produceRequest(
  name: string,
  index: number,
  records: Uint8Array,
  { acks = -1, timeoutMs = 10_000, transactionalId }: ProduceOptions,
) {
  const whose = transactionalId === undefined ? {} : { transactionalId };
  return { ...whose, acks, timeoutMs, topicData: [{ name, partitionData: [{ index, records }] }] };
}

/** Connects to a node and disconnects when the test ends. */
export async function rawClient(
  t: { after(fn: () => void): void },
  cluster: EmbeddedCluster,
  nodeId = 1,
): Promise<RawClient> {
  const node = cluster.nodes.find(({ id }) => id === nodeId);
  if (node === undefined) throw new Error(`no node ${String(nodeId)}`);
  const socket = connect(node.port, node.host);
  await once(socket, 'connect');
  t.after(() => socket.destroy());
  return new RawClient(socket);
}
