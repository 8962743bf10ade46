import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SenderConfig } from '../../src/send/sender-config.ts';
import { projectRoot } from '../support/project.ts';
import { explain, runCampaign } from './campaign.ts';
import { runChild } from './child.ts';
import { knownBugs } from './known-bugs.ts';
import { editsOf, mutate } from './mutation.ts';
import { runLibrary } from './library-story.ts';
import { runSeed } from './story.ts';

const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 1000);
const CALLER_SEEDS = Math.ceil(SEEDS / 3);
const FIRST_SEED = Number(process.env['MILLRACE_FIRST_SEED'] ?? 1);

async function campaign(outcomesFor: SenderConfig['outcomesFor'], seeds: number): Promise<void> {
  const faults: string[] = [];
  const totals = await runCampaign({
    ...{ first: FIRST_SEED, seeds, stride: 1, stopsAtFault: true, outcomesFor },
    onSeed: () => undefined,
    onFault: async (result) => {
      faults.push(await explain(result, undefined, outcomesFor));
    },
  });
  assert.deepEqual(faults, []);
  assert.ok(totals.records >= seeds * 10_000, 'each seed has its records');
}

test(`nothing is lost, doubled, out of order, stuck or leaked in ${SEEDS} seeds of 10,000 records`, async () => {
  await campaign('source', SEEDS);
});

test(`nor in ${CALLER_SEEDS} seeds of the library, where every outcome comes by delivery.timeout.ms`, async () => {
  await campaign('caller', CALLER_SEEDS);
});

test('a seed tells the same story each time', async () => {
  const [once, again] = [runSeed(11, 'keyed-0'), runSeed(11, 'keyed-0')];
  assert.ok(once.trace.length > 20, 'the partition has a story');
  assert.deepEqual(again, once);
  const [first, second] = [await runLibrary(11, 'keyed-0'), await runLibrary(11, 'keyed-0')];
  assert.ok(first.trace.length > 20, 'the partition has a story');
  assert.ok(first.records > 100, 'the application has sent');
  assert.deepEqual(second, first);
});

test('every known bug of the table can still be planted: its text stands in the source once', () => {
  const names = new Set<string>();
  for (const mutation of knownBugs) {
    assert.ok(!names.has(mutation.name), `${mutation.name} is there once`);
    names.add(mutation.name);
    for (const { file } of editsOf(mutation)) {
      const text = readFileSync(join(projectRoot, file), 'utf8');
      assert.notEqual(mutate(mutation, file, text), text, mutation.name);
    }
  }
  assert.ok(names.size >= 30);
});

test('a table that is older than the source is an error, not a bug that nobody notices', () => {
  const [mutation] = knownBugs;
  assert.ok(mutation !== undefined);
  assert.throws(() => mutate(mutation, mutation.file, 'another text'), /is found 0 times/);
  const twice = `${mutation.find}\n${mutation.find}`;
  assert.throws(() => mutate(mutation, mutation.file, twice), /is found 2 times/);
});

test('docs/SIMULATION.md has a row for each known bug, and its sum is that of the rows', () => {
  const page = readFileSync(join(projectRoot, 'docs/SIMULATION.md'), 'utf8');
  const part = page.slice(page.indexOf('<!-- mutations'), page.indexOf('<!-- end of mutations'));
  const rows = part.split('\n').filter((line) => /^\| [a-z]+-/.test(line));
  const heads = knownBugs.map(({ name, bug, ticket }) => `| ${name} | ${bug} | ${ticket} |`);
  assert.equal(rows.length, heads.length, 'npm run sim -- --mutations --write');
  rows.forEach((row, at) => assert.ok(row.startsWith(heads[at] ?? '?'), row));
  const caught = rows.filter((row) => !row.includes('| not caught |')).length;
  assert.match(part, new RegExp(`\n${caught} of ${rows.length} known bugs are caught`));
});

test('bugs that are planted are noticed, each by what it does', async () => {
  for (const [name, kind] of [
    ['follower-is-believed', 'lost'],
    ['lost-means-not-written', 'duplicated'],
    ['restart-in-any-order', 'reordered'],
    ['restart-loses-batches', 'hung'],
    ['split-leaks', 'leaked'],
    ['flush-leaves-the-waiting', 'lied'],
    ['waiting-never-ends', 'hung'],
    ['counted-twice', 'lied'],
  ]) {
    const { faults } = await runChild(['--mutation', `${name}`, '--seeds', '20', '--child']);
    assert.equal(faults[0]?.verdict.kind, kind, name);
  }
});
