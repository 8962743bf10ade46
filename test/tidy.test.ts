import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from './support/project.ts';
import { doors, faultsOf, importsOf, resolveImport, type SourceFile } from './tidy/rules.ts';

const kernelFolder = 'src/encode/kernel/';
const rooms = ['src', 'workers', 'config', 'test', 'bench'];

const files: readonly SourceFile[] = rooms
  .flatMap((room) =>
    readdirSync(join(projectRoot, room), { recursive: true, encoding: 'utf8' }).map(
      (name) => `${room}/${name}`,
    ),
  )
  .filter((path) => path.endsWith('.ts') && !path.startsWith(kernelFolder))
  .map((path) => ({ path, text: readFileSync(join(projectRoot, path), 'utf8') }));

test('every file keeps the law of the house', () => {
  assert.deepEqual(files.flatMap(faultsOf), []);
});

test('every import names a file that is there, and every source file is used by another or is an entry', () => {
  const entries = [
    'src/main.ts',
    'src/index.ts',
    'workers/encode.ts',
    'config/render.ts',
    'test/run.ts',
    'test/sim/main.ts',
    'bench/main.ts',
  ];
  const used = new Set(entries);
  const missing: string[] = [];
  for (const file of files) {
    for (const { target } of importsOf(file)) {
      if (!target.startsWith('.')) continue;
      const path = resolveImport(file.path, target);
      used.add(path);
      if (!existsSync(join(projectRoot, path))) missing.push(`${file.path}: ${path}`);
    }
  }
  assert.deepEqual(missing, []);
  const dead = files
    .map((file) => file.path)
    .filter((path) => !used.has(path) && !path.endsWith('.test.ts') && !isProgram(path));
  assert.deepEqual(dead, []);
});

test('every dependency is used, behind its door', () => {
  const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
    scripts: Record<string, string>;
    version: string;
  };
  assert.deepEqual(Object.keys(doors).sort(), Object.keys(manifest.dependencies).sort());
  const pins = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  const loose = pins.filter(([, pin]) => !/^(npm:[a-z]+@)?\d+\.\d+\.\d+$/.test(pin));
  assert.deepEqual(loose, []);
  assert.ok(!('prepare' in manifest.scripts), 'a prepare script fails under NODE_ENV=production');
  const changelog = readFileSync(join(projectRoot, 'CHANGELOG.md'), 'utf8');
  assert.match(changelog, new RegExp(`^## ${manifest.version.replaceAll('.', '\\.')}\\b`, 'm'));
});

test('the law notices what breaks it', () => {
  const broken = (path: string, text: string): string[] => faultsOf({ path, text });
  assert.equal(broken('src/send/x.ts', "import { Arena } from '../input/tail.ts';\n").length, 1);
  assert.equal(
    broken('src/send/x.ts', "import type { Tail } from '../input/tail.ts';\n").length,
    0,
  );
  // In two pieces, or this file would import them.
  const imported = [
    "im|port '../input/tail.ts';",
    "im|port('../input/tail.ts');",
    'im|port(`../input/tail.ts`);',
  ];
  for (const text of imported)
    assert.equal(broken('src/send/x.ts', text.replace('|', '')).length, 1, text);
  assert.equal(
    broken('src/commands/x.ts', "import { Arena } from '../ring/arena.ts';\n").length,
    1,
  );
  const strangers = ['yaml', 'piscina/dist/x.js', '@napi-rs/snappy/x', 'kafkajs', 'nothing'];
  for (const name of strangers)
    assert.equal(broken('src/input/x.ts', `import { parse } from '${name}';\n`).length, 1, name);
  const impure = [
    'const now = Date.now();\n',
    'const now = performance.now();\n',
    'const now = new Date();\n',
    'crypto.getRandomValues(bytes);\n',
    "import 'node:fs';\n",
    "import { readFileSync } from 'node:fs';\n",
    'setTimeout(go, 1);\n',
  ];
  for (const text of impure)
    for (const core of ['src/accumulate/x.ts', 'src/send/settle-x.ts'])
      assert.equal(broken(core, text).length, 1, text);
  assert.equal(broken('src/shared/x.ts', ['// TO', 'DO: later\n'].join('')).length, 1);
  assert.equal(broken('src/shared/utils.ts', '').length, 1);
  assert.equal(broken('src/shared/long.ts', '\n'.repeat(402)).length, 1);
});

/** Started by name, as a child process or a script, so that nothing imports it. */
function isProgram(path: string): boolean {
  return path.startsWith('bench/peers/') || /^test\/[^.]+\.program\.ts$/.test(path);
}
