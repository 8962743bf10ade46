import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';

/** What one run of a whole process tree cost. */
export interface Cost {
  readonly wallSeconds: number;
  /** User and system time of the process and all its children, by the shell's own accounting (10 ms steps). */
  readonly cpuSeconds: number;
  /** Highest sum of resident memory over the tree, sampled every 20 ms. */
  readonly peakBytes: number;
  /** Bytes that crossed the loopback interface in both directions while it ran. */
  readonly wireBytes: number;
  /** The end of what it printed. */
  readonly printed: string;
}

/** Runs the command, prints the CPU times of all that it started to file descriptor 3, and ends with its exit code. */
const TIMED = '"$@"; code=$?; times >&3; exit $code';

/**
 * Runs a command to its end and measures it from outside.
 *
 * @throws Error with the command's own words when it does not end with 0
 */
export async function measure(command: readonly string[]): Promise<Cost> {
  const wireBefore = loopbackBytes();
  const started = performance.now();
  const shell = spawn('bash', ['-c', TIMED, 'timed', ...command], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  let said = '';
  let times = '';
  const keepTail = (bytes: Buffer): void => void (said = (said + bytes.toString()).slice(-4000));
  shell.stdout?.on('data', keepTail);
  shell.stderr?.on('data', keepTail);
  shell.stdio[3]?.on('data', (bytes: Buffer) => (times += bytes.toString()));
  let peakBytes = 0;
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, treeBytes(shell.pid ?? 0));
  }, 20);
  const [code] = (await once(shell, 'close')) as [number | null];
  clearInterval(sampler);
  const wallSeconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`${command.join(' ')}: exit ${String(code)}\n${said}`);
  return {
    wallSeconds,
    cpuSeconds: cpuSeconds(times),
    peakBytes,
    wireBytes: loopbackBytes() - wireBefore,
    printed: said,
  };
}

/** bash's `times`: the shell's own user and system time, then those of its children, as 0m1.234s. */
function cpuSeconds(times: string): number {
  const children = times.trim().split('\n').at(-1) ?? '';
  const parts = [...children.matchAll(/(\d+)m([\d.]+)s/g)];
  return parts.reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
}

function loopbackBytes(): number {
  const line = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .find((row) => row.trim().startsWith('lo:'));
  return Number(line?.trim().split(/\s+/)[1] ?? 0);
}

function treeBytes(pid: number): number {
  let bytes = 0;
  try {
    bytes = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
      for (const child of children === '' ? [] : children.split(' '))
        bytes += treeBytes(Number(child));
    }
  } catch {
    // The process ended between two reads: what it had is in an earlier sample.
  }
  return bytes;
}
