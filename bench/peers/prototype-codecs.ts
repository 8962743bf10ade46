import { createRequire } from 'node:module';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import type { CodecName } from '../../src/kafka/compression.ts';

const LZ4_FRAME_HEADER = Buffer.from('04224d18604082', 'hex');
const LZ4_BLOCK_BYTES = 65_536;

/** The codecs of the prototype, as it called them. */
export function createCompressor(codec: CodecName): (raw: Uint8Array) => Uint8Array {
  const require = createRequire(import.meta.url);
  switch (codec) {
    case 'none':
      return (raw) => raw;
    case 'gzip':
      return (raw) => gzipSync(raw, { level: 1 });
    case 'snappy': {
      const snappy = require('@napi-rs/snappy') as { compressSync(raw: Uint8Array): Buffer };
      return (raw) => snappy.compressSync(raw);
    }
    case 'lz4': {
      const lz4 = require('lz4-napi') as { compressSync(raw: Uint8Array): Buffer };
      return (raw) => lz4Frame(raw, (block) => lz4.compressSync(block));
    }
    case 'zstd': {
      const params = { [constants.ZSTD_c_compressionLevel]: 1 };
      return (raw) => zstdCompressSync(raw, { params });
    }
  }
}

/** @param compressBlock gives the length before compression in the first four bytes, where the frame has that after it */
function lz4Frame(raw: Uint8Array, compressBlock: (block: Uint8Array) => Buffer): Buffer {
  const parts: Buffer[] = [LZ4_FRAME_HEADER];
  for (let at = 0; at < raw.length; at += LZ4_BLOCK_BYTES) {
    const block = compressBlock(raw.subarray(at, at + LZ4_BLOCK_BYTES));
    block.writeUInt32LE(block.length - 4, 0);
    parts.push(block);
  }
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}
