import { rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../shared/errors.ts';
import { SocketFile } from '../shared/socket-file.ts';
import { probeSocketOwner } from './socket-owner.ts';

/** Held by the one daemon that may write a state directory; ends with the process, however that ends. */
export interface StateLock {
  /** Somebody removed or replaced the lock: the directory may have a second writer. */
  readonly isLost: () => boolean;
  release(): Promise<void>;
}

const LOCK_NAME = 'lock';
/** sun_path of the system, less its terminating zero. Node 20 cuts a longer path short, and would lock another one. */
const PATH_BYTES_MAX = 107;
/** Long enough for another start to get through; who holds it longer is no start of ours. */
const TURN_MS_MAX = 2000;
const TURN_RETRY_MS = 20;

/**
 * Takes the state directory for this process. The lock is a listening socket: who can connect to it has found a living
 * owner, and a socket that refuses was left by a dead one. It holds across containers that share the directory of one host, where
 * process ids mean nothing.
 *
 * @throws {SetupError} temporary: another daemon holds it
 */
export async function lockStateDirectory(directory: string): Promise<StateLock> {
  const path = join(directory, LOCK_NAME);
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new SetupError(
      'cannotCreate',
      `cannot create ${path}: the path is too long for a socket (107 bytes): choose a shorter state.dir`,
    );
  }
  const endTurn = await takeTurn(directory);
  try {
    const server = (await listen(path)) ?? (await replaceDead(path));
    if (server !== undefined) return lockHeldBy(server, path);
  } finally {
    await endTurn();
  }
  throw new SetupError(
    'temporary',
    `state directory ${directory} is in use by another millrace (its lock is ${path}): ` +
      'stop that one, or give this one a state.dir of its own',
  );
}

/**
 * Two starts may find the same dead lock, and the second must not remove what the first has put in its place: so they take turns, by
 * an abstract socket, which goes with its process. Anybody on the host could hold its name, so it is waited for but not relied on.
 */
async function takeTurn(directory: string): Promise<() => Promise<void>> {
  const { dev, ino } = statSync(directory, { bigint: true });
  const name = `\0millrace-state-${dev}-${ino}`;
  for (let waitedMs = 0; waitedMs < TURN_MS_MAX; waitedMs += TURN_RETRY_MS) {
    const server = await listen(name);
    if (server !== undefined) return () => closed(server);
    await sleep(TURN_RETRY_MS);
  }
  return () => Promise.resolve();
}

/** @returns undefined when the owner is alive */
async function replaceDead(path: string): Promise<net.Server | undefined> {
  if ((await probeSocketOwner(path)) !== 'dead') return undefined;
  rmSync(path, { force: true });
  return listen(path);
}

function lockHeldBy(server: net.Server, path: string): StateLock {
  const file = new SocketFile(path);
  return {
    isLost: () => file.look() !== 'own',
    release: () => file.sparing(() => closed(server)),
  };
}

function closed(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
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
  return new SetupError(
    error.code === 'EACCES' ? 'noPermission' : 'cannotCreate',
    `cannot create ${path}: ${error.message}: choose a state.dir that this user can write`,
    { cause: error },
  );
}
