import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors } from '../../src/kafka/errors.ts';
import {
  correlationIdOf,
  frameRequest,
  frameResponse,
  parseRequest,
  parseResponse,
  requestHeadOf,
} from '../../src/kafka/header.ts';
import { produce } from '../../src/kafka/messages/00-produce.ts';
import { metadata } from '../../src/kafka/messages/03-metadata.ts';
import { apiVersions } from '../../src/kafka/messages/18-api-versions.ts';
import { ProtocolError } from '../../src/shared/errors.ts';

function joined(fragments: readonly Uint8Array[]): Buffer {
  return Buffer.concat(fragments);
}

test('a flexible request has header v2: the client id as before, then tagged fields', () => {
  const request = { topics: null };
  assert.equal(
    joined(frameRequest(metadata, 8, 1, 'me', request)).toString('hex'),
    '00000013' + '0003' + '0008' + '00000001' + '00026d65' + 'ffffffff' + '010000',
  );
  assert.equal(
    joined(frameRequest(metadata, 9, 1, 'me', request)).toString('hex'),
    '00000012' + '0003' + '0009' + '00000001' + '00026d65' + '00' + '00' + '010000' + '00',
  );
  assert.match(
    joined(frameRequest(metadata, 9, 1, null, request)).toString('hex'),
    /00000001ffff00/,
  );
});

test('the answer to ApiVersions has header v0 in all versions', () => {
  const answer = { errorCode: 0, apiKeys: [{ apiKey: 0, minVersion: 3, maxVersion: 13 }] };
  const frame = joined(frameResponse(apiVersions, 4, 9, answer)).subarray(4);
  assert.equal(
    frame.toString('hex'),
    '00000009' + '0000' + '02' + '00000003000d00' + '00000000' + '00',
  );
  assert.equal(parseResponse(apiVersions, 4, frame).apiKeys[0]?.maxVersion, 13);
});

test('a broker too old for the version of ApiVersions is understood: it answers as v0', () => {
  const refusal = {
    errorCode: errors.UNSUPPORTED_VERSION.code,
    apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 2 }],
  };
  const frame = joined(frameResponse(apiVersions, 0, 9, refusal)).subarray(4);
  const answer = parseResponse(apiVersions, 4, frame);
  assert.equal(answer.errorCode, errors.UNSUPPORTED_VERSION.code);
  assert.deepEqual(answer.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 2 }]);
});

test('the head of a request is read whatever the API, so that a broker can refuse it by name', () => {
  const frame = Buffer.from('0012' + '0063' + '0000002a' + 'ffff', 'hex');
  assert.deepEqual(requestHeadOf(frame), { apiKey: 18, apiVersion: 99, correlationId: 42 });
  assert.throws(
    () => parseRequest(apiVersions, frame),
    /API 18 v99 is not a version of ApiVersions/,
  );
  assert.throws(() => requestHeadOf(Buffer.alloc(7)), ProtocolError);
  assert.throws(() => correlationIdOf(Buffer.alloc(3)), ProtocolError);
});

test('tagged fields of a header are skipped', () => {
  const frame = joined(frameResponse(metadata, 9, 5, { brokers: [], topics: [] })).subarray(4);
  const tagged = joined([
    frame.subarray(0, 4),
    Buffer.from('01' + '2a' + '02' + 'abcd', 'hex'),
    frame.subarray(5),
  ]);
  assert.deepEqual(parseResponse(metadata, 9, tagged), parseResponse(metadata, 9, frame));
});

test('batches go into a produce request by reference, in one piece with their neighbours', () => {
  const batches = [1, 2, 3].map((fill) => new Uint8Array(new SharedArrayBuffer(1000)).fill(fill));
  const fragments = frameRequest(produce, 12, 1, 'me', {
    acks: -1,
    timeoutMs: 30_000,
    topicData: [
      {
        name: 'logs',
        partitionData: batches.map((records, index) => ({ index, records })),
      },
    ],
  });
  assert.deepEqual(
    fragments.filter((fragment) => fragment.length === 1000),
    batches,
  );
  assert.ok(batches.every((batch) => fragments.includes(batch)));
  const { request } = parseRequest(produce, joined(fragments).subarray(4));
  assert.equal(request.topicData[0]?.partitionData[2]?.records?.[999], 3);
});
