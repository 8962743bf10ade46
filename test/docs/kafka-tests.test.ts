/** docs/KAFKA-TESTS.md says which test of ours stands for which of Kafka's: it must not name one that is gone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { missingTest } from '../support/named-test.ts';
import { projectRoot } from '../support/project.ts';

interface Row {
  /** Heading of the table: Kafka's class. */
  readonly of: string;
  readonly name: string;
  readonly status: string;
  /** Tests and remarks, as they stand in the last column. */
  readonly ours: readonly string[];
}

const rowLine = /^\| `([\w.]+)` \| .+ \| (covered|not applicable|open) \| (.+) \|$/;
const ourTest = /^`([\w./-]+)`: (.+)$/;

const lines = readFileSync(join(projectRoot, 'docs/KAFKA-TESTS.md'), 'utf8').split('\n');
const rows = readRows(lines);

function readRows(text: readonly string[]): Row[] {
  const found: Row[] = [];
  let of = '';
  for (const line of text) {
    of = /^## (.+)$/.exec(line)?.[1] ?? of;
    const [, name = '', status = '', ours = ''] = rowLine.exec(line) ?? [];
    if (name !== '') found.push({ of, name, status, ours: ours.split('<br>') });
  }
  return found;
}

/** Why what is named in a row is not one of our tests; undefined when it is, and for a remark. */
function faultOf(named: string): string | undefined {
  const [, file, title] = ourTest.exec(named) ?? [];
  if (file === undefined || title === undefined) return undefined;
  return missingTest(file, title);
}

test('every test that the table names is there, by file and title', () => {
  const faults = rows.flatMap(({ name, ours }) =>
    ours.flatMap((named) => {
      const fault = faultOf(named);
      return fault === undefined ? [] : [`${name}: ${fault}`];
    }),
  );
  assert.deepEqual(faults, []);
});

test('a row that says covered names a test', () => {
  const empty = rows.filter(
    ({ status, ours }) => status === 'covered' && !ours.some((named) => ourTest.test(named)),
  );
  assert.deepEqual(empty, []);
});

test('every line of the table can be read, none is there twice, and the counts are right', () => {
  const names = rows.map(({ of, name }) => `${of}.${name}`);
  assert.equal(new Set(names).size, names.length);
  const written = lines.filter((line) => line.startsWith('| `'));
  assert.equal(rows.length, written.length);
  for (const of of new Set(rows.map((row) => row.of))) {
    const own = rows.filter((row) => row.of === of);
    const counts = ['covered', 'not applicable', 'open'].map(
      (status) => own.filter((row) => row.status === status).length,
    );
    const line = `| ${[of, own.length, ...counts].join(' | ')} |`;
    assert.ok(lines.includes(line), `the table at the top says: ${line}`);
  }
});

test('a test that is gone is noticed', () => {
  assert.match(faultOf('`send/core/ordering`: no such promise') ?? '', /has no test/);
  assert.match(faultOf('`send/core/nowhere`: no such file') ?? '', /is not there/);
  assert.equal(faultOf('a remark about `retries`'), undefined);
});
