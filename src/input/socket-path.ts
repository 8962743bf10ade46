import { chmodSync, chownSync, lstatSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { probeSocketOwner } from '../checkpoint/socket-owner.ts';
import { SetupError } from '../shared/errors.ts';

/** sun_path of the system, less its terminating zero. */
const PATH_BYTES_MAX = 107;

/**
 * Makes the path free for a listening socket: what a dead process left there is removed, anything else is refused.
 *
 * @throws {SetupError} cannotCreate or noPermission
 */
export async function clearSocketPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    const bytes = String(Buffer.byteLength(path));
    throw cannot(
      path,
      `its path is ${bytes} bytes long, and 107 are possible. Fix: choose a shorter path`,
    );
  }
  const stats = lookAt(path);
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw cannot(
      path,
      'there is a file of that name which is not a socket. Fix: remove it, or choose another path',
    );
  }
  switch (await probeSocketOwner(path)) {
    case 'alive':
      throw cannot(
        path,
        'a running process listens on it. Fix: stop that process, or choose another path',
      );
    case 'unknown':
      throw cannot(
        path,
        'this user may not ask whether a process listens on it. Fix: remove it, or choose another path',
      );
    case 'dead':
      unlinkSync(path);
  }
}

/** @returns undefined when nothing is there, in a directory that is */
function lookAt(path: string): Stats | undefined {
  const directory = dirname(path);
  try {
    const parent = statSync(directory, { throwIfNoEntry: false });
    if (parent?.isDirectory() === true) return lstatSync(path, { throwIfNoEntry: false });
    const fault =
      parent === undefined
        ? `${directory} does not exist. Fix: mkdir -p ${directory}, or RuntimeDirectory= in the unit`
        : `${directory} is not a directory. Fix: choose a path in a directory`;
    throw cannot(path, fault);
  } catch (error) {
    throw error instanceof SetupError ? error : bindFault(path, error as NodeJS.ErrnoException);
  }
}

/**
 * Gives the socket to whom it is for. It was bound with all doors shut, so nobody slips in before.
 *
 * @param mode permission bits; writing is what connecting needs
 * @param group name or number; undefined leaves it
 * @throws {SetupError} the group is not known, or may not be given
 */
export function grantSocket(path: string, mode: number, group: string | undefined): void {
  if (group !== undefined) {
    const id = groupIdOf(path, group);
    try {
      chownSync(path, -1, id);
    } catch (cause) {
      throw new SetupError(
        'noPermission',
        `socket ${path} cannot be given to group ${group} (${(cause as Error).message}). ` +
          `Fix: let this user be a member of the group, or start as root`,
        { cause },
      );
    }
  }
  chmodSync(path, mode);
}

function groupIdOf(path: string, group: string): number {
  const fault = groupFault(group);
  if (fault === undefined) return Number(idOf(group));
  throw new SetupError('config', `socket ${path}: ${fault}`);
}

/** What is wrong with a group on this machine, and the fix; undefined when it is there. */
export function groupFault(group: string): string | undefined {
  if (idOf(group) !== undefined) return undefined;
  return `there is no group ${group} in /etc/group. Fix: groupadd ${group}, or name a group that is there, or its number`;
}

function idOf(group: string): string | undefined {
  if (/^\d+$/.test(group)) return group;
  const rows = readFileSync('/etc/group', 'utf8').split('\n');
  return rows.map((row) => row.split(':')).find(([name]) => name === group)?.[2];
}

/** The bind itself failed. */
export function bindFault(path: string, error: NodeJS.ErrnoException): SetupError {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new SetupError(
      'noPermission',
      `socket ${path} cannot be created: permission denied. Fix: let this user enter and write ${dirname(path)}, or choose another path`,
      { cause: error },
    );
  }
  return cannot(path, `${error.message}. Fix: choose another path`, error);
}

function cannot(path: string, problem: string, cause?: Error): SetupError {
  return new SetupError('cannotCreate', `socket ${path} cannot be created: ${problem}`, { cause });
}
