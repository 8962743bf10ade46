/** What the demo stands on: a folder, a broker, and the configuration with both of them in it. */
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadConfig } from '../../config/load.ts';
import type { OwnSetting } from '../../config/overrides.ts';
import type { Config } from '../../config/schema.ts';
import { startEmbeddedBroker, type EmbeddedCluster } from '../broker/embedded-broker.ts';
import { present } from '../shared/assert.ts';
import { SetupError } from '../shared/errors.ts';
import type { DemoArgs } from './cli-args.ts';

export interface DemoFolder {
  readonly path: string;
  readonly logPath: string;
  /** What the log is called when it was full. */
  readonly rotatedPath: string;
  /** Covers both: a log that fills in less than a scan's interval is found under its second name. */
  readonly logPattern: string;
  /** Removes it, unless the user named it. */
  close(): void;
}

/**
 * @param named by the user, made when it is not there; undefined: a new one, which goes with the process, however that ends
 * @throws {SetupError} when it cannot be made, or is not for this user to write
 */
export function openDemoFolder(named: string | undefined): DemoFolder {
  if (named !== undefined && /[*?[\]{}()!]/.test(named)) {
    const problem = `--dir ${named}: the tail would take this for a pattern`;
    throw new SetupError('usage', `${problem}. Fix: name a folder without any of *?[]{}()!`);
  }
  try {
    const path = named === undefined ? mkdtempSync(join(tmpdir(), 'millrace-')) : resolve(named);
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK | constants.X_OK);
    const remove = (): void => {
      if (named === undefined) rmSync(path, { recursive: true, force: true });
    };
    // A second signal ends the process at once, past every `finally`.
    process.once('exit', remove);
    const close = (): void => {
      process.off('exit', remove);
      remove();
    };
    return {
      path,
      logPath: join(path, 'sample.log'),
      rotatedPath: join(path, 'sample.1.log'),
      logPattern: join(path, 'sample*.log'),
      close,
    };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = named === undefined ? `no folder can be made in ${tmpdir()}` : named;
    throw new SetupError(
      code === 'EACCES' || code === 'EPERM' ? 'noPermission' : 'cannotCreate',
      `the demo cannot write its files: ${what}: ${message}. Fix: name a folder with --dir that this user can write`,
      { cause: error },
    );
  }
}

const HOST = '127.0.0.1';
/** Kafka's own, where the examples of all the world look for it. */
const PORT = 9092;
const PARTITIONS = 3;
/** Kept of each partition: a demo may run for days, and its broker is in memory. */
const RETENTION_BYTES = 8_000_000;

export interface DemoBroker {
  readonly cluster: EmbeddedCluster;
  /** The port that it would have had is taken. */
  readonly isElsewhere: boolean;
}

/**
 * Starts the broker, at 127.0.0.1:9092 or, when that is taken, at a free port; or where `-X bootstrap.servers` says.
 *
 * @throws {ConfigError | SetupError}
 */
export async function startDemoBroker(args: DemoArgs): Promise<DemoBroker> {
  const usual = `${HOST}:${PORT}`;
  const { kafka, inputs } = loadConfig(args.configFile, {
    ...args.overrides,
    own: [own(['kafka', 'bootstrap.servers'], usual)],
  });
  const [first, ...others] = kafka.bootstrapServers;
  const { host, port } = present(first, 'bootstrap.servers names a broker');
  if (others.length > 0) {
    throw new SetupError(
      'usage',
      'the demo brings a broker of its own: bootstrap.servers can name one address of this machine, where that is to listen. For another Kafka there is millrace run',
    );
  }
  const start = (at: number): Promise<EmbeddedCluster> =>
    startEmbeddedBroker({
      host,
      ports: [at],
      topics: Object.fromEntries(inputs.map(({ topic }) => [topic, PARTITIONS])),
      config: { 'retention.bytes': RETENTION_BYTES },
      requestsKept: 0,
    });
  try {
    return { cluster: await start(port), isElsewhere: false };
  } catch (error) {
    if (!(error instanceof SetupError) || `${host}:${port}` !== usual) throw error;
    return { cluster: await start(0), isElsewhere: true };
  }
}

/**
 * The configuration with the demo's broker, and its folder for log, sockets and state. What the user set by `-X` and `--set` stands.
 *
 * @throws {ConfigError | SetupError}
 */
export function demoConfig(args: DemoArgs, folder: DemoFolder, { cluster }: DemoBroker): Config {
  const broker = own(['kafka', 'bootstrap.servers'], cluster.bootstrap);
  const { inputs } = loadConfig(args.configFile, { ...args.overrides, own: [broker] });
  const placed = inputs.flatMap(({ kind }, index): OwnSetting[] => {
    const nth = inputs.slice(0, index).filter((input) => input.kind === kind).length;
    const at = ['inputs', String(index), kind];
    switch (kind) {
      case 'tail': {
        const path = nth === 0 ? folder.logPattern : join(folder.path, `tail-${nth + 1}.log`);
        return [own([...at, 'paths'], JSON.stringify([path]))];
      }
      case 'socket':
        return [
          own(
            [...at, 'path'],
            join(folder.path, nth === 0 ? 'ingest.sock' : `ingest-${nth + 1}.sock`),
          ),
        ];
      case 'stdin':
        return [];
    }
  });
  const state = own(['state.dir'], join(folder.path, 'state'));
  const config = loadConfig(args.configFile, {
    ...args.overrides,
    own: [broker, state, ...placed],
  });
  const addresses = config.kafka.bootstrapServers.map(({ host, port }) => `${host}:${port}`);
  if (addresses.join(',') === cluster.bootstrap) return config;
  throw new SetupError(
    'cannotCreate',
    `the demo's broker cannot listen on ${addresses.join(',')}: the port is taken. Fix: stop what listens there, or leave bootstrap.servers out`,
  );
}

function own(path: readonly string[], text: string): OwnSetting {
  return { place: 'the demo', path, text };
}
