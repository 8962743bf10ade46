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
import type { PositionStore } from './position-store.ts';

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

/** So many positions of files that are not open are kept without asking whether the files are still there. */
const GONE_FILES_MAX = 100;

/** The positions of one tail in the checkpoint. */
export class FilePositions {
  readonly #store: PositionStore;
  readonly #prefix: string;
  readonly #marker: string;
  /** As they were at the start, by inode and birth, for files whose file system has another device number since. */
  readonly #byBirth: ReadonlyMap<string, FilePosition>;
  readonly #keys: Set<string>;
  #searchAt = GONE_FILES_MAX;

  /** @param tailId tells tails of the same files apart, across restarts */
  constructor(store: PositionStore, tailId: string) {
    this.#store = store;
    this.#prefix = `file ${JSON.stringify(tailId)} `;
    this.#marker = `tail ${JSON.stringify(tailId)}`;
    const all = [...this.#all()];
    this.#byBirth = new Map(all.map((kept) => [birthKey(kept.identity), kept]));
    this.#keys = new Set(all.map(({ identity }) => this.#key(identity)));
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

  /**
   * @param settled asked for when the checkpoint is written, not at each answer of a broker
   * @returns to be called whenever `settled` has changed
   */
  keeper(identity: FileIdentity, settled: () => FilePosition): () => void {
    const key = this.#key(identity);
    const encodeSettled = (): unknown => encode(settled());
    return () => {
      this.#keys.add(key);
      this.#store.setLazily(key, encodeSettled);
    };
  }

  forget(identity: FileIdentity): void {
    const key = this.#key(identity);
    this.#keys.delete(key);
    this.#store.delete(key);
  }

  /** Resolves when what is kept survives a crash. */
  flush(): Promise<void> {
    return this.#store.flush();
  }

  /**
   * Forgets files that have gone: rotated ones are closed while they have a name, and deleted when nobody holds them any more. They
   * are looked for once there are many.
   *
   * @param openCount how many files are being read
   */
  forgetGone(openCount: number, isOpen: (identity: FileIdentity) => boolean): void {
    if (this.#keys.size - openCount < this.#searchAt) return;
    this.findStrays(isOpen);
    this.#searchAt = Math.max(0, this.#keys.size - openCount) * 2 + GONE_FILES_MAX;
  }

  recall(file: OpenedFile): Recalled {
    const kept = this.#find(file.identity);
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
    const byInode = new Map(missing.map((kept) => [kept.identity.inode, kept]));
    const strays: StrayFile[] = [];
    const device = forEachFile(directory, (path, identity, size) => {
      const kept = byInode.get(identity.inode);
      if (kept === undefined || !isSameFile(kept.identity, identity)) return;
      byInode.delete(identity.inode);
      if (size > kept.position) strays.push({ path, lastPath: kept.path });
    });
    for (const kept of byInode.values()) {
      // Another device here means that the file system is not mounted now: nothing is known about the file then.
      if (kept.identity.device === device) this.forget(kept.identity);
    }
    return strays;
  }

  /** By identity; after a reboot a file system may have another device number, so inode and birth together do too. */
  #find(identity: FileIdentity): FilePosition | undefined {
    const kept = decode(this.#store.get(this.#key(identity)));
    if (kept !== undefined) return kept;
    const other = this.#byBirth.get(birthKey(identity));
    if (other === undefined || !isSameFile(other.identity, identity)) return undefined;
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

/** Without a birth on both sides, by device and inode; with one, whatever the device is called now. */
function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  const isSameDevice = a.device === b.device || (a.birthNs !== '0' && b.birthNs !== '0');
  return a.inode === b.inode && isSameDevice && sameBirth(a, b);
}

function birthKey({ inode, birthNs }: FileIdentity): string {
  return `${inode}:${birthNs}`;
}

function encode(settled: FilePosition): unknown {
  return {
    path: settled.path,
    ...settled.identity,
    position: settled.position,
    place: settled.place,
    anchorEnd: settled.anchor.end,
    anchor: settled.anchor.bytes.toString('base64'),
    prefix: settled.prefix.toString('base64'),
  };
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
