import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { mainFile } from './project.ts';

/** A real `millrace` process: what it said, how much memory it has, and how it ended. */
export class Daemon {
  readonly child: ChildProcess;
  readonly #ended: Promise<number | NodeJS.Signals>;
  output = '';

  constructor(
    args: readonly string[],
    options: {
      node?: string;
      env?: NodeJS.ProcessEnv;
      cwd?: string;
      /** A program and its arguments that execute the rest of their line: `setpriv`, `unshare`. */
      via?: readonly string[];
      /** A command that starts it, instead of Node and its main file. */
      command?: readonly string[];
      /** It and all that it starts hear what the terminal's Ctrl-C sends: see `interrupt`. */
      isInTerminal?: boolean;
    } = {},
  ) {
    const command = options.command ?? [options.node ?? process.execPath, mainFile];
    const line = [...(options.via ?? []), ...command, ...args];
    this.child = spawn(line[0] ?? '', line.slice(1), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      detached: options.isInTerminal === true,
    });
    const take = (bytes: Buffer): void => void (this.output += bytes.toString());
    this.child.stdout?.on('data', take);
    this.child.stderr?.on('data', take);
    this.#ended = once(this.child, 'close').then(
      ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
    );
  }

  /** Exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals> {
    return this.#ended;
  }

  /** Waits until its output matches; an early end or the time limit fails with all it said. */
  async says(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (this.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`never said ${String(pattern)}; it said:\n${this.output}`);
      }
      await sleep(20);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** SIGINT to the whole process group, as a terminal does on Ctrl-C. */
  interrupt(): void {
    process.kill(-(this.child.pid ?? 0), 'SIGINT');
  }

  /** Asks it to stop and waits for the end. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    this.signal(signal);
    return this.#ended;
  }

  /** Resident memory in bytes, from the kernel; `peak` since the start. */
  memory(): { now: number; peak: number } {
    const status = readFileSync(`/proc/${this.child.pid ?? 0}/status`, 'utf8');
    const kilobytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
    return { now: kilobytes('VmRSS') * 1024, peak: kilobytes('VmHWM') * 1024 };
  }
}
