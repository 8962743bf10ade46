import { frameResponse, parseRequest } from '../kafka/header.ts';
import type { Decoded, Encodable, Fields } from '../kafka/message-fields.ts';
import type { MessageSpec } from '../kafka/message-spec.ts';
import type { ClusterState } from './cluster-state.ts';

/** What an API needs to answer a request. */
export interface RequestContext {
  readonly cluster: ClusterState;
  /** The node that was asked. */
  readonly nodeId: number;
  readonly apiVersion: number;
  readonly nowMs: number;
  /** Error codes for single partitions, by the key of `partitionKey`: a fault that a test asked for. */
  readonly partitionErrors: ReadonlyMap<string, number>;
}

/** How one API is answered. */
export interface ApiHandlers<Request extends Fields, Response extends Fields> {
  /** @returns undefined when the request wants no answer (Produce with acks=0) */
  answer(
    request: Decoded<Request>,
    context: RequestContext,
  ): Encodable<Response> | undefined | Promise<Encodable<Response> | undefined>;
  /** The same shape of answer with the error everywhere, and nothing done; undefined as with `answer`. */
  refuse(
    request: Decoded<Request>,
    errorCode: number,
    context: RequestContext,
  ): Encodable<Response> | undefined;
}

/** An answer before it is encoded. */
export interface OpenAnswer {
  /** The whole frame, as fragments in order. */
  encode(): Uint8Array[];
  /** The answer as `edit` leaves it, which finds every field of the message, as a reader would. */
  edited(edit: (body: Record<string, unknown>) => void): OpenAnswer;
}

/** A request that was decoded and waits for its answer. */
export interface OpenRequest {
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly body: Record<string, unknown>;
  answer(context: RequestContext): Promise<OpenAnswer | undefined>;
  refuse(errorCode: number, context: RequestContext): OpenAnswer | undefined;
}

/** One API with its types closed over: what the connection works with. */
export interface BrokerApi {
  readonly apiKey: number;
  readonly versionMin: number;
  readonly versionMax: number;
  /** @throws {ProtocolError} when the frame (without its length bytes) does not follow the table */
  open(frame: Uint8Array): OpenRequest;
}

export function brokerApi<Request extends Fields, Response extends Fields>(
  spec: MessageSpec<Request, Response>,
  handlers: ApiHandlers<Request, Response>,
): BrokerApi {
  return {
    apiKey: spec.apiKey,
    versionMin: spec.versions.min,
    versionMax: spec.versions.max,
    open(frame) {
      const { apiVersion, correlationId, clientId, request } = parseRequest(spec, frame);
      const openAnswer = (body: Encodable<Response>): OpenAnswer => ({
        encode: () => frameResponse(spec, apiVersion, correlationId, body),
        edited: (edit) => {
          const written = Buffer.concat(spec.encodeResponse(apiVersion, body));
          const whole = spec.decodeResponse(apiVersion, written);
          edit(whole);
          // What was read from a version can be written in it: messages.test.ts holds every table to that.
          return openAnswer(whole as unknown as Encodable<Response>);
        },
      });
      const openIfAny = (body: Encodable<Response> | undefined): OpenAnswer | undefined =>
        body && openAnswer(body);
      return {
        apiVersion,
        correlationId,
        clientId,
        body: request,
        answer: async (context) => openIfAny(await handlers.answer(request, context)),
        refuse: (errorCode, context) => openIfAny(handlers.refuse(request, errorCode, context)),
      };
    },
  };
}

/** Names a partition in maps, such as `RequestContext.partitionErrors`. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}-${String(partition)}`;
}
