import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseFrames } from '../../../src/send/response-frames.ts';
import { ProtocolError } from '../../../src/shared/errors.ts';

function frame(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function body(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 7) & 0xff));
}

function framesOf(chunks: readonly Buffer[]): Buffer[] {
  const frames = new ResponseFrames();
  const found: Buffer[] = [];
  for (const chunk of chunks) frames.take(chunk, (one) => found.push(one) > 0);
  return found;
}

test('frames come out the same however the stream is cut', () => {
  const bodies = [4, 5, 300, 70_000, 4, 200_000].map(body);
  const stream = Buffer.concat(bodies.map(frame));
  for (const cut of [1, 2, 3, 5, 64, 65_536, 65_540, stream.length]) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < stream.length; at += cut) chunks.push(stream.subarray(at, at + cut));
    assert.deepEqual(framesOf(chunks), bodies, `cut every ${cut} bytes`);
  }
});

test('a frame keeps its bytes when those of the chunk are used again', () => {
  const chunk = frame(body(100));
  const [found] = framesOf([chunk]);
  chunk.fill(0);
  assert.deepEqual(found, body(100));
});

test('the announced length alone claims no memory', () => {
  const frames = new ResponseFrames();
  const announced = Buffer.alloc(5);
  announced.writeInt32BE(100_000_000);
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < 1; index += 1) frames.take(announced, () => true);
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000);
});

test('lengths below a correlation id and over the cap are refused', () => {
  for (const length of [-1, 0, 3, 1001]) {
    const announced = Buffer.alloc(4);
    announced.writeInt32BE(length);
    assert.throws(() => new ResponseFrames(1000).take(announced, () => true), ProtocolError);
  }
});

test('nothing is handed on after the reader has stopped', () => {
  const stream = Buffer.concat([frame(body(8)), frame(body(9)), frame(body(10))]);
  const lengths: number[] = [];
  new ResponseFrames().take(stream, (one) => {
    lengths.push(one.length);
    return lengths.length < 2;
  });
  assert.deepEqual(lengths, [8, 9]);
});
