import net from 'node:net';
import type { Readable } from 'node:stream';
import { copyInto } from '../shared/copy-into.ts';

/** A readable stream whose bytes arrive at a fixed place. */
export interface ByteReader {
  pause(): void;
  resume(): void;
  /** No more is read; `onClose` follows. */
  destroy(): void;
}

export interface ByteReaderHooks {
  /** So many bytes lie at the beginning of the scratch, until this returns. @returns false to be paused: then `resume` goes on */
  onBytes(count: number): boolean;
  /** The other side is done. */
  onEnd(): void;
  /** Always the last call. `error` when the connection broke. */
  onClose(error: Error | undefined): void;
}

/** What Node hides in a socket: the libuv handle. Not a public interface, so a test for each Node version watches it. */
interface WithHandle {
  _handle: { readStart?: unknown; readStop?: unknown; fd?: unknown } | null;
}

/** The number of its file descriptor; undefined where this Node does not say. */
export function descriptorOf(accepted: net.Socket): number | undefined {
  const fd = (accepted as unknown as WithHandle)._handle?.fd;
  return typeof fd === 'number' ? fd : undefined;
}

/** Whether this Node lets the handle of an accepted socket be taken over. */
export function canReadInPlace(accepted: net.Socket): boolean {
  const handle = (accepted as unknown as WithHandle)._handle;
  return typeof handle?.readStart === 'function' && typeof handle.readStop === 'function';
}

/**
 * Reads an accepted socket straight into shared memory. `onread` is an option of a socket's constructor and a server makes its own
 * sockets, so the handle moves into a new one and the emptied original is destroyed; else the server would wait for it.
 *
 * All connections may share one scratch: libuv reads and calls back in one go, connection after connection.
 *
 * @param accepted of a server with `pauseOnConnect`, untouched
 */
export function readAcceptedInPlace(
  accepted: net.Socket,
  scratch: Buffer,
  hooks: ByteReaderHooks,
): ByteReader {
  const emptied = accepted as unknown as WithHandle;
  const handle = emptied._handle;
  emptied._handle = null;
  accepted.destroy();
  // A socket that is made from a handle would begin to read before anybody asks it to.
  const options = { handle, pauseOnCreate: true, onread: onReadInto(scratch, hooks) };
  return readerOf(new net.Socket(options as unknown as net.SocketConstructorOpts), hooks);
}

/** Reads a pipe or socket that this process was started with straight into shared memory. */
export function readDescriptorInPlace(
  fd: number,
  scratch: Buffer,
  hooks: ByteReaderHooks,
): ByteReader {
  const options = { fd, readable: true, writable: false, onread: onReadInto(scratch, hooks) };
  return readerOf(new net.Socket(options), hooks);
}

/** The way that every Node has: the stream brings buffers of its own, and they are copied into the scratch. */
export function readByCopy(stream: Readable, scratch: Buffer, hooks: ByteReaderHooks): ByteReader {
  let rest: Uint8Array = new Uint8Array(0);
  /** @returns whether all of the rest was handed on */
  const deliver = (): boolean => {
    while (rest.length > 0) {
      const part = rest.subarray(0, scratch.length);
      rest = rest.subarray(part.length);
      copyInto(scratch, part, 0);
      if (!hooks.onBytes(part.length)) return false;
    }
    return true;
  };
  stream.on('data', (bytes: Buffer) => {
    rest = bytes;
    if (!deliver()) stream.pause();
  });
  const reader = readerOf(stream, hooks);
  return {
    ...reader,
    resume: () => {
      if (deliver()) stream.resume();
    },
  };
}

function onReadInto(scratch: Buffer, hooks: ByteReaderHooks): net.OnReadOpts {
  return { buffer: scratch, callback: (count) => hooks.onBytes(count) };
}

function readerOf(stream: Readable, hooks: ByteReaderHooks): ByteReader {
  let failure: Error | undefined;
  stream.on('error', (error: Error) => {
    failure = error;
  });
  stream.once('end', () => {
    hooks.onEnd();
  });
  stream.once('close', () => {
    hooks.onClose(failure);
  });
  return {
    pause: () => {
      stream.pause();
    },
    resume: () => {
      stream.resume();
    },
    destroy: () => {
      stream.destroy();
    },
  };
}
