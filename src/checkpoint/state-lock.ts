import { lstatSync, renameSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { SetupError } from '../shared/errors.ts';
import { probeSocketOwner } from './socket-owner.ts';

/** Held by the one daemon that may write a state directory; ends with the process, however that ends. */
export interface StateLock {
  /** Somebody removed or replaced the lock: the directory may have a second writer. */
  readonly isLost: () => boolean;
  release(): Promise<void>;
}

const LOCK_NAME = 'lock';
const ATTEMPTS_MAX = 5;

/**
 * Takes the state directory for this process. The lock is a listening socket: who can connect to it has found a living
 * owner, and a socket that refuses was left by a dead one. It holds across containers that share the directory of one host, where
 * process ids mean nothing.
 *
 * @throws {SetupError} temporary: another daemon holds it
 */
export async function lockStateDirectory(directory: string): Promise<StateLock> {
  const path = join(directory, LOCK_NAME);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const server = await listen(path);
    if (server !== undefined) return lockHeldBy(server, path);
    const inode = inodeOf(path);
    if ((await probeSocketOwner(path)) !== 'dead') break;
    if (inode !== undefined) removeDead(path, inode);
  }
  throw new SetupError(
    'temporary',
    `state directory ${directory} is in use by another millrace (its lock is ${path}): ` +
      'stop that one, or give this one a state.dir of its own',
  );
}

function lockHeldBy(server: net.Server, path: string): StateLock {
  const inode = inodeOf(path);
  return {
    isLost: () => inodeOf(path) !== inode,
    release: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
}

/** @returns undefined when the path is taken */
function listen(path: string): Promise<net.Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((connection) => {
      connection.destroy();
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(lockFault(path, error));
    });
    server.listen({ path }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function lockFault(path: string, error: NodeJS.ErrnoException): SetupError {
  if (error.code === 'EINVAL' || error.code === 'ENAMETOOLONG') {
    return new SetupError(
      'cannotCreate',
      `cannot create ${path}: the path is too long for a socket (107 bytes): choose a shorter state.dir`,
      { cause: error },
    );
  }
  return new SetupError(
    error.code === 'EACCES' ? 'noPermission' : 'cannotCreate',
    `cannot create ${path}: ${error.message}: choose a state.dir that this user can write`,
    { cause: error },
  );
}

/** Two starters may both find the same dead lock: the second must not remove what the first has put in its place. */
function removeDead(path: string, inode: bigint): void {
  const aside = `${path}.${String(process.pid)}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (inodeOf(aside) === inode) unlinkSync(aside);
  else renameSync(aside, path);
}

function inodeOf(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
