import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

/**
 * Which file it is, whatever it is called: inode numbers are given again after a delete, so the time of birth is part of it
 * where the file system has one. Decimal strings: 64-bit numbers that go into JSON.
 */
export interface FileIdentity {
  readonly device: string;
  readonly inode: string;
  /** Nanoseconds since 1970; `0` where the file system does not know. */
  readonly birthNs: string;
}

/** Bytes that stood in front of a position when it was read: if they are there no more, the content is another. */
export interface Anchor {
  /** Position behind the last of the bytes. */
  readonly end: number;
  readonly bytes: Buffer;
}

/** Anchors and prefixes are at most this long. */
export const ANCHOR_BYTES = 64;

export function identityOf(stats: BigIntStats): FileIdentity {
  return {
    device: String(stats.dev),
    inode: String(stats.ino),
    birthNs: stats.birthtimeNs > 0n ? String(stats.birthtimeNs) : '0',
  };
}

/** Equal for every name of one file while it is held open. */
export function identityKey(identity: Pick<FileIdentity, 'device' | 'inode'>): string {
  return `${identity.device}:${identity.inode}`;
}

/** Whether a birth that is known on both sides speaks against its being the same file. */
export function sameBirth(a: FileIdentity, b: FileIdentity): boolean {
  return a.birthNs === b.birthNs || a.birthNs === '0' || b.birthNs === '0';
}

/** An open regular file. */
export interface OpenedFile {
  readonly fd: number;
  readonly identity: FileIdentity;
  readonly size: number;
}

/**
 * Opens for reading, whatever the path leads to, without ever waiting for it: a FIFO or a device would block.
 *
 * @returns undefined when it is not a regular file
 * @throws {NodeJS.ErrnoException} as open(2)
 */
export function openRegularFile(path: string): OpenedFile | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const stats = fstatSync(fd, { bigint: true });
  if (stats.isFile()) return { fd, identity: identityOf(stats), size: Number(stats.size) };
  closeSync(fd);
  return undefined;
}

/** Up to `length` bytes at `position`, fewer at the end of the file. */
export function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, bytes, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** The bytes in front of `end`. */
export function readAnchor(fd: number, end: number): Anchor {
  const length = Math.min(ANCHOR_BYTES, end);
  return { end, bytes: readAt(fd, end - length, length) };
}

/** Whether the file still has the anchor's bytes where they were. */
export function holdsAnchor(fd: number, anchor: Anchor): boolean {
  const { end, bytes } = anchor;
  return readAt(fd, end - bytes.length, bytes.length).equals(bytes);
}

const COMPRESSED_HEADS: readonly (readonly [name: string, head: Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
];

/** `BZh`, a digit, and the digits of pi: three letters alone may begin a line. */
const BZIP2_HEAD = /^BZh[1-9]1AY&SY/;

/** What a file is compressed with, by its first bytes: a rotated log that was compressed has been shipped already. */
export function compressionOf(prefix: Buffer): string | undefined {
  if (BZIP2_HEAD.test(prefix.toString('latin1'))) return 'bzip2';
  return COMPRESSED_HEADS.find(([, head]) => prefix.subarray(0, head.length).equals(head))?.[0];
}

const SCAN_BLOCK_BYTES = 64 * 1024;

/** End of the last complete line before `end`, looking back at most `lookBackBytes`; undefined when none ends there. */
export function lineEndBefore(fd: number, end: number, lookBackBytes: number): number | undefined {
  let to = end;
  const lowest = Math.max(0, end - lookBackBytes);
  while (to > lowest) {
    const from = Math.max(lowest, to - SCAN_BLOCK_BYTES);
    const found = readAt(fd, from, to - from).lastIndexOf(10);
    if (found >= 0) return from + found + 1;
    to = from;
  }
  return lowest === 0 ? 0 : undefined;
}
