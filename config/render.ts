/**
 * Makes docs/CONFIGURATION.md, config/schema.json and the metrics in docs/PRODUCER.md from the tables: `npm run generate`. With `--check` it writes nothing, and fails when
 * they are not up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../src/shared/package.ts';
import { producerMetricsTable } from '../src/shared/producer-metrics.ts';
import { withMarkedPart } from './marked-part.ts';
import { renderJsonSchema } from './render-json-schema.ts';
import { renderMarkdown } from './render-markdown.ts';

/** Path from the root, and what has to be in it. */
export function generatedFiles(): readonly (readonly [path: string, text: string])[] {
  const producerPage = readFileSync(join(packageRoot(), 'docs/PRODUCER.md'), 'utf8');
  return [
    ['docs/CONFIGURATION.md', renderMarkdown()],
    ['config/schema.json', renderJsonSchema()],
    [
      'docs/PRODUCER.md',
      withMarkedPart(producerPage, 'metrics', 'npm run generate', producerMetricsTable()),
    ],
  ];
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
