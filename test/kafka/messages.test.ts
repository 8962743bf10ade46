import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  frameRequest,
  frameResponse,
  parseRequest,
  parseResponse,
} from '../../src/kafka/header.ts';
import type { MessageCodec, MessageSpec } from '../../src/kafka/message-spec.ts';
import { messageSpecs } from '../../src/kafka/messages/registry.ts';
import { Reader, Writer } from '../../src/kafka/wire.ts';
import { ProtocolError } from '../../src/shared/errors.ts';
import { arbitraryMessage, versionsOf } from './arbitrary-message.ts';

const CLIENT_ID = 'millrace';
const LENGTH_BYTES = 4;

interface Kind {
  readonly title: string;
  readonly spec: MessageSpec;
  readonly codec: MessageCodec<MessageSpec['request']['fields']>;
  readonly version: number;
}

const kinds: readonly Kind[] = messageSpecs.flatMap((spec) =>
  versionsOf(spec.versions).flatMap((version) => [
    { title: `${spec.name} request v${version}`, spec, codec: spec.request, version },
    { title: `${spec.name} response v${version}`, spec, codec: spec.response, version },
  ]),
);

function sampleOf(codec: Kind['codec'], version: number): Record<string, unknown>[] {
  return fc.sample(arbitraryMessage(codec.fields, version), { numRuns: 3, seed: version });
}

function encoded({ codec, version }: Kind, value: Record<string, unknown>): Buffer {
  const writer = new Writer();
  codec.write(writer, version, value);
  return Buffer.concat(writer.finish());
}

function decoded({ codec, version }: Kind, body: Uint8Array): unknown {
  return codec.read(new Reader(body), version);
}

test('every message of every version reads back as it was written', () => {
  for (const kind of kinds) {
    fc.assert(
      fc.property(arbitraryMessage(kind.codec.fields, kind.version), (value) => {
        assert.deepEqual(decoded(kind, encoded(kind, value)), value);
      }),
      { numRuns: 40 },
    );
  }
});

test('every frame reads back on the other side, with its length, header and correlation id', () => {
  for (const spec of messageSpecs) {
    for (const version of versionsOf(spec.versions)) {
      const request = sampleOf(spec.request, version)[0] ?? {};
      const asked = Buffer.concat(frameRequest(spec, version, 77, CLIENT_ID, request));
      assert.equal(asked.readInt32BE(0), asked.length - LENGTH_BYTES);
      assert.deepEqual(parseRequest(spec, asked.subarray(LENGTH_BYTES)), {
        apiKey: spec.apiKey,
        apiVersion: version,
        correlationId: 77,
        clientId: CLIENT_ID,
        request,
      });
      const response = sampleOf(spec.response, version)[0] ?? {};
      const answer = Buffer.concat(frameResponse(spec, version, 77, response));
      assert.equal(answer.readInt32BE(0), answer.length - LENGTH_BYTES);
      assert.equal(answer.readInt32BE(LENGTH_BYTES), 77);
      assert.deepEqual(parseResponse(spec, version, answer.subarray(LENGTH_BYTES)), response);
    }
  }
});

test('a message cut short anywhere, or with a byte too many, is refused', () => {
  for (const kind of kinds) {
    for (const value of sampleOf(kind.codec, kind.version)) {
      const body = encoded(kind, value);
      const step = Math.max(1, Math.floor(body.length / 200));
      for (let length = 0; length < body.length; length += step) {
        assert.throws(
          () => decoded(kind, body.subarray(0, length)),
          ProtocolError,
          `${kind.title} cut to ${length}`,
        );
      }
      assert.throws(() => decoded(kind, Buffer.concat([body, Buffer.alloc(1)])), /bytes left over/);
    }
  }
});

test('hostile bytes end in a ProtocolError and nothing else', () => {
  for (const kind of kinds) {
    const sound = arbitraryMessage(kind.codec.fields, kind.version);
    const strike = fc.tuple(fc.nat(), fc.constantFrom(0x00, 0x7f, 0x80, 0xff, 0xfe, 0x01));
    fc.assert(
      fc.property(
        sound,
        fc.array(strike, { minLength: 1, maxLength: 8 }),
        fc.uint8Array({ maxLength: 60 }),
        (value, strikes, noise) => {
          const body = encoded(kind, value);
          for (const [at, byte] of strikes) if (body.length > 0) body[at % body.length] = byte;
          for (const hostile of [body, noise]) assertDecodesOrRefuses(kind, hostile);
        },
      ),
      { numRuns: 30 },
    );
  }
});

test('a count that cannot fit in the rest of the bytes allocates nothing', () => {
  const before = process.memoryUsage().heapUsed;
  for (const kind of kinds) {
    for (const hex of ['7fffffff', 'ffffffff0f', '000000007fffffff', 'feffffff07']) {
      assertDecodesOrRefuses(kind, Buffer.from(hex.repeat(20), 'hex'));
    }
  }
  assert.ok(process.memoryUsage().heapUsed - before < 64 * 1024 * 1024);
});

function assertDecodesOrRefuses(kind: Kind, body: Uint8Array): void {
  try {
    decoded(kind, body);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, `${kind.title}: ${String(error)}`);
    assert.match(error.message, /^[A-Za-z]+(Request|Response) v\d+: /);
  }
}
