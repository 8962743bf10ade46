/**
 * One table per API: what a request and its response hold in which version. `message()` makes codecs for both directions from
 * it, and the compiler infers the types, so client, embedded broker and tests read the same text.
 */
import { assert, present } from '../shared/assert.ts';
import { ProtocolError } from '../shared/errors.ts';
import { compileStruct } from './message-codec.ts';
import type { Codec } from './message-codec.ts';
import { contains, versionRange } from './message-fields.ts';
import type { Decoded, Encodable, Fields, VersionRange } from './message-fields.ts';
import { Reader, Writer } from './wire.ts';

export interface MessageTable<Request extends Fields, Response extends Fields> {
  readonly apiKey: number;
  /** Kafka's name of the API. */
  readonly name: string;
  /** Stable versions, in Kafka's notation. */
  readonly versions: string;
  /** Versions with compact lengths and tagged fields (KIP-482). */
  readonly flexible: string;
  readonly request: Request;
  readonly response: Response;
  /** Flexible versions whose response header is v1; the same as `flexible` but for ApiVersions. */
  readonly flexibleResponseHeader?: string;
  /** The version an answer is really written in, from its first bytes; the requested one but for ApiVersions. */
  readonly answeredVersion?: (requested: number, body: Uint8Array) => number;
}

/** Request or response of one API, in all versions. */
export interface MessageCodec<F extends Fields> {
  readonly fields: F;
  write(writer: Writer, version: number, value: Encodable<F>): void;
  /**
   * Reads to the end of `reader`.
   *
   * @throws {ProtocolError} naming message and version
   */
  read(reader: Reader, version: number): Decoded<F>;
}

export interface MessageSpec<Request extends Fields = Fields, Response extends Fields = Fields> {
  readonly apiKey: number;
  readonly name: string;
  readonly versions: VersionRange;
  readonly flexible: VersionRange;
  readonly request: MessageCodec<Request>;
  readonly response: MessageCodec<Response>;
  requestHeaderVersion(version: number): 1 | 2;
  responseHeaderVersion(version: number): 0 | 1;
  answeredVersion(requested: number, body: Uint8Array): number;
  /** Bodies without header, as fragments: `records` by reference. */
  encodeRequest(version: number, value: Encodable<Request>): Uint8Array[];
  decodeRequest(version: number, body: Uint8Array): Decoded<Request>;
  encodeResponse(version: number, value: Encodable<Response>): Uint8Array[];
  decodeResponse(version: number, body: Uint8Array): Decoded<Response>;
}

/** What reading a request or response yields. */
export type RequestOf<Spec extends MessageSpec> = Decoded<Spec['request']['fields']>;
export type ResponseOf<Spec extends MessageSpec> = Decoded<Spec['response']['fields']>;
/** What writing takes: the same, with everything optional that has a default or is not in all versions. */
export type RequestInputOf<Spec extends MessageSpec> = Encodable<Spec['request']['fields']>;
export type ResponseInputOf<Spec extends MessageSpec> = Encodable<Spec['response']['fields']>;

export function message<Request extends Fields, Response extends Fields>(
  table: MessageTable<Request, Response>,
): MessageSpec<Request, Response> {
  const versions = versionRange(table.versions);
  const flexible = versionRange(table.flexible);
  const flexibleResponseHeader = versionRange(table.flexibleResponseHeader ?? table.flexible);
  const request = compileMessage(`${table.name}Request`, table.request, versions, flexible);
  const response = compileMessage(`${table.name}Response`, table.response, versions, flexible);
  return {
    apiKey: table.apiKey,
    name: table.name,
    versions,
    flexible,
    request,
    response,
    requestHeaderVersion: (version) => (contains(flexible, version) ? 2 : 1),
    responseHeaderVersion: (version) => (contains(flexibleResponseHeader, version) ? 1 : 0),
    answeredVersion: table.answeredVersion ?? ((requested) => requested),
    encodeRequest: (version, value) => encode(request, version, value),
    decodeRequest: (version, body) => request.read(new Reader(body), version),
    encodeResponse: (version, value) => encode(response, version, value),
    decodeResponse: (version, body) => response.read(new Reader(body), version),
  };
}

function encode<F extends Fields>(
  codec: MessageCodec<F>,
  version: number,
  value: Encodable<F>,
): Uint8Array[] {
  const writer = new Writer();
  codec.write(writer, version, value);
  return writer.finish();
}

function compileMessage<F extends Fields>(
  name: string,
  fields: F,
  versions: VersionRange,
  flexible: VersionRange,
): MessageCodec<F> {
  const compiled = new Map<number, Codec>();
  const codecOf = (version: number): Codec => {
    const known = compiled.get(version);
    if (known !== undefined) return known;
    assert(contains(versions, version), `${name} has a version ${String(version)}`);
    const dialect = { version, flexible: contains(flexible, version) };
    compiled.set(version, compileStruct(fields, dialect, name));
    return present(compiled.get(version), 'it was just compiled');
  };
  return {
    fields,
    write(writer, version, value) {
      codecOf(version).write(writer, value);
    },
    read(reader, version) {
      const codec = codecOf(version);
      try {
        const value = codec.read(reader);
        reader.finish();
        return value as Decoded<F>;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        const place = `${name} v${String(version)}`;
        throw new ProtocolError(`${place}: ${error.message}`, { cause: error });
      }
    },
  };
}
