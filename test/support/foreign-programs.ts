import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

/** Debian's packages, where they have another name than the program. */
const packages: Readonly<Record<string, string>> = {
  nc: 'netcat-openbsd',
  script: 'bsdutils',
  prlimit: 'util-linux',
};

/**
 * Says whether a program of the system can be run. Where it is missing the test fails in CI (environment `CI` set) and is
 * skipped with the reason elsewhere: then return at once.
 */
export function requireProgram(t: TestContext, program: string): boolean {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  if (found) return true;
  const reason = `${program} is not installed: apt-get install ${packages[program] ?? program}`;
  if (process.env['CI'] !== undefined) throw new Error(reason);
  console.log(`skipped: ${reason}`);
  t.skip(reason);
  return false;
}

/** What a program left behind. */
export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 120_000;

/** Runs a program to its end with `input` on its standard input. Killed after two minutes: its code is null then. */
export async function runProgram(
  program: string,
  args: readonly string[],
  input: string | Buffer = '',
): Promise<ProgramResult> {
  const child = spawn(program, args, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
  const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  child.stdout.on('data', (bytes: Buffer) => output.stdout.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => output.stderr.push(bytes));
  child.stdin.on('error', () => {
    // A program that ended before it read everything: its exit code and output say why.
  });
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(output[name]).toString();
  return { code, stdout: text('stdout'), stderr: text('stderr') };
}
