import { linkSync, lstatSync, renameSync } from 'node:fs';

/** The file by which a listening socket is found. Whoever may write the folder can remove it, or put another socket in its place. */
export class SocketFile {
  readonly #path: string;
  readonly #identity: string | undefined;

  /** @param path bound just now */
  constructor(path: string) {
    this.#path = path;
    this.#identity = identityAt(path);
  }

  /** What is at the path now. */
  look(): 'own' | 'gone' | 'another' {
    const identity = identityAt(this.#path);
    if (identity === undefined) return 'gone';
    return identity === this.#identity ? 'own' : 'another';
  }

  /** Runs `close`, with which Node removes whatever is at the path: what another process has put there stays. */
  sparing(close: () => void): void {
    const aside = this.look() === 'another' ? `${this.#path}.${process.pid}` : undefined;
    if (aside !== undefined) linkSync(this.#path, aside);
    close();
    if (aside !== undefined) renameSync(aside, this.#path);
  }
}

/** Numbers of inodes are given again after a removal: so the time of birth is part of it. */
function identityAt(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? undefined : `${stats.ino} ${stats.birthtimeNs}`;
}
