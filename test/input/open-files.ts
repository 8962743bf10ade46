import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../../src/shared/assert.ts';

const FOLDER = '/proc/self/fd';

/** What this process holds open below a folder, by descriptor; a deleted file's name ends in ` (deleted)`. */
function openBelow(folder: string): [fd: number, path: string][] {
  return readdirSync(FOLDER).flatMap((name): [number, string][] => {
    try {
      const path = readlinkSync(join(FOLDER, name));
      return path.startsWith(`${folder}/`) ? [[Number(name), path]] : [];
    } catch {
      // The one with which the folder was listed.
      return [];
    }
  });
}

/** Names of the files below a folder that this process holds open. */
export function namesOpenBelow(folder: string): string[] {
  return openBelow(folder)
    .map(([, path]) => path.slice(folder.length + 1))
    .sort();
}

/** The descriptor under which this process holds a file open. */
export function descriptorOf(folder: string, name: string): number {
  const found = openBelow(folder).find(([, path]) => path === join(folder, name));
  return present(found, `${name} is open`)[0];
}

/** Opens a path anew under a descriptor that is in use, as dup2 would. */
export function reopenAs(fd: number, path: string, flags: 'r' | 'a'): void {
  closeSync(fd);
  const others: number[] = [];
  for (let opened = openSync(path, flags); opened !== fd; opened = openSync(path, flags)) {
    others.push(opened);
  }
  for (const other of others) closeSync(other);
}
