import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCompressor } from '../../../src/kafka/compression.ts';
import type { CodecName } from '../../../src/kafka/compression.ts';
import { crc32c } from '../../../src/kafka/crc32c.ts';
import { BATCH_HEADER_BYTES } from '../../../src/kafka/record-batch.ts';
import { cutSealed, sealInArena, sealOutside } from '../../../src/send/batch-splitter.ts';
import type { CutOptions } from '../../../src/send/batch-splitter.ts';
import { bytesOf } from '../../../src/send/batch-memory.ts';
import type { SealedBatch } from '../../../src/send/batch-memory.ts';
import { Bug } from '../../../src/shared/assert.ts';
import { linesOf, workshop } from './sealed-batches.ts';
import type { Workshop } from './sealed-batches.ts';

function splitSealed(
  options: Omit<CutOptions, 'memory'> & Pick<Workshop, 'memory' | 'arena'>,
): SealedBatch[] | undefined {
  return sealInArena(options, options.sealed, cutSealed(options));
}

function lines(count: number, bytes: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index} `.repeat(bytes).slice(0, bytes));
}

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] satisfies CodecName[]) {
  test(`a ${codec} batch is cut into pieces with the same records, each small enough`, () => {
    const shop = workshop();
    const whole = lines(10_000, 60);
    const sealed = shop.seal(whole, codec);
    const pieceBytesMax = Math.ceil(sealed.batchBytes / 3);
    const compressor = createCompressor(codec);
    const pieces = splitSealed({ ...shop, sealed, pieceBytesMax, compressor });
    assert.ok(pieces !== undefined && pieces.length >= 3);
    assert.deepEqual(
      pieces.flatMap((piece) => linesOf(shop, piece)),
      whole,
    );
    for (const piece of pieces) {
      const bytes = bytesOf(shop.memory, piece);
      assert.ok(piece.batchBytes <= pieceBytesMax);
      assert.equal(piece.payloadCrc, crc32c(bytes.subarray(BATCH_HEADER_BYTES)));
      assert.equal(piece.timestampMs, sealed.timestampMs);
      assert.equal(piece.attributes, sealed.attributes);
    }
  });
}

test('two records make two pieces, however small the limit or large the records', () => {
  const compressor = createCompressor('none');
  for (const pieceBytesMax of [1, 100, 1_000_000]) {
    const shop = workshop();
    const sealed = shop.seal(['first'.repeat(100), 'second']);
    const pieces = splitSealed({ ...shop, sealed, pieceBytesMax, compressor });
    assert.deepEqual(
      pieces?.map((piece) => linesOf(shop, piece)),
      [['first'.repeat(100)], ['second']],
    );
  }
});

test('offset deltas past the varint borders are encoded anew', () => {
  const shop = workshop();
  const whole = lines(20_000, 3);
  const sealed = shop.seal(whole);
  const compressor = createCompressor('none');
  const pieceBytesMax = sealed.batchBytes - 1;
  const pieces = splitSealed({ ...shop, sealed, pieceBytesMax, compressor });
  assert.equal(pieces?.length, 2);
  assert.deepEqual(
    pieces.flatMap((piece) => linesOf(shop, piece)),
    whole,
  );
});

test('without room for all pieces none is made', () => {
  const shop = workshop(128 * 1024);
  const sealed = shop.seal(lines(1000, 70));
  const free = shop.arena.freeBytes;
  const compressor = createCompressor('none');
  assert.equal(splitSealed({ ...shop, sealed, pieceBytesMax: 40_000, compressor }), undefined);
  assert.equal(shop.arena.freeBytes, free);
});

test('pieces outside the arena are the same pieces', () => {
  const shop = workshop();
  const sealed = shop.seal(lines(1000, 70));
  const free = shop.arena.freeBytes;
  const compressor = createCompressor('none');
  const cut = cutSealed({ ...shop, sealed, pieceBytesMax: 40_000, compressor });
  const outside = sealOutside(sealed, cut);
  assert.equal(shop.arena.freeBytes, free);
  const facts = (piece: SealedBatch) => [linesOf(shop, piece), { ...piece, run: undefined }];
  assert.deepEqual(outside.map(facts), sealInArena(shop, sealed, cut)?.map(facts));
});

test('a single record is never split', () => {
  const shop = workshop();
  const sealed = shop.seal(['alone']);
  const compressor = createCompressor('none');
  assert.throws(() => splitSealed({ ...shop, sealed, pieceBytesMax: 10, compressor }), Bug);
});
