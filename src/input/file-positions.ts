import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Anchor, FileIdentity, OpenedFile } from './file-identity.ts';
import {
  ANCHOR_BYTES,
  holdsAnchor,
  identityKey,
  identityOf,
  readAt,
  sameBirth,
} from './file-identity.ts';
import type { LinePlace } from './framing.ts';

/** What the tail needs of the checkpoint: JSON values by key. */
export interface PositionStore {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  delete(key: string): void;
  entries(): Iterable<[string, unknown]>;
}

/** How far one file is settled, and what tells that it is still the same content. */
export interface FilePosition {
  readonly path: string;
  readonly identity: FileIdentity;
  readonly position: number;
  readonly anchor: Anchor;
  /** First bytes of the file. */
  readonly prefix: Buffer;
  /** Where in a line `position` lies. */
  readonly place: LinePlace;
}

/** What was found for a file in the checkpoint. */
export type Recalled =
  | { readonly kind: 'known'; readonly position: FilePosition }
  | { readonly kind: 'unknown' }
  /** The file is one that was read before, but its content is another: `reason` says how that was seen. */
  | { readonly kind: 'replaced'; readonly reason: string };

/** A file that was being read, found again under another name. */
export interface StrayFile {
  readonly path: string;
  readonly lastPath: string;
}

/** The positions of one tail in the checkpoint. */
export class FilePositions {
  readonly #store: PositionStore;
  readonly #prefix: string;
  readonly #marker: string;
  /** As they were at the start, for files whose file system has another device number since. */
  readonly #byPath: ReadonlyMap<string, FilePosition>;

  /** @param tailId tells tails of the same files apart, across restarts */
  constructor(store: PositionStore, tailId: string) {
    this.#store = store;
    this.#prefix = `file ${JSON.stringify(tailId)} `;
    this.#marker = `tail ${JSON.stringify(tailId)}`;
    this.#byPath = new Map([...this.#all()].map((kept) => [kept.path, kept]));
  }

  /**
   * Whether this tail has never run before with this state: then `from` decides about the files that are there. Later, what is
   * new appeared while nobody looked, and is read whole.
   */
  beginRun(): boolean {
    if (this.#store.get(this.#marker) !== undefined) return false;
    this.#store.set(this.#marker, true);
    return true;
  }

  keep(position: FilePosition): void {
    this.#store.set(this.#key(position.identity), {
      path: position.path,
      ...position.identity,
      position: position.position,
      place: position.place,
      anchorEnd: position.anchor.end,
      anchor: position.anchor.bytes.toString('base64'),
      prefix: position.prefix.toString('base64'),
    });
  }

  forget(identity: FileIdentity): void {
    this.#store.delete(this.#key(identity));
  }

  recall(path: string, file: OpenedFile): Recalled {
    const kept = this.#find(path, file.identity);
    if (kept === undefined) return { kind: 'unknown' };
    const reason = whyReplaced(kept, file);
    return reason === undefined ? { kind: 'known', position: kept } : { kind: 'replaced', reason };
  }

  /**
   * Files that were not read to their end when the daemon stopped, and whose path now leads elsewhere: renamed meanwhile, perhaps
   * to a name that no pattern covers. They are looked for in their old directory. What is gone for good is forgotten.
   *
   * @param isOpen whether a file is being read already
   */
  findStrays(isOpen: (identity: FileIdentity) => boolean): StrayFile[] {
    const missing = new Map<string, FilePosition[]>();
    for (const kept of this.#all()) {
      if (isOpen(kept.identity)) continue;
      const directory = dirname(kept.path);
      const list = missing.get(directory);
      if (list === undefined) missing.set(directory, [kept]);
      else list.push(kept);
    }
    return [...missing].flatMap(([directory, kept]) => this.#searchIn(directory, kept));
  }

  #searchIn(directory: string, missing: readonly FilePosition[]): StrayFile[] {
    const byKey = new Map(missing.map((kept) => [identityKey(kept.identity), kept]));
    const strays: StrayFile[] = [];
    const device = forEachFile(directory, (path, identity, size) => {
      const kept = byKey.get(identityKey(identity));
      if (kept === undefined || !sameBirth(kept.identity, identity)) return;
      byKey.delete(identityKey(identity));
      if (size > kept.position) strays.push({ path, lastPath: kept.path });
    });
    for (const kept of byKey.values()) {
      // Another device here means that the file system is not mounted now: nothing is known about the file then.
      if (kept.identity.device === device) this.forget(kept.identity);
    }
    return strays;
  }

  /** By identity; after a reboot a file system may have another device number, so path, inode and birth together do too. */
  #find(path: string, identity: FileIdentity): FilePosition | undefined {
    const kept = decode(this.#store.get(this.#key(identity)));
    if (kept !== undefined) return kept;
    const other = this.#byPath.get(path);
    if (other === undefined || identity.birthNs === '0') return undefined;
    const { inode, birthNs } = other.identity;
    if (inode !== identity.inode || birthNs !== identity.birthNs) return undefined;
    this.forget(other.identity);
    return { ...other, identity };
  }

  *#all(): Generator<FilePosition> {
    for (const [key, value] of [...this.#store.entries()]) {
      if (!key.startsWith(this.#prefix)) continue;
      const position = decode(value);
      if (position !== undefined) yield position;
    }
  }

  #key(identity: FileIdentity): string {
    return this.#prefix + identityKey(identity);
  }
}

function whyReplaced(kept: FilePosition, file: OpenedFile): string | undefined {
  if (!sameBirth(kept.identity, file.identity)) return 'its inode number was given to a new file';
  if (file.size < kept.position) {
    return `it is ${String(file.size)} bytes long and was read to ${String(kept.position)}`;
  }
  const prefix = readAt(file.fd, 0, Math.min(ANCHOR_BYTES, kept.prefix.length));
  if (!prefix.equals(kept.prefix) || !holdsAnchor(file.fd, kept.anchor)) {
    return 'what it holds is not what was read';
  }
  return undefined;
}

/** @returns the directory's device, undefined when it cannot be listed */
function forEachFile(
  directory: string,
  visit: (path: string, identity: FileIdentity, size: number) => void,
): string | undefined {
  try {
    const device = String(statSync(directory, { bigint: true }).dev);
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats?.isFile() === true) visit(path, identityOf(stats), Number(stats.size));
    }
    return device;
  } catch {
    return undefined;
  }
}

function decode(value: unknown): FilePosition | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const row = value as Record<string, unknown>;
  const text = (name: string): string => (typeof row[name] === 'string' ? row[name] : '');
  const { position, anchorEnd, place } = row;
  if (typeof position !== 'number' || typeof anchorEnd !== 'number') return undefined;
  return {
    path: text('path'),
    identity: { device: text('device'), inode: text('inode'), birthNs: text('birthNs') },
    position,
    place: place === 'splitRest' || place === 'skippedRest' ? place : 'line',
    anchor: { end: anchorEnd, bytes: Buffer.from(text('anchor'), 'base64') },
    prefix: Buffer.from(text('prefix'), 'base64'),
  };
}

/** The first bytes of a file, enough to know it again. */
export function readPrefix(fd: number): Buffer {
  return readAt(fd, 0, ANCHOR_BYTES);
}
