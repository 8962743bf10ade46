/**
 * Makes docs/CONFIGURATION.md, config/schema.json and the metrics in docs/PRODUCER.md from the tables: `npm run generate`. With `--check` it writes nothing, and fails when
 * they are not up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../src/shared/assert.ts';
import { packageRoot } from '../src/shared/package.ts';
import { producerMetricsTable } from '../src/shared/producer-metrics.ts';
import { renderJsonSchema } from './render-json-schema.ts';
import { renderMarkdown } from './render-markdown.ts';

/** Path from the root, and what has to be in it. */
export function generatedFiles(): readonly (readonly [path: string, text: string])[] {
  return [
    ['docs/CONFIGURATION.md', renderMarkdown()],
    ['config/schema.json', renderJsonSchema()],
    [
      'docs/PRODUCER.md',
      withMetrics(readFileSync(join(packageRoot(), 'docs/PRODUCER.md'), 'utf8')),
    ],
  ];
}

const METRICS_BEGIN = '<!-- metrics: made by `npm run generate` -->\n\n';
const METRICS_END = '\n\n<!-- end of metrics -->';

function withMetrics(page: string): string {
  const from = page.indexOf(METRICS_BEGIN) + METRICS_BEGIN.length;
  const to = page.indexOf(METRICS_END);
  assert(
    from >= METRICS_BEGIN.length && to >= from,
    'docs/PRODUCER.md has a place for its metrics',
  );
  return page.slice(0, from) + producerMetricsTable() + page.slice(to);
}

/** Paths of the generated files that are not what the tables say. */
export function staleFiles(): string[] {
  return generatedFiles()
    .filter(([path, text]) => textOf(join(packageRoot(), path)) !== text)
    .map(([path]) => path);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = staleFiles();
  if (process.argv.includes('--check')) {
    for (const path of stale) process.stderr.write(`${path} is stale: npm run generate\n`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    for (const [path, text] of generatedFiles()) writeFileSync(join(packageRoot(), path), text);
    process.stdout.write(stale.map((path) => `${path}: new\n`).join(''));
  }
}
