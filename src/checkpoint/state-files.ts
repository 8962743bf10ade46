import { type FileHandle, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The checkpoint's only door to the disk. Errors are Node's own, with `code` and `path`. */
export interface StateFiles {
  /** Makes the directory, readable by nobody else, when it is not there. */
  makeDirectory(): Promise<void>;
  /** The whole file, or undefined when there is none. */
  read(name: string): Promise<Buffer | undefined>;
  /** Puts the bytes in the place of the file, all of them or none; they are on the disk when it returns. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
}

export function stateFilesIn(directory: string): StateFiles {
  return {
    async makeDirectory() {
      await makeFolder(directory);
    },
    async read(name) {
      try {
        return await readFile(join(directory, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async replace(name, bytes) {
      const path = join(directory, name);
      await writeAndSync(`${path}.new`, bytes);
      await rename(`${path}.new`, path);
      await syncDirectory(directory);
    },
  };
}

/** One by one: Node's own `recursive` never ends where a folder can neither be made nor be there, as below /proc. */
async function makeFolder(path: string): Promise<void> {
  const make = (): Promise<void> => mkdir(path, { mode: 0o700 });
  try {
    await make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await make();
  }
}

async function writeAndSync(path: string, bytes: Uint8Array): Promise<void> {
  await using(await open(path, 'w', 0o600), async (file) => {
    await file.writeFile(bytes);
    await file.sync();
  });
}

/** A rename is on the disk when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  await using(await open(path, 'r'), (directory) => directory.sync());
}

async function using(file: FileHandle, work: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await work(file);
  } finally {
    await file.close();
  }
}
