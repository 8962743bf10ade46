import { register } from 'node:module';
import { editsOf, plantedName, type Mutation } from './mutation.ts';

const PLANTED = Symbol.for(plantedName);

/** From here on the sender is loaded with the bug in it. Nothing of it may have been loaded before. */
export function plant(mutation: Mutation): void {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  register(`./mutation-hook.program${extension}`, { parentURL: import.meta.url, data: mutation });
}

/** @throws {Error} when a file of the mutation was loaded without it, or not at all */
export function assertPlanted(mutation: Mutation): void {
  const planted = (globalThis as { [PLANTED]?: string[] })[PLANTED] ?? [];
  const missing = editsOf(mutation).find(({ file }) => !planted.includes(file));
  if (missing !== undefined) {
    throw new Error(
      `mutation ${mutation.name} is not planted: ${missing.file} was not loaded with it`,
    );
  }
}
