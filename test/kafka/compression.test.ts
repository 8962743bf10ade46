import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { extname } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { compressSync as snappyRaw } from '@napi-rs/snappy';
import lz4 from 'lz4-napi';
import type { CodecName } from '../../src/kafka/compression.ts';
import {
  codecNamed,
  codecs,
  compressionLevels,
  decompress,
  levelProblem,
  createCompressor,
} from '../../src/kafka/compression.ts';
import { lz4FrameSizeMax, zstdFrameSizeMax } from '../../src/kafka/decompressed-size.ts';
import { ProtocolError } from '../../src/shared/errors.ts';
import { logLines } from '../support/log-lines.ts';
import { seededBelow } from '../support/seeded-random.ts';

const names = Object.keys(codecs) as CodecName[];
const compressing = names.filter((name) => name !== 'none');

function samples(): Buffer[] {
  const random = seededBelow(1);
  const noise = Buffer.from(Array.from({ length: 100_000 }, () => random(256)));
  return [
    Buffer.alloc(0),
    Buffer.from('x'),
    Buffer.alloc(300_000),
    noise,
    logLines({ bytes: 1 << 20, lineBytes: 228, seed: 2 }),
  ];
}

function shared(bytes: Buffer): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length + 7), 7);
  copy.set(bytes);
  return copy;
}

for (const name of names) {
  test(`${name}: bytes come back as they were, from private and from shared memory`, () => {
    const compressor = createCompressor(name);
    assert.equal(compressor.id, codecs[name]);
    for (const sample of samples()) {
      for (const input of [sample, shared(sample)]) {
        const compressed = compressor.compress(input);
        assert.ok(sample.equals(decompress(name, compressed)));
        assert.ok(sample.equals(decompress(codecs[name], shared(Buffer.from(compressed)))));
      }
    }
  });
}

test('codecs can be asked for by id, and an unknown id is none', () => {
  for (const name of names) assert.equal(createCompressor(codecs[name]).codec, name);
  assert.equal(codecNamed(5), undefined);
  assert.throws(() => decompress(5, Buffer.alloc(3)), /no codec with the id 5/);
});

test('every level at the ends of the ranges of KIP-390 works, and those beyond are refused with the range', () => {
  const sample = logLines({ bytes: 50_000, lineBytes: 228, seed: 3 });
  for (const [name, level] of [
    ['gzip', 1],
    ['gzip', 9],
    ['gzip', -1],
    ['zstd', -131072],
    ['zstd', -5],
    ['zstd', 1],
    ['zstd', 22],
    ['lz4', 9],
  ] as const) {
    const compressor = createCompressor(name, level);
    assert.equal(compressor.level, level);
    assert.ok(sample.equals(decompress(name, compressor.compress(sample))), `${name} ${level}`);
  }
  assert.match(
    levelProblem('gzip', 0) ?? '',
    /levels of gzip go from 1 to 9, with -1 as the default/,
  );
  assert.match(levelProblem('zstd', 23) ?? '', /-131072 to 22/);
  assert.match(levelProblem('lz4', 3) ?? '', /one fast method here/);
  assert.equal(levelProblem('snappy', 1), 'snappy has no levels');
  assert.equal(levelProblem('gzip', compressionLevels.gzip?.default ?? 0), undefined);
});

test('gzip and zstd shrink more at a higher level', () => {
  const sample = logLines({ bytes: 200_000, lineBytes: 228, seed: 4 });
  for (const [name, low, high] of [
    ['gzip', 1, 9],
    ['zstd', 1, 12],
  ] as const) {
    const fast = createCompressor(name, low).compress(sample).byteLength;
    const small = createCompressor(name, high).compress(sample).byteLength;
    assert.ok(small < fast, `${name}: ${small} against ${fast}`);
  }
});

function xerial(blocks: readonly Buffer[]): Buffer {
  const head = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  const framed = blocks.flatMap((block) => {
    const compressed = snappyRaw(block);
    const length = Buffer.alloc(4);
    length.writeInt32BE(compressed.length);
    return [length, compressed];
  });
  return Buffer.concat([head, ...framed]);
}

test('snappy in the framing of the Java client is read, and its faults are named', () => {
  const sample = logLines({ bytes: 100_000, lineBytes: 228, seed: 5 });
  const framed = xerial([sample.subarray(0, 32_768), sample.subarray(32_768)]);
  assert.ok(sample.equals(decompress('snappy', framed)));
  assert.ok(sample.equals(decompress('snappy', shared(framed))));
  assert.equal(decompress('snappy', xerial([])).byteLength, 0);
  assert.throws(
    () => decompress('snappy', framed.subarray(0, framed.length - 1)),
    /a block reaches beyond the bytes/,
  );
  assert.throws(() => decompress('snappy', framed, 50_000), /over the limit/);
});

test('bytes that are not of the codec are a ProtocolError that names it', () => {
  for (const name of compressing) {
    const garbage = Buffer.from('this is not compressed at all, by nobody');
    assert.throws(
      () => decompress(name, garbage),
      (error) => error instanceof ProtocolError && error.message.startsWith(name),
    );
    assert.throws(() => decompress(name, Buffer.alloc(0)), ProtocolError);
  }
});

test('bytes cut off anywhere are a ProtocolError', () => {
  const sample = logLines({ bytes: 20_000, lineBytes: 228, seed: 6 });
  for (const name of compressing) {
    const compressed = createCompressor(name).compress(sample);
    for (const length of [1, 4, 5, 7, 10, 12, compressed.length >> 1, compressed.length - 1]) {
      assert.throws(
        () => decompress(name, compressed.subarray(0, length)),
        ProtocolError,
        `${name} ${length}`,
      );
    }
  }
});

test('a bomb does not get past the limit', () => {
  const bomb = Buffer.alloc(20 << 20);
  for (const name of compressing) {
    const compressed = createCompressor(name).compress(bomb);
    assert.ok(compressed.byteLength < 1_000_000);
    assert.throws(() => decompress(name, compressed, 1 << 20), ProtocolError, name);
    assert.equal(decompress(name, compressed, bomb.length).byteLength, bomb.length);
  }
});

test('frames of other writers: lz4 with checksums, gzip in two members', () => {
  const sample = logLines({ bytes: 200_000, lineBytes: 228, seed: 7 });
  const checked = lz4.compressFrameSync(sample, { contentChecksum: true, blockChecksums: true });
  assert.ok(sample.equals(decompress('lz4', checked)));
  assert.ok(lz4FrameSizeMax(checked) >= sample.length);
  const members = Buffer.concat([
    gzipSync(sample.subarray(0, 100)),
    gzipSync(sample.subarray(100)),
  ]);
  assert.ok(sample.equals(decompress('gzip', members)));
});

test('a zstd frame that does not state its size is read too, where the zstd command can make one', (t) => {
  const sample = logLines({ bytes: 1 << 20, lineBytes: 228, seed: 8 });
  const made = spawnSync('zstd', ['-c'], { input: sample, maxBuffer: 1 << 24 });
  if (made.error) {
    t.diagnostic('no zstd command on this machine');
    return;
  }
  assert.ok(zstdFrameSizeMax(made.stdout) >= sample.length);
  assert.ok(sample.equals(decompress('zstd', made.stdout)));
});

test('the commands gzip, zstd and lz4 read what we write, where they are installed', (t) => {
  const sample = logLines({ bytes: 1 << 20, lineBytes: 228, seed: 9 });
  for (const name of ['gzip', 'zstd', 'lz4'] as const) {
    const input = createCompressor(name).compress(sample);
    const read = spawnSync(name, ['-d', '-c'], { input, maxBuffer: 1 << 24 });
    if (read.error) t.diagnostic(`no ${name} command on this machine`);
    else assert.ok(sample.equals(read.stdout), `${name}: ${read.stderr.toString()}`);
  }
});

/** How many MB more a process of its own has outside the heap at the peak of many compressions than after one. */
function grownMb(codec: CodecName): number {
  const compression = new URL(
    `../../src/kafka/compression${extname(import.meta.url)}`,
    import.meta.url,
  );
  const program = `
    import { randomBytes } from 'node:crypto';
    import { createCompressor } from '${compression.href}';
    const noise = randomBytes(1e6);
    const compressor = createCompressor('${codec}');
    const peak = (compressions) => {
      let bytes = 0;
      for (let done = 0; done < compressions; done++) {
        compressor.compress(noise);
        bytes = Math.max(bytes, process.memoryUsage().arrayBuffers);
      }
      return bytes / 1e6;
    };
    const once = peak(1);
    console.log(peak(${codec === 'gzip' ? 100 : 1000}) - once);
  `;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
  return Number(stdout.toString() || NaN);
}

test('output that nobody holds any more does not pile up', () => {
  for (const name of ['gzip', 'snappy', 'zstd'] as const) {
    // V8 on its own lets 64 MB wait before it looks.
    const megabytes = grownMb(name);
    assert.ok(megabytes < 30, `${name}: ${megabytes} MB are held`);
  }
});
