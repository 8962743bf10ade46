/** What the documents show checks under strict TypeScript, and is run: each block in a folder of its own, against an embedded cluster. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { count, embeddedCluster, records } from '../support/embedded-cluster.ts';
import { projectRoot } from '../support/project.ts';
import { assertTypesCheck } from '../support/type-check.ts';

interface Expected {
  /** What the text around the block takes for granted. */
  readonly before?: string;
  readonly after?: string;
  readonly printed?: RegExp;
  readonly check: (cluster: EmbeddedCluster) => void;
}

const PRODUCER =
  "import { Producer } from 'millrace';\n" +
  "const producer = new Producer({ 'bootstrap.servers': 'localhost:9092' });\n";
const CLOSE = 'await producer.close();\n';

const holds =
  (...topics: [string, number][]) =>
  (cluster: EmbeddedCluster): void => {
    for (const [topic, records] of topics) assert.equal(count(cluster, topic), records, topic);
  };

/** By document, in its order. */
const documents: Readonly<Record<string, readonly Expected[]>> = {
  'README.md': [{ check: holds(['logs', 1]) }],
  'docs/PRODUCER.md': [
    {
      check: (cluster) => {
        const stored = [0, 1, 2].flatMap((partition) => records(cluster, 'orders', partition));
        assert.deepEqual(
          stored.map(({ value, headers }) => [
            Buffer.from(value ?? []).toString(),
            headers.map(({ key, value: content }) => [
              key,
              content && Buffer.from(content).toString(),
            ]),
          ]),
          [
            [
              '{"state":"paid"}',
              [
                ['trace', 'a'],
                ['trace', 'b'],
                ['flag', null],
              ],
            ],
          ],
        );
      },
    },
    {
      before: PRODUCER,
      after: `${CLOSE}console.log(offset);\n`,
      printed: /^\d \d+n\n0n\n$/,
      check: holds(['orders', 3]),
    },
    {
      before: `${PRODUCER}const records = Array.from({ length: 500 }, () => ({ topic: 'orders', value: 'x' }));\n`,
      after: CLOSE,
      check: holds(['orders', 500]),
    },
    { check: holds(['invoices', 2], ['mails', 2]) },
    {
      before:
        PRODUCER.replace('({', "({ 'transactional.id': 'billing-1',") +
        'await producer.initTransactions();\n' +
        "const [key, value, partition, offset] = ['k', 'v', 0, 41n];\n" +
        'const invoiceOf = String;\n' +
        "const consumer = { generationId: -1, memberId: '' };\n",
      after: CLOSE,
      // The record, and the mark of the commit.
      check: holds(['invoices', 2]),
    },
  ],
  'docs/COMING-FROM.md': [
    { printed: /^\[ '\d:0', '\d:\d' \]\n$/, check: holds(['orders', 2]) },
    { printed: /^(orders \d \d+\n){1000}$/, check: holds(['orders', 1000]) },
    { printed: /^\d 0n\n$/, check: holds(['orders', 1]) },
  ],
};

/** In its order. */
function blocksOf(document: string): string[] {
  const text = readFileSync(join(projectRoot, document), 'utf8');
  return [...text.matchAll(/^```(?:ts|js)\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

test('every block type-checks as a TypeScript program', (t) => {
  const programs = Object.entries(documents).flatMap(([document, expectations]) =>
    blocksOf(document).map((block, index) => {
      const name = `${document.replaceAll('/', '-')}-${index + 1}.ts`;
      return [name, `${expectations[index]?.before ?? ''}${block}`] as const;
    }),
  );
  assertTypesCheck(t, Object.fromEntries(programs));
});

for (const [document, expectations] of Object.entries(documents)) {
  const blocks = blocksOf(document);

  test(`${document}: every block is known to this test`, () => {
    assert.equal(blocks.length, expectations.length);
  });

  for (const [index, expected] of expectations.entries()) {
    test(`${document}: block ${index + 1} does what it says`, async (t) => {
      const cluster = await embeddedCluster(t, { defaultPartitions: 3, topics: { orders: 3 } });
      const { before = '', after = '', printed = /^$/, check } = expected;
      const program = `${before}${blocks[index] ?? ''}${after}`;
      const output = await run(t, program.replaceAll('localhost:9092', cluster.bootstrap));
      assert.match(output, printed);
      check(cluster);
    });
  }
}

/** As a program of a user who has installed millrace. @returns what it printed */
async function run(t: TestContext, program: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-snippet-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(projectRoot, join(folder, 'node_modules/millrace'));
  writeFileSync(join(folder, 'program.mjs'), program);
  const child = spawn(process.execPath, ['program.mjs'], { cwd: folder, timeout: 30_000 });
  let output = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, `${complaint}\n${program}`);
  return output;
}
