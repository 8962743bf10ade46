import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { kcatRead } from './kcat.ts';
import { LineAudit, numberedLines } from './numbered-lines.ts';

const run = promisify(execFile);

export const LINE_BYTES = 227;
const STEP_LINES = 1000;

/** Lines that make about so many bytes, a multiple of what is written at a time. */
export function linesOf(bytes: number): number {
  return Math.max(1, Math.floor(bytes / (LINE_BYTES + 1) / STEP_LINES)) * STEP_LINES;
}

/** How fast a source writes. */
export interface Pace {
  /** Spread evenly over so many milliseconds. */
  readonly overMs: number;
  /** Whether it writes on, at the same pace, when it has written all it had to. */
  readonly goesOn: () => boolean;
}

const AT_ONCE: Pace = { overMs: 0, goesOn: () => false };
const POLL_MS = 200;
/** 100 MB of input in `npm test`, 1 GB in `npm run test:full`. */
export const isFull = process.env['MILLRACE_FULL'] === '1';
export const shipmentBytes = isFull ? 1e9 : 100e6;

export interface ShipmentOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly codec: string;
  /** Further keys of the producer. */
  readonly kafka?: Readonly<Record<string, string | number>>;
  readonly workers?: number;
}

/** A folder with a config, files to tail and a socket path; goes when the test ends. */
export class Shipment {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-shipment-'));
  readonly socket = join(this.folder, 'in.sock');
  readonly config = join(this.folder, 'millrace.yaml');
  readonly topic: string;
  readonly bootstrap: string;
  readonly expected = new Map<string, number>();

  constructor(options: ShipmentOptions) {
    this.topic = options.topic;
    this.bootstrap = options.bootstrap;
    const kafka = {
      'bootstrap.servers': options.bootstrap,
      'compression.type': options.codec,
      'allow.auto.create.topics': false,
      ...options.kafka,
    };
    const config = {
      kafka,
      inputs: [
        { tail: { paths: [join(this.folder, '*.log')], topic: options.topic, from: 'beginning' } },
        { socket: { path: this.socket, topic: options.topic } },
      ],
      workers: options.workers ?? 2,
      'state.dir': join(this.folder, 'state'),
    };
    // JSON is YAML.
    writeFileSync(this.config, JSON.stringify(config, undefined, 1));
  }

  get lines(): number {
    return [...this.expected.values()].reduce((sum, lines) => sum + lines, 0);
  }

  /** Where a source called `name` writes: a tailed file, or a connection to the socket. */
  file(name: string): Writable {
    return createWriteStream(join(this.folder, `${name}.log`), { flags: 'a' });
  }

  async connection(): Promise<Writable> {
    const socket = connect(this.socket);
    await once(socket, 'connect');
    return socket;
  }

  /** Writes `lines` numbered lines into a file or connection, as fast as it takes them or as `pace` says. */
  async write(source: string, to: Writable, lines: number, pace: Pace = AT_ONCE): Promise<void> {
    const begun = Date.now();
    const step = Math.min(STEP_LINES, lines);
    let written = 0;
    while (written < lines || pace.goesOn()) {
      const bytes = numberedLines(source, written, written + step, LINE_BYTES);
      written += step;
      this.expected.set(source, written);
      if (!to.write(bytes)) await once(to, 'drain');
      const early = begun + pace.overMs * (written / lines) - Date.now();
      if (early > 0) await sleep(early);
    }
    to.end();
    await once(to, 'close');
  }

  /** Two files and two connections at once, each with a quarter of `bytes`. */
  async writeAll(bytes: number, pace: Pace = AT_ONCE): Promise<void> {
    const lines = linesOf(bytes / 4);
    await Promise.all([
      this.write('file-a', this.file('file-a'), lines, pace),
      this.write('file-b', this.file('file-b'), lines, pace),
      this.write('client-a', await this.connection(), lines, pace),
      this.write('client-b', await this.connection(), lines, pace),
    ]);
  }

  /** Records in the topic by the brokers' own offsets, asked with kcat. */
  async stored(partitions: number): Promise<number> {
    const ask = Array.from({ length: partitions }, (_, p) => [
      '-t',
      `${this.topic}:${p}:-1`,
    ]).flat();
    const { stdout } = await run('kcat', ['-Q', '-b', this.bootstrap, ...ask]);
    return [...stdout.matchAll(/offset (\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
  }

  /** Waits until the topic holds at least `records`. */
  async untilStored(
    partitions: number,
    records: number,
    timeoutMs: number,
    alive: () => string,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const stored = await this.stored(partitions).catch(() => 0);
      if (stored >= records) return;
      if (Date.now() > deadline)
        throw new Error(
          `${stored} of ${records} records are stored after ${timeoutMs} ms; ${alive()}`,
        );
      await sleep(POLL_MS);
    }
  }

  async audit(): Promise<LineAudit> {
    const audit = new LineAudit(this.expected, LINE_BYTES);
    await kcatRead(this.bootstrap, this.topic, (partition, line) => audit.read(partition, line));
    return audit;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
