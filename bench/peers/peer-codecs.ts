import { createRequire } from 'node:module';
import { zstdCompressSync } from 'node:zlib';

/** Codecs for kafkajs, which brings gzip alone: the fastest ones a Node user can plug in. */
export function createCompressor(codec: string): (raw: Buffer) => Buffer {
  const require = createRequire(import.meta.url);
  switch (codec) {
    case 'none':
      return (raw) => raw;
    case 'snappy': {
      const snappy = require('@napi-rs/snappy') as {
        compressSync(raw: Buffer, options: { copyOutputData: boolean }): Buffer;
      };
      return (raw) => snappy.compressSync(raw, { copyOutputData: true });
    }
    case 'lz4': {
      const lz4 = require('lz4-napi') as { compressFrameSync(raw: Buffer): Buffer };
      return (raw) => lz4.compressFrameSync(raw);
    }
    case 'zstd':
      return (raw) => zstdCompressSync(raw);
    default:
      throw new Error(`kafkajs has no codec ${codec} here`);
  }
}
