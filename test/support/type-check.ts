/** What TypeScript makes of programs of a project that has installed millrace, checks declarations too and has no browser's types. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { projectRoot } from './project.ts';

const settings = {
  ...{ target: 'ES2023', lib: ['ES2023'], types: ['node'], module: 'nodenext' },
  ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: false },
};

/** All at once, each a module for itself. @param programs by the name of their file */
export function assertTypesCheck(t: TestContext, programs: Readonly<Record<string, string>>): void {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-types-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const modules = join(projectRoot, 'node_modules');
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(projectRoot, join(folder, 'node_modules/millrace'));
  symlinkSync(join(modules, '@types/node'), join(folder, 'node_modules/@types/node'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: settings }));
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(folder, name), text);
  const tsc = join(modules, 'typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  assert.deepEqual([stdout, status], ['', 0]);
}
