import { lstatSync, renameSync } from 'node:fs';

/** What is at the path of a listening socket. `unseen`: this user may not look now. */
export type SocketFileState = 'own' | 'gone' | 'another' | 'unseen';

/** The file by which a listening socket is found. Whoever may write the folder can remove it, or put something else in its place. */
export class SocketFile {
  readonly #path: string;
  readonly #identity: string | undefined;

  /** @param path bound just now */
  constructor(path: string) {
    this.#path = path;
    this.#identity = identityAt(path);
  }

  look(): SocketFileState {
    try {
      const identity = identityAt(this.#path);
      if (identity === undefined) return 'gone';
      return identity === this.#identity ? 'own' : 'another';
    } catch {
      return 'unseen';
    }
  }

  /** Runs `close`, with which Node removes whatever is at the path: what another process has put there stays. */
  sparing<T>(close: () => T): T {
    const putBack = this.look() === 'another' ? putAside(this.#path) : undefined;
    const closed = close();
    putBack?.();
    return closed;
  }
}

/** @returns what puts it back; undefined where it cannot be moved, and so cannot be removed either */
function putAside(path: string): (() => void) | undefined {
  const aside = `${path}.${process.pid}-${Date.now()}`;
  try {
    renameSync(path, aside);
  } catch {
    return undefined;
  }
  return () => {
    renameSync(aside, path);
  };
}

/** Numbers of inodes are given again after a removal: so the time of birth is part of it. */
function identityAt(path: string): string | undefined {
  try {
    const stats = lstatSync(path, { bigint: true });
    return `${stats.ino} ${stats.birthtimeNs}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
