/**
 * `npm test`: every test file below this folder, the quick ones side by side, then, one at a time, those that start a real Kafka.
 * `--full` lets the delivery tests ship 1 GB instead of 100 MB; further arguments are parts of file names to pick.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { projectRoot } from './support/project.ts';

const folder = dirname(fileURLToPath(import.meta.url));
const picks = process.argv.slice(2).filter((argument) => argument !== '--full');
const isFull = process.argv.includes('--full');
if (isFull) process.env['MILLRACE_FULL'] = '1';

/** Of one file: one that hangs is a failure, and not a run without an end. */
const MS_MAX = 10 * 60_000;
const FULL_MS_MAX = 60 * 60_000;

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith(`.test${extname(import.meta.url)}`))
  // What was compiled from a file that is gone is no test any more.
  .filter((name) => existsSync(join(projectRoot, 'test', name.replace(/\.js$/, '.ts'))))
  .filter((name) => picks.length === 0 || picks.some((pick) => name.includes(pick)))
  .sort()
  .map((name) => join(folder, name));
if (files.length === 0) throw new Error(`no test file matches ${picks.join(' ')}`);

const alone = (file: string): boolean =>
  file.includes('.kafka.test.') || file.includes('.alone.test.');
await runFiles(
  files.filter((file) => !alone(file)),
  2,
);
await runFiles(files.filter(alone), 1);

async function runFiles(paths: string[], concurrency: number): Promise<void> {
  if (paths.length === 0) return;
  const events = run({ files: paths, concurrency, timeout: isFull ? FULL_MS_MAX : MS_MAX });
  events.on('test:fail', (event) => {
    if (event.todo === undefined || event.todo === false) process.exitCode = 1;
  });
  const text = events.compose(new spec()) as AsyncIterable<string>;
  for await (const line of text) process.stdout.write(line);
}
