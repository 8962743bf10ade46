/**
 * Frames: four length bytes, a header, a body. Both directions, for the client and for the embedded broker.
 * Source: KIP-482 (headers with tagged fields), KIP-511 (the exception of ApiVersions).
 *
 *     request   | length int32 | apiKey int16 | apiVersion int16 | correlationId int32 | clientId string | [tags] | body
 *     response  | length int32 | correlationId int32 | [tags] | body
 */
import { ProtocolError } from '../shared/errors.ts';
import { contains } from './message-fields.ts';
import type { Fields, Decoded, Encodable } from './message-fields.ts';
import type { MessageSpec } from './message-spec.ts';
import { Reader, Writer } from './wire.ts';

const LENGTH_BYTES = 4;
/** The client id keeps its int16 length even in flexible headers. */
const COMPACT = false;

/** What every request begins with, whatever its API and version. */
export interface RequestHead {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
}

/**
 * A whole request with its length, as fragments for one gathering write.
 *
 * @param clientId null for none
 */
export function frameRequest<Request extends Fields, Response extends Fields>(
  spec: MessageSpec<Request, Response>,
  version: number,
  correlationId: number,
  clientId: string | null,
  request: Encodable<Request>,
): Uint8Array[] {
  const writer = new Writer();
  writer.int32(0);
  writer.int16(spec.apiKey);
  writer.int16(version);
  writer.int32(correlationId);
  writer.string(clientId, COMPACT);
  if (spec.requestHeaderVersion(version) === 2) writer.unsignedVarint(0);
  spec.request.write(writer, version, request);
  return finishFrame(writer);
}

/**
 * Correlation id of a response frame (without its length bytes), to find out which request it answers.
 *
 * @throws {ProtocolError} when the frame is too short
 */
export function correlationIdOf(frame: Uint8Array): number {
  return new Reader(frame).int32();
}

/**
 * Decodes a response frame (without its length bytes).
 *
 * @param version of the request it answers
 * @throws {ProtocolError} when the bytes do not follow the table
 */
export function parseResponse<Request extends Fields, Response extends Fields>(
  spec: MessageSpec<Request, Response>,
  version: number,
  frame: Uint8Array,
): Decoded<Response> {
  const reader = new Reader(frame);
  reader.int32();
  if (spec.responseHeaderVersion(version) === 1) skipTags(reader);
  const answered = spec.answeredVersion(version, frame.subarray(reader.position));
  return spec.response.read(reader, answered);
}

/** Broker's twin of `frameRequest`. */
export function frameResponse<Request extends Fields, Response extends Fields>(
  spec: MessageSpec<Request, Response>,
  version: number,
  correlationId: number,
  response: Encodable<Response>,
): Uint8Array[] {
  const writer = new Writer();
  writer.int32(0);
  writer.int32(correlationId);
  if (spec.responseHeaderVersion(version) === 1) writer.unsignedVarint(0);
  spec.response.write(writer, version, response);
  return finishFrame(writer);
}

/**
 * The part of a request frame (without its length bytes) that is the same for all APIs and versions, known or not.
 *
 * @throws {ProtocolError} when the frame is too short
 */
export function requestHeadOf(frame: Uint8Array): RequestHead {
  const reader = new Reader(frame);
  return readRequestHead(reader);
}

/**
 * Broker's twin of `parseResponse`: decodes a request frame of the API and version that `requestHeadOf` names.
 *
 * @throws {ProtocolError} when the version is not one of the table, or the bytes do not follow it
 */
export function parseRequest<Request extends Fields, Response extends Fields>(
  spec: MessageSpec<Request, Response>,
  frame: Uint8Array,
): RequestHead & { readonly clientId: string | null; readonly request: Decoded<Request> } {
  const reader = new Reader(frame);
  const head = readRequestHead(reader);
  if (head.apiKey !== spec.apiKey || !contains(spec.versions, head.apiVersion)) {
    const asked = `API ${String(head.apiKey)} v${String(head.apiVersion)}`;
    throw new ProtocolError(`${asked} is not a version of ${spec.name}`);
  }
  const clientId = reader.string(COMPACT);
  if (spec.requestHeaderVersion(head.apiVersion) === 2) skipTags(reader);
  return { ...head, clientId, request: spec.request.read(reader, head.apiVersion) };
}

function readRequestHead(reader: Reader): RequestHead {
  return { apiKey: reader.int16(), apiVersion: reader.int16(), correlationId: reader.int32() };
}

function skipTags(reader: Reader): void {
  for (let left = reader.unsignedVarint(); left > 0; left -= 1) {
    reader.unsignedVarint();
    reader.skip(reader.unsignedVarint());
  }
}

function finishFrame(writer: Writer): Uint8Array[] {
  writer.patchInt32(0, writer.length - LENGTH_BYTES);
  return writer.finish();
}
