import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { CheckpointStore } from '../checkpoint/checkpoint-store.ts';
import { counted } from '../shared/counted.ts';
import type { ExitReason } from '../shared/exit-codes.ts';
import { createTelemetry, type Telemetry } from '../shared/telemetry.ts';
import type { RunArgs } from './cli-args.ts';
import { configuredInputs } from './configured-inputs.ts';
import { ship, type Shipped } from './ship.ts';

/**
 * `millrace run`: ships what the inputs yield until SIGTERM or SIGINT, or until all inputs have ended.
 *
 * @throws {ConfigError | SetupError} before anything is read, or when it cannot go on
 */
export async function run(args: RunArgs): Promise<ExitReason> {
  const config = loadConfig(args.configFile, args.overrides);
  const telemetry = createTelemetry(config.log);
  for (const note of config.notes) telemetry.info('configNote', note);
  warnOfOldNode(telemetry);
  let store: CheckpointStore | undefined;
  try {
    store = await openCheckpoint(config, telemetry);
    const shipped = await ship({
      config,
      telemetry,
      inputs: (gate) => configuredInputs(config, gate, store),
      rest: fateOfRest(config),
      onStarted: () => telemetry.info('started', 'all inputs are being read'),
    });
    const isSaved = (await store?.close()) ?? true;
    if (!isSaved) {
      const text = `the positions could not be written to ${config.stateDir}: what was delivered since they last were is sent again at the next start`;
      telemetry.error('positionsNotSaved', text);
    }
    const end = conclude(config, shipped, telemetry);
    return end === 'ok' && !isSaved ? 'ioError' : end;
  } finally {
    await store?.close();
    await telemetry.close();
  }
}

function conclude(
  config: Config,
  { isComplete, broken, lost, counters, verb, fields }: Shipped,
  telemetry: Telemetry,
): ExitReason {
  const { recordsAcked, recordsRejected, recordsExpired, lagBytes } = counters;
  if (!isComplete) {
    const left = `${counted(lagBytes, 'byte')} of what was read could not be delivered within drain.timeout.ms (${config.drainTimeoutMs} ms)`;
    const text = `${left}: ${[fateOfRest(config), ...lostOf(lost)].join('; ')}`;
    telemetry.warn('stopped', text, { recordsAcked });
    return 'temporary';
  }
  const refused = recordsRejected + recordsExpired;
  const buts = [
    ...(refused === 0 ? [] : [`but for ${counted(refused, 'record')} refused or given up`]),
    ...broken.map((input) => `but ${input} could not be read further`),
    ...lostOf(lost).map((text) => `but ${text}`),
  ];
  const text = [`everything that was read is ${verb}`, ...buts].join(', ');
  if (buts.length === 0) telemetry.info('stopped', text, fields);
  else telemetry.warn('stopped', text, fields);
  if (recordsRejected > 0) return 'dataError';
  if (recordsExpired > 0) return 'unavailable';
  if (broken.length > 0) return 'ioError';
  return lost.length > 0 ? 'temporary' : 'ok';
}

function lostOf(contents: readonly string[]): string[] {
  return contents.length === 0 ? [] : [`lost are ${contents.join(', ')}`];
}

/** What of an input that cannot be read again is not delivered is lost. */
function fateOfRest({ inputs }: Config): string {
  const places = inputs.flatMap((input) => {
    if (input.kind === 'socket') return [`socket ${input.path}`];
    return input.kind === 'stdin' ? ['standard input'] : [];
  });
  const all = places.length === inputs.length;
  const files = all ? [] : ['files go on from there at the next start'];
  const lost = places.length === 0 ? [] : [`what of it came from ${places.join(', ')} is lost`];
  return [...files, ...lost].join('; ');
}

/** The state directory, taken for this process; undefined when no input needs one. @throws {SetupError} */
export async function openCheckpoint(
  config: Config,
  telemetry: Telemetry,
): Promise<CheckpointStore | undefined> {
  if (!config.inputs.some((input) => input.kind === 'tail')) return undefined;
  return CheckpointStore.open({
    directory: config.stateDir,
    report: ({ event, message }) => {
      if (event === 'checkpointWriteRecovered') telemetry.info(event, message);
      else telemetry.error(event, message);
    },
  });
}

/** Node 20 has reached its end of life, and zstd there is WebAssembly instead of native code. */
function warnOfOldNode(telemetry: Telemetry): void {
  if (Number.parseInt(process.versions.node) >= 22) return;
  const { node } = process.versions;
  const text = `Node ${node} has reached its end of life, and compresses zstd at half the speed: use Node 24`;
  telemetry.warn('oldNode', text);
}
