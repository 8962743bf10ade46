import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './project.ts';

/**
 * Why a test that a table names is not there; undefined when it is.
 *
 * @param file below test/, without the end: `send/core/ordering`
 * @param title as written in the file, without a `${v}` that it begins with
 */
export function missingTest(file: string, title: string): string | undefined {
  const path = `test/${file}.test.ts`;
  if (!existsSync(join(projectRoot, path))) return `${path} is not there`;
  const source = readFileSync(join(projectRoot, path), 'utf8');
  const isThere = ["'", '"', '`', '`${v}'].some((open) =>
    source.includes(`test(${open}${title}${open.slice(0, 1)}`),
  );
  return isThere ? undefined : `${path} has no test '${title}'`;
}
