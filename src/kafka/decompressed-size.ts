/**
 * How many bytes compressed bytes may decompress to, from their headers alone: what keeps a few hostile bytes from filling the
 * memory where a codec has no output limit of its own. Pure; formats after the LZ4 frame description, RFC 8878 and snappy's own.
 */
import { ProtocolError } from '../shared/errors.ts';

const LZ4_FRAME_MAGIC = 0x184d2204;
const LZ4_STORED_RAW = 0x80000000;
const ZSTD_MAGIC = 0xfd2fb528;
const ZSTD_BLOCK_BYTES_MAX = 128 * 1024;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function truncated(what: string): ProtocolError {
  return new ProtocolError(`${what}: the bytes end in the middle`);
}

/** The length that a raw snappy block names in its first bytes; the decoder holds it to that. */
export function snappyBlockSize(bytes: Uint8Array): number {
  let size = 0;
  for (let index = 0; index < 5; index += 1) {
    const byte = bytes[index];
    if (byte === undefined) throw truncated('snappy');
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return size;
  }
  throw new ProtocolError('snappy: the length in front of the block is not a varint of 32 bits');
}

/** At most this many bytes come out of an LZ4 frame: exact for one block, full blocks assumed otherwise. */
export function lz4FrameSizeMax(bytes: Uint8Array): number {
  if (bytes.length < 7) throw truncated('lz4 frame');
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== LZ4_FRAME_MAGIC) {
    throw new ProtocolError('lz4 frame: does not begin with its magic number');
  }
  const flags = view.getUint8(4);
  const blockBytesMax = 2 ** (8 + 2 * ((view.getUint8(5) >>> 4) & 7));
  const blockChecksumBytes = flags & 0x10 ? 4 : 0;
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  let size = 0;
  for (;;) {
    if (at + 4 > bytes.length) throw truncated('lz4 frame');
    const word = view.getUint32(at, true);
    if (word === 0) return size;
    const stored = word >= LZ4_STORED_RAW;
    const blockBytes = stored ? word - LZ4_STORED_RAW : word;
    // No sequence of LZ4 makes more than 255 bytes of one.
    size += stored ? blockBytes : Math.min(blockBytesMax, 255 * blockBytes);
    at += 4 + blockBytes + blockChecksumBytes;
  }
}

/** At most this many bytes come out of the first zstd frame: its own statement, or full blocks where it makes none. */
export function zstdFrameSizeMax(bytes: Uint8Array): number {
  if (bytes.length < 6) throw truncated('zstd frame');
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== ZSTD_MAGIC) {
    throw new ProtocolError('zstd frame: does not begin with its magic number');
  }
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
  const sizeAt = 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
  const blocksAt = sizeAt + sizeBytes;
  if (blocksAt > bytes.length) throw truncated('zstd frame');
  if (sizeBytes === 1) return view.getUint8(sizeAt);
  if (sizeBytes === 2) return view.getUint16(sizeAt, true) + 256;
  if (sizeBytes === 4) return view.getUint32(sizeAt, true);
  if (sizeBytes === 8) return Number(view.getBigUint64(sizeAt, true));
  return zstdBlocksSizeMax(view, blocksAt);
}

function zstdBlocksSizeMax(view: DataView, blocksAt: number): number {
  let at = blocksAt;
  let size = 0;
  for (;;) {
    if (at + 3 > view.byteLength) throw truncated('zstd frame');
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >>> 1) & 3;
    const blockBytes = header >>> 3;
    const repeatedByte = type === 1;
    size += type === 2 ? ZSTD_BLOCK_BYTES_MAX : blockBytes;
    at += 3 + (repeatedByte ? 1 : blockBytes);
    if (header & 1) return size;
  }
}
