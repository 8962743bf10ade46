/**
 * node-rdkafka, and the tool of librdkafka that lies in it, where they build: neither can be had without a compiler, so they stay outside the
 * project.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { userInfo } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { node24 } from '../../test/support/project.ts';
import type { Told } from './producer-load.ts';

const VERSION = '3.6.1';
/** Its compiler takes two minutes: what was built once stays, for every program of the bench, whatever TMPDIR it has. */
const folder = join('/var/tmp', `millrace-bench-node-rdkafka-${VERSION}-${userInfo().username}`);
const home = join(folder, 'node_modules/node-rdkafka');
const addon = join(home, 'build/Release/node-librdkafka.node');

/** librdkafka's own load program. */
export const rdkafkaPerformance = join(home, 'deps/librdkafka/examples/rdkafka_performance');

/** @returns why they cannot take part; undefined when they are built */
export function buildNodeRdkafka(): string | undefined {
  if (existsSync(addon) && existsSync(rdkafkaPerformance)) return undefined;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}');
  const install = ['install', '--no-audit', '--no-fund', `node-rdkafka@${VERSION}`];
  const { status, stderr } = spawnSync('npm', install, {
    cwd: folder,
    encoding: 'utf8',
    env: {
      ...process.env,
      // Built by the Node that runs it, and with the headers that lie beside that Node.
      PATH: `${dirname(node24)}${delimiter}${process.env['PATH'] ?? ''}`,
      npm_config_nodedir: dirname(dirname(node24)),
    },
  });
  if (existsSync(addon) && existsSync(rdkafkaPerformance)) return undefined;
  return `npm cannot build node-rdkafka ${VERSION} (exit ${String(status)}): ${stderr.trim()}`;
}

/** What the bench uses of it. */
export interface RdkafkaProducer {
  connect(options: object, done: (error: Error | null) => void): void;
  /** @param opaque comes back with the delivery report */
  produce(
    topic: string,
    partition: null,
    value: Buffer,
    key: Buffer | undefined,
    timestamp: null,
    opaque?: Told,
  ): void;
  setPollInterval(intervalMs: number): void;
  on(
    event: 'delivery-report',
    listener: (error: Error | null, report: { readonly opaque: Told }) => void,
  ): void;
  flush(timeoutMs: number, done: (error: Error | null) => void): void;
  disconnect(timeoutMs: number, done: (error: Error | null) => void): void;
}

interface NodeRdkafka {
  readonly Producer: new (settings: object, topicSettings: object) => RdkafkaProducer;
  readonly CODES: { readonly ERRORS: { readonly ERR__QUEUE_FULL: number } };
}

export function loadNodeRdkafka(): NodeRdkafka {
  return createRequire(import.meta.url)(home) as NodeRdkafka;
}
