/**
 * `npm run bench`: micro-benchmarks of millrace's parts, then the daemon and the library against their peers on one real broker.
 *
 *     npm run bench                                      the whole matrix
 *     npm run bench -- ingest --mb 1000 --sizes 228 --codecs none,lz4 --only millrace,kcat --runs 5
 *     npm run bench -- producer --sizes 100 --codecs lz4 --styles batch,fire --only millrace,kafkajs --records 100000
 *     npm run bench -- micro
 *
 * Results go to bench/results/ as Markdown, JSON and one HTML page.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kafkaJars } from '../test/support/kafka-jars.ts';
import { node24, projectRoot } from '../test/support/project.ts';
import { codecs, resultsFolder, type Codec } from './contenders.ts';
import { franzGoVersion } from './peers/franz-go.ts';
import { ingest, type Cell, type Sample } from './ingest.ts';
import { producerBench } from './producer.ts';
import { producerCells } from './producer-cells.ts';
import { producerTable } from './producer-report.ts';
import { htmlPage, machine, markdownTable } from './report.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mb: { type: 'string' },
    sizes: { type: 'string' },
    codecs: { type: 'string' },
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '5' },
    styles: { type: 'string' },
    records: { type: 'string' },
  },
});
const list = (text: string): string[] => text.split(',').filter((part) => part !== '');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

// A disk would be measured instead of the programs: input files and the broker's log lie in memory where the system has room for it.
if (existsSync('/dev/shm')) process.env['TMPDIR'] ??= '/dev/shm';

const wanted = positionals[0] ?? 'all';
mkdirSync(resultsFolder, { recursive: true });
if (wanted === 'all' || wanted === 'micro') await micro();
if (wanted === 'all' || wanted === 'ingest') await runIngest();
if (wanted === 'all' || wanted === 'producer') await runProducer();

async function runProducer(): Promise<void> {
  const samples = await producerBench({
    cells: producerCells(values),
    only: list(values.only),
    runs: Number(values.runs),
    report: say,
  });
  const about = machine(await versions());
  const table = producerTable(samples);
  const file = join(resultsFolder, 'producer');
  writeFileSync(`${file}.json`, JSON.stringify({ about, samples }, undefined, 1));
  writeFileSync(`${file}.md`, `${about}\n\n${table}`);
  say(`\n${about}\n\n${table}\nwritten to ${resultsFolder}`);
  const isShort = samples.some((one) => one.contender === 'millrace' && one.stored !== one.sent);
  if (isShort) process.exitCode = 1;
}

async function runIngest(): Promise<void> {
  const samples = await ingest({
    cells: cells(),
    only: list(values.only),
    runs: Number(values.runs),
    report: say,
  });
  const about = machine(await versions());
  const table = markdownTable(samples);
  writeFileSync(
    join(resultsFolder, 'ingest.json'),
    JSON.stringify({ about, samples }, undefined, 1),
  );
  writeFileSync(join(resultsFolder, 'ingest.md'), `${about}\n\n${table}`);
  writeFileSync(join(resultsFolder, 'ingest.html'), htmlPage(samples, about));
  say(`\n${about}\n\n${table}\nwritten to ${resultsFolder}`);
  failWhenLost(samples);
}

/**
 * The default matrix. First what every program can do in half a minute: each codec at 228 bytes, the other sizes with none and lz4. Then a
 * gigabyte of 228 bytes, without the programs that would take minutes.
 */
function cells(): Cell[] {
  const sizes =
    values.sizes === undefined ? [228, 10, 100, 1024, 10240] : list(values.sizes).map(Number);
  const named = values.codecs === undefined ? undefined : (list(values.codecs) as Codec[]);
  const megabytes = values.mb === undefined ? undefined : Number(values.mb);
  const asked = sizes.flatMap((lineBytes) => {
    const chosen = named ?? (lineBytes === 228 ? codecs : (['none', 'lz4'] as const));
    const bytes = (megabytes ?? defaultMegabytes(lineBytes)) * 1e6;
    return chosen.map((codec): Cell => ({ lineBytes, codec, bytes }));
  });
  if (values.sizes !== undefined || megabytes !== undefined) return asked;
  return [...asked, ...(named ?? codecs).map((codec) => ({ lineBytes: 228, codec, bytes: 1e9 }))];
}

/** So much that start-up is a small part where lines are long, and that the slowest program needs less than half a minute where they are short. */
function defaultMegabytes(lineBytes: number): number {
  if (lineBytes < 50) return 20;
  if (lineBytes < 500) return 60;
  return lineBytes < 5000 ? 300 : 1000;
}

function failWhenLost(samples: readonly Sample[]): void {
  const wrong = samples.filter((sample) => sample.stored !== sample.records);
  for (const { contender, cell, stored, records } of wrong) {
    say(
      `${contender} ${cell.codec} ${cell.lineBytes} B: the broker holds ${stored} of ${records} records`,
    );
  }
  if (wrong.some((sample) => sample.contender === 'millrace')) process.exitCode = 1;
}

async function micro(): Promise<void> {
  const { microBenches } = await import('./micro.ts');
  for (const row of await microBenches())
    say(`${row.name.padEnd(60)} ${row.value.toFixed(2).padStart(10)} ${row.unit}`);
}

async function versions(): Promise<Record<string, string>> {
  const version = (name: string): string => {
    const file = join(projectRoot, 'node_modules', name, 'package.json');
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  };
  const kcat = /Version (\S+) .*librdkafka ([\d.]+)/s.exec(
    execFileSync('kcat', ['-V'], { encoding: 'utf8' }),
  );
  return {
    Node: execFileSync(node24, ['--version'], { encoding: 'utf8' }).trim(),
    'Apache Kafka': (await kafkaJars()).version,
    kcat: kcat?.[1] ?? 'unknown',
    librdkafka: kcat?.[2] ?? 'unknown',
    '@platformatic/kafka': version('@platformatic/kafka'),
    kafkajs: version('kafkajs'),
    'franz-go': franzGoVersion(),
  };
}
