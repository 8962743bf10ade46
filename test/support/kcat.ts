import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';

/** Reads a whole topic with kcat, a program that we did not write, and hands on partition and value of each record. */
export async function kcatRead(
  bootstrap: string,
  topic: string,
  read: (partition: number, value: string) => void,
): Promise<void> {
  await kcatLines(bootstrap, topic, '%p\t%s\n', (line) => {
    const tab = line.indexOf('\t');
    read(Number(line.slice(0, tab)), line.slice(tab + 1));
  });
}

/** Reads a whole topic, a line for each record: `%p` partition, `%o` offset, `%k` key, `%s` value, `%T` timestamp. */
export async function kcatLines(
  bootstrap: string,
  topic: string,
  format: string,
  read: (line: string) => void,
): Promise<void> {
  await kcatConsume(bootstrap, topic, format, async (output) => {
    for await (const line of createInterface({ input: output, crlfDelay: Infinity })) read(line);
  });
}

/** The values of a topic with one partition, a newline behind each. */
export async function kcatBytes(bootstrap: string, topic: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  await kcatConsume(bootstrap, topic, '%s\n', async (output) => {
    for await (const part of output) parts.push(part as Buffer);
  });
  return Buffer.concat(parts);
}

/** What kcat says of a partition of any topic, as one of the brokers knows it. */
export interface KcatPartition {
  readonly topic: string;
  readonly partition: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** All partitions of all topics, Kafka's own included: much quicker than a Java tool. */
export async function kcatPartitions(bootstrap: string): Promise<KcatPartition[]> {
  const { stdout } = await promisify(execFile)('kcat', ['-L', '-b', bootstrap]);
  const found: KcatPartition[] = [];
  let topic = '';
  const ids = (text = ''): number[] => text.split(',').map(Number);
  for (const line of stdout.split('\n')) {
    topic = /^ *topic "(.+)" with/.exec(line)?.[1] ?? topic;
    const [, partition, replicas, inSync] =
      /^ *partition (\d+), leader .+ replicas: ([\d,]+), isrs: ([\d,]*)/.exec(line) ?? [];
    if (partition === undefined) continue;
    found.push({
      ...{ topic, partition: Number(partition) },
      ...{ replicas: ids(replicas), inSync: ids(inSync) },
    });
  }
  return found;
}

async function kcatConsume(
  bootstrap: string,
  topic: string,
  format: string,
  take: (output: Readable) => Promise<void>,
): Promise<void> {
  const args = ['-C', '-b', bootstrap, '-t', topic, '-o', 'beginning', '-e', '-q', '-f', format];
  const child = spawn('kcat', [...args, '-X', 'check.crcs=true'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  const closed = once(child, 'close');
  await take(child.stdout);
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`kcat ended with ${String(code)}: ${errors}`);
}
