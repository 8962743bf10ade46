import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFlags } from '../../src/encode/encode-task.ts';
import type { KernelVariant } from '../../src/encode/kernel.ts';
import { encodeInfo } from '../../src/encode/kernel.ts';
import { seededBelow } from '../support/seeded-random.ts';
import type { LineRules } from './reference-encoder.ts';
import { referenceEncode } from './reference-encoder.ts';
import type { KernelMemory } from './reference-memory.ts';
import { kernelMemory } from './reference-memory.ts';

const INFO = 80_000;
const TRAILER = 100_000;
const INPUT = 1 << 20;
const OUTPUT = 8 << 20;
const LONG = [encodeFlags.LONG_SPLIT, encodeFlags.LONG_TRUNCATE, encodeFlags.LONG_DROP];
const NO_HEADERS = Buffer.from([0]);

type Random = (below: number) => number;

interface LineCase extends LineRules {
  readonly input: Buffer;
  readonly payloadMax: number;
  readonly firstOffsetDelta: number;
}

function oneOf(random: Random, values: readonly number[]): number {
  return values[random(values.length)] ?? 0;
}

/** Bytes with newlines, carriage returns, NUL, invalid UTF-8 and text, newlines about every `every` bytes. */
function randomLines(random: Random, length: number, every: number): Buffer {
  const input = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at += 1) {
    input[at] = random(every) === 0 ? 10 : oneOf(random, [13, 0, 0xff, 0xc3, 97, random(256)]);
    if (input[at] === 10 && at > 0 && random(3) === 0) input[at - 1] = 13;
  }
  return input;
}

function randomCase(random: Random): LineCase {
  const scale = oneOf(random, [16, 64, 200, 200, 700, 3000]);
  const input = randomLines(random, random(scale), oneOf(random, [2, 8, 30, 70, 200, 100_000]));
  if (random(2) === 0 && input.length > 0) input[input.length - 1] = 10;
  const trailer = Buffer.from(
    Array.from({ length: oneOf(random, [1, 1, 1, 2, 15, 16, 17, 40, 1500]) }, () => random(256)),
  );
  return {
    input,
    trailer,
    recordBytesMax: oneOf(random, [1, 7, 63, 64, 65, 300, 1_000_000, 1_000_000]),
    flags:
      oneOf(random, [0, encodeFlags.STRIP_CR]) |
      oneOf(random, [0, encodeFlags.SKIP_EMPTY]) |
      oneOf(random, LONG),
    payloadMax: random(3) === 0 ? random(2 * scale + 100) : 1 << 20,
    firstOffsetDelta: oneOf(random, [0, 0, 0, 50, 63, 8150, 8191, 1_048_570, 134_217_720]),
  };
}

/** Runs the kernel on a case, between canaries. */
function encode(at: KernelMemory, lines: LineCase): ReturnType<typeof referenceEncode> {
  at.bytes.set(lines.input, INPUT);
  at.bytes.set(lines.trailer, TRAILER);
  at.guard(OUTPUT, lines.payloadMax);
  const written = at.kernel.encodeLines(
    INPUT,
    lines.input.length,
    OUTPUT,
    OUTPUT + lines.payloadMax,
    lines.firstOffsetDelta,
    TRAILER,
    lines.trailer.length,
    lines.recordBytesMax,
    lines.flags,
    INFO,
  );
  assert.ok(at.unharmed(OUTPUT, lines.payloadMax), 'bytes around the output are unharmed');
  const info = (offset: number): number => at.data.getUint32(INFO + offset, true);
  return {
    payload: at.bytes.subarray(OUTPUT, OUTPUT + written),
    consumedBytes: info(encodeInfo.consumedBytes),
    nextOffsetDelta: info(encodeInfo.nextOffsetDelta),
    emptyCount: info(encodeInfo.emptyCount),
    longCount: info(encodeInfo.longCount),
  };
}

/** Throws with the case in the message when kernel and reference differ in a byte or a count. */
function compare(at: KernelMemory, lines: LineCase, name: string): void {
  const actual = encode(at, lines);
  const expected = referenceEncode(lines.input, lines, lines.payloadMax, lines.firstOffsetDelta);
  const same =
    actual.consumedBytes === expected.consumedBytes &&
    actual.nextOffsetDelta === expected.nextOffsetDelta &&
    actual.emptyCount === expected.emptyCount &&
    actual.longCount === expected.longCount &&
    expected.payload.equals(actual.payload);
  if (same) return;
  assert.deepEqual({ ...actual, payload: Buffer.from(actual.payload) }, expected, name);
  assert.fail(`${name}: differs`);
}

const variants: readonly { variant: KernelVariant; chunks: number; seed: number }[] = [
  { variant: 'release', chunks: 100_000, seed: 1 },
  { variant: 'debug', chunks: 15_000, seed: 2 },
];

for (const { variant, chunks, seed } of variants) {
  test(`${variant} kernel and reference give the same bytes for ${chunks} random chunks`, async () => {
    const at = await kernelMemory(variant, 32);
    const random = seededBelow(seed);
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      compare(at, randomCase(random), `seed ${seed}, chunk ${chunk}`);
    }
  });

  test(`${variant} kernel and reference give the same bytes for long chunks`, async () => {
    const at = await kernelMemory(variant, 32);
    const random = seededBelow(seed);
    for (const every of [2, 11, 100, 250, 7000, 9000, 70_000, 1_000_000]) {
      for (const trailerBytes of [1, 16, 90]) {
        const lines: LineCase = {
          input: randomLines(random, 300_000, every),
          trailer: Buffer.alloc(trailerBytes, 7),
          recordBytesMax: oneOf(random, [50_000, 1_000_000]),
          flags:
            encodeFlags.STRIP_CR | oneOf(random, [0, encodeFlags.SKIP_EMPTY]) | oneOf(random, LONG),
          payloadMax: oneOf(random, [200_000, 280_000, 8 << 20]),
          firstOffsetDelta: 0,
        };
        compare(at, lines, `a newline about every ${every} bytes, trailer ${trailerBytes}`);
      }
    }
  });

  test(`${variant} kernel: value lengths and offset deltas around every varint border`, async () => {
    const at = await kernelMemory(variant, 32);
    const rules = { trailer: NO_HEADERS, recordBytesMax: 1 << 22, flags: encodeFlags.LONG_SPLIT };
    for (const border of [0, 16, 58, 64, 128, 6990, 8186, 1_048_570]) {
      for (let length = Math.max(0, border - 6); length < border + 8; length += 1) {
        // Followed by another line, so that the long one is not always the last.
        const input = Buffer.from(`${'x'.repeat(length)}\nend\n${'y'.repeat(70)}\n`);
        for (const firstOffsetDelta of [0, 62, 8190, 1_048_574]) {
          const lines = { ...rules, input, payloadMax: 2 << 20, firstOffsetDelta };
          compare(at, lines, `value of ${length} bytes at offset delta ${firstOffsetDelta}`);
        }
      }
    }
  });
}

test('the smallest record is what the protocol says, byte by byte', async () => {
  const at = await kernelMemory('release', 32);
  const lines = {
    input: Buffer.from('hi\n'),
    trailer: NO_HEADERS,
    recordBytesMax: 100,
    flags: encodeFlags.LONG_SPLIT,
    payloadMax: 100,
    firstOffsetDelta: 0,
  };
  assert.equal(Buffer.from(encode(at, lines).payload).toString('hex'), '1000000001046869' + '00');
});

test('any output bound, fed again and again, ends in the same values', async () => {
  const at = await kernelMemory('release', 32);
  const random = seededBelow(3);
  for (let round = 0; round < 300; round += 1) {
    const whole = { ...randomCase(random), firstOffsetDelta: 0 };
    const roomForOne =
      Math.min(whole.recordBytesMax, whole.input.length) + 18 + whole.trailer.length;
    const payloadMax = roomForOne + random(200);
    let rest = whole.input;
    let [records, empty, long] = [0, 0, 0];
    while (rest.length > 0) {
      const part = encode(at, { ...whole, input: rest, payloadMax });
      assert.ok(part.consumedBytes > 0, 'progress');
      records += part.nextOffsetDelta;
      empty += part.emptyCount;
      long += part.longCount;
      rest = rest.subarray(part.consumedBytes);
    }
    const expected = referenceEncode(whole.input, whole, 1 << 22);
    assert.deepEqual(
      [records, empty, long],
      [expected.nextOffsetDelta, expected.emptyCount, expected.longCount],
    );
  }
});

test('the debug kernel ends with the invariant that was broken', async () => {
  const { kernel } = await kernelMemory('debug', 32);
  assert.throws(
    () => kernel.encodeLines(INPUT, 0, OUTPUT, OUTPUT, 0, TRAILER, 0, 10, 4, INFO),
    /kernel .*lines\.ts:\d+/,
  );
});

test('copy moves exactly its bytes, whatever the length, the alignment and the overlap', async () => {
  const at = await kernelMemory('debug', 32);
  const random = seededBelow(4);
  for (let round = 0; round < 3000; round += 1) {
    const length = random(round % 10 === 0 ? 5000 : 200);
    const source = INPUT + random(64);
    const target = random(4) === 0 ? source + random(300) - 150 : OUTPUT + random(64);
    const apart = Math.abs(target - source) > length;
    for (let index = 0; index < length; index += 1) at.bytes[source + index] = random(256);
    const expected = Buffer.from(at.bytes.subarray(source, source + length));
    if (apart && target >= OUTPUT) at.guard(target, length);
    at.kernel.copy(source, target, length);
    assert.ok(expected.equals(at.bytes.subarray(target, target + length)), `round ${round}`);
    if (apart && target >= OUTPUT) assert.ok(at.unharmed(target, length), `round ${round}`);
  }
});

test('fill sets exactly its bytes', async () => {
  const at = await kernelMemory('release', 32);
  at.guard(OUTPUT, 1000);
  at.kernel.fill(OUTPUT, 1000, 0x5a);
  assert.ok(at.bytes.subarray(OUTPUT, OUTPUT + 1000).every((byte) => byte === 0x5a));
  assert.ok(at.unharmed(OUTPUT, 1000));
});
