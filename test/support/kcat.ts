import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Reads a whole topic with kcat, a program that we did not write, and hands on partition and value of each record. */
export async function kcatRead(
  bootstrap: string,
  topic: string,
  read: (partition: number, value: string) => void,
): Promise<void> {
  const args = [
    '-C',
    '-b',
    bootstrap,
    '-t',
    topic,
    '-o',
    'beginning',
    '-e',
    '-q',
    '-f',
    '%p\t%s\n',
  ];
  const child = spawn('kcat', [...args, '-X', 'check.crcs=true'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  const closed = once(child, 'close');
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
    const tab = line.indexOf('\t');
    read(Number(line.slice(0, tab)), line.slice(tab + 1));
  }
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`kcat ended with ${String(code)}: ${errors}`);
}
