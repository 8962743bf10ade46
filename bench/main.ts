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
import { namesIn } from './asked.ts';
import { codecs, type Codec } from './contenders.ts';
import { franzGoVersion } from './peers/franz-go.ts';
import { ingest, type Cell } from './ingest.ts';
import { producerBench } from './producer.ts';
import { producerCells } from './producer-cells.ts';
import { producerTable } from './producer-report.ts';
import { htmlPage, machine, markdownTable } from './report.ts';

const parts = ['all', 'micro', 'ingest', 'producer'];
const options = {
  mb: { type: 'string' },
  sizes: { type: 'string' },
  codecs: { type: 'string' },
  only: { type: 'string' },
  runs: { type: 'string', default: '5' },
  styles: { type: 'string' },
  records: { type: 'string' },
} as const;
const { values, positionals } = readArguments();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const asked = { only: namesIn(values.only, []), runs: Number(values.runs), report: say };
const resultsFolder = join(projectRoot, 'bench/results');

// A disk would be measured instead of the programs: input files and the broker's log lie in memory where the system has room for it.
if (existsSync('/dev/shm')) process.env['TMPDIR'] ??= '/dev/shm';

const wanted = positionals[0] ?? 'all';
mkdirSync(resultsFolder, { recursive: true });
if (wanted === 'all' || wanted === 'micro') await micro();
if (wanted === 'all' || wanted === 'ingest') await runIngest();
if (wanted === 'all' || wanted === 'producer') await runProducer();

function readArguments(): ReturnType<
  typeof parseArgs<{ allowPositionals: true; options: typeof options }>
> {
  try {
    const read = parseArgs({ allowPositionals: true, options });
    const [part = 'all', ...more] = read.positionals;
    if (parts.includes(part) && more.length === 0) return read;
    throw new Error(`there is no bench ${read.positionals.join(' ')}`);
  } catch (error) {
    const given = Object.keys(options).map((name) => `[--${name} …]`);
    process.stderr.write(
      `${(error as Error).message}\nnpm run bench -- [${parts.join('|')}] ${given.join(' ')}: bench/main.ts has examples\n`,
    );
    process.exit(64);
  }
}

async function runProducer(): Promise<void> {
  const samples = await producerBench({ ...asked, cells: producerCells(values) });
  await publish('producer', samples, producerTable(samples));
  failWhenLost(samples, ({ stored, sent }) => stored === sent);
}

async function runIngest(): Promise<void> {
  const samples = await ingest({ ...asked, cells: cells() });
  const about = await publish('ingest', samples, markdownTable(samples));
  writeFileSync(join(resultsFolder, 'ingest.html'), htmlPage(samples, about));
  failWhenLost(samples, ({ stored, records }) => stored === records);
}

/** @returns the machine and the versions, as they stand above the table */
async function publish(name: string, samples: readonly unknown[], table: string): Promise<string> {
  if (samples.length === 0)
    throw new Error('nothing was measured: is --only, --codecs, --sizes or --styles misspelled?');
  const about = machine(await versions());
  const file = join(resultsFolder, name);
  writeFileSync(`${file}.json`, JSON.stringify({ about, samples }, undefined, 1));
  writeFileSync(`${file}.md`, `${about}\n\n${table}`);
  say(`\n${about}\n\n${table}\nwritten to ${resultsFolder}`);
  return about;
}

/**
 * The default matrix. First what every program can do in half a minute: each codec at 228 bytes, the other sizes with none and lz4. Then a
 * gigabyte of 228 bytes, without the programs that would take minutes.
 */
function cells(): Cell[] {
  const sizes = namesIn(values.sizes, ['228', '10', '100', '1024', '10240']).map(Number);
  const named =
    values.codecs === undefined ? undefined : (namesIn(values.codecs, codecs) as Codec[]);
  const megabytes = values.mb === undefined ? undefined : Number(values.mb);
  const small = sizes.flatMap((lineBytes) => {
    const chosen = named ?? (lineBytes === 228 ? codecs : (['none', 'lz4'] as const));
    const bytes = (megabytes ?? defaultMegabytes(lineBytes)) * 1e6;
    return chosen.map((codec): Cell => ({ lineBytes, codec, bytes }));
  });
  if (values.sizes !== undefined || megabytes !== undefined) return small;
  return [...small, ...(named ?? codecs).map((codec) => ({ lineBytes: 228, codec, bytes: 1e9 }))];
}

/** So much that start-up is a small part where lines are long, and that the slowest program needs less than half a minute where they are short. */
function defaultMegabytes(lineBytes: number): number {
  if (lineBytes < 50) return 20;
  if (lineBytes < 500) return 60;
  return lineBytes < 5000 ? 300 : 1000;
}

/** What was lost stands in the table. A peer's loss is its own. */
function failWhenLost<S extends { readonly contender: string }>(
  samples: readonly S[],
  isWhole: (sample: S) => boolean,
): void {
  const isOurs = ({ contender }: S): boolean => contender === 'millrace';
  if (samples.some((sample) => isOurs(sample) && !isWhole(sample))) process.exitCode = 1;
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
