import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Daemon } from '../support/daemon.ts';

interface TestContext {
  after(work: () => void | Promise<void>): void;
}

interface Settings {
  readonly bootstrap: string;
  readonly inputs: readonly Record<string, unknown>[];
  readonly kafka?: Readonly<Record<string, string | number | boolean>>;
  readonly stateDir?: string;
  readonly drainTimeoutMs?: number;
}

/** Nothing listens there: port 1 is reserved, and no test may bind it. */
export const NOBODY = '127.0.0.1:1';

/** A folder, and real millrace processes that run in it; both go when the test ends. */
export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-bad-'));
  readonly #daemons: Daemon[] = [];

  constructor(t: TestContext) {
    t.after(async () => {
      for (const daemon of this.#daemons) daemon.signal('SIGKILL');
      await Promise.all(this.#daemons.map((daemon) => daemon.ended()));
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Absolute. */
  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string | Buffer): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  makeFolder(name: string): string {
    mkdirSync(this.path(name));
    return this.path(name);
  }

  /** JSON is YAML. */
  config({ bootstrap, inputs, kafka = {}, stateDir, drainTimeoutMs = 30_000 }: Settings): string {
    const config = {
      kafka: { 'bootstrap.servers': bootstrap, ...kafka },
      inputs,
      workers: 1,
      'state.dir': stateDir ?? this.path('state'),
      'drain.timeout.ms': drainTimeoutMs,
    };
    return this.write('millrace.yaml', JSON.stringify(config, undefined, 1));
  }

  start(args: readonly string[], via: readonly string[] = []): Daemon {
    const daemon = new Daemon(args, { via, cwd: this.folder });
    this.#daemons.push(daemon);
    return daemon;
  }

  /** `run` with these settings. */
  run(settings: Settings, via?: readonly string[]): Daemon {
    return this.start(['run', '-c', this.config(settings)], via);
  }

  /** `produce` into the topic `logs`, of this standard input, to its end. */
  async produce(
    bootstrap: string,
    input: string,
    ...args: string[]
  ): Promise<{ code: number | NodeJS.Signals; said: string[] }> {
    const daemon = this.start(['produce', '-b', bootstrap, '-t', 'logs', ...args]);
    daemon.child.stdin?.end(input);
    const code = await daemon.ended();
    return { code, said: said(daemon) };
  }
}

/** Every line it said, each `level event: message`, and as it stands what is no log line. The hint that Node 20 is old is left out. */
export function said(daemon: Daemon): string[] {
  return daemon.output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      if (!line.startsWith('{')) return line;
      const { level, event, message } = JSON.parse(line) as Record<string, string>;
      return `${String(level)} ${String(event)}: ${String(message)}`;
    })
    .filter((line) => !line.startsWith('warn oldNode: '));
}

export const STARTED = 'info started: all inputs are being read';
export const STOPPED = 'info stopped: everything that was read is delivered';
