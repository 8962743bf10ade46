import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { PathPatterns } from '../../src/input/glob.ts';
import { asNobody, temporaryDirectory } from './gate.ts';

function tree(t: TestContext, files: readonly string[]): string {
  const root = temporaryDirectory(t);
  for (const file of files) {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  return root;
}

const files = [
  'a.log',
  'b.log',
  '.hidden.log',
  'c.txt',
  'x/a.log',
  'x/y/a.log',
  'x/y/z/a.log',
  'w/a.log',
  '.git/a.log',
  'n[1].log',
];

const cases: readonly (readonly [pattern: string, found: readonly string[]])[] = [
  ['*.log', ['a.log', 'b.log', 'n[1].log']],
  ['?.log', ['a.log', 'b.log']],
  ['[ab].log', ['a.log', 'b.log']],
  ['{a,b}.log', ['a.log', 'b.log']],
  ['.*.log', ['.hidden.log']],
  ['*/a.log', ['w/a.log', 'x/a.log']],
  ['x/*/a.log', ['x/y/a.log']],
  ['**/a.log', ['a.log', 'w/a.log', 'x/a.log', 'x/y/a.log', 'x/y/z/a.log']],
  ['x/**', ['x/a.log', 'x/y/a.log', 'x/y/z/a.log']],
  ['{x,w}/a.log', ['w/a.log', 'x/a.log']],
  ['{x/y,w}/a.log', ['w/a.log', 'x/y/a.log']],
  ['n[1].log', ['n[1].log']],
  ['a.log', ['a.log']],
];

for (const [pattern, found] of cases) {
  test(`${pattern} leads to ${found.join(', ')}`, (t) => {
    const root = tree(t, files);
    const patterns = new PathPatterns([join(root, pattern)]);
    const { paths, faults } = patterns.find();
    assert.deepEqual([...paths].sort(), found.map((path) => join(root, path)).sort());
    assert.deepEqual(faults, []);
    for (const path of paths) assert.ok(patterns.matches(path));
    assert.ok(!patterns.matches(join(root, 'c.txt')));
  });
}

test('brackets that are written with a backslash are a part of the name, in a folder too', (t) => {
  const root = tree(t, ['[x]/a.log', '[x]/b.txt', 'x/a.log', 'n[1].log', 'n1.log']);
  const found = (pattern: string): readonly string[] =>
    new PathPatterns([join(root, pattern)]).find().paths;
  assert.deepEqual(found('\\[x\\]/*.log'), [join(root, '[x]/a.log')]);
  assert.deepEqual(found('n\\[1\\].log'), [join(root, 'n[1].log')]);
});

test('globs that lead to nothing are named, though their files are there by another name', (t) => {
  const root = tree(t, ['a.log']);
  const patterns = ['*.log', 'a.*', '*.txt', 'away/*.log'].map((pattern) => join(root, pattern));
  const { barren } = new PathPatterns([...patterns, join(root, 'a.log')]).find();
  assert.deepEqual(barren, [join(root, '*.txt'), join(root, 'away/*.log')]);
});

test('what is excluded is not found: by name in any directory, or by path', (t) => {
  const root = tree(t, files);
  const patterns = new PathPatterns([join(root, '**/*.log')], ['b.*', '*1*', join(root, 'x/**')]);
  const { paths } = patterns.find();
  assert.deepEqual(
    [...paths].sort(),
    ['a.log', 'w/a.log'].map((path) => join(root, path)),
  );
  assert.ok(!patterns.matches(join(root, 'x/y/a.log')));
  assert.ok(!patterns.matches(join(root, 'b.log')));
  assert.deepEqual(new PathPatterns([join(root, 'a.log')], ['a.log']).find().paths, []);
});

test('a literal path is named whether it is there or not, and its directory is where it may appear', () => {
  const { paths, directories } = new PathPatterns(['/no/such/file.log']).find();
  assert.deepEqual([paths, directories], [['/no/such/file.log'], ['/no/such']]);
});

test('a directory that is missing or closed is a fault with its path; the others are still searched', async (t) => {
  const root = tree(t, ['open/a.log', 'closed/b.log']);
  chmodSync(root, 0o755);
  chmodSync(join(root, 'closed'), 0o000);
  await asNobody(() => {
    const patterns = ['missing', 'closed', 'open'].map((name) => join(root, name, '*.log'));
    const { paths, faults } = new PathPatterns(patterns).find();
    assert.deepEqual(paths, [join(root, 'open/a.log')]);
    assert.deepEqual(
      faults.map(({ path, error }) => [path, error.code]),
      [
        [join(root, 'missing'), 'ENOENT'],
        [join(root, 'closed'), 'EACCES'],
      ],
    );
    return Promise.resolve();
  });
});

test('links that lead round in a circle do not hang the search', (t) => {
  const root = tree(t, ['x/a.log']);
  symlinkSync(root, join(root, 'x/round'));
  const { paths } = new PathPatterns([join(root, '**/a.log')]).find();
  assert.deepEqual(paths, [join(root, 'x/a.log')]);
});
