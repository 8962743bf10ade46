import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { CheckpointStore } from '../checkpoint/checkpoint-store.ts';
import { counted } from '../shared/counted.ts';
import type { Counters } from '../shared/counters.ts';
import type { ExitReason } from '../shared/exit-codes.ts';
import { createTelemetry, type Telemetry } from '../shared/telemetry.ts';
import type { RunArgs } from './cli-args.ts';
import { configuredInputs } from './configured-inputs.ts';
import { ship } from './ship.ts';

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
    const { isComplete, lost, counters } = await ship({
      config,
      telemetry,
      inputs: (gate) => configuredInputs(config, gate, store),
      onStarted: () => telemetry.info('started', 'all inputs are being read'),
    });
    const isSaved = (await store?.close()) ?? true;
    if (!isSaved) {
      const text = `the positions could not be written to ${config.stateDir}: what was delivered since they last were is sent again at the next start`;
      telemetry.error('positionsNotSaved', text);
    }
    const { recordsAcked, recordsRejected, recordsExpired } = counters;
    const refused = recordsRejected + recordsExpired;
    if (isComplete && lost.length === 0) {
      const but =
        refused === 0 ? '' : `, but for ${counted(refused, 'record')} refused or given up`;
      const text = `everything that was read is delivered${but}`;
      telemetry.info('stopped', text, { recordsAcked, recordsRejected, recordsExpired });
      return isSaved ? 'ok' : 'ioError';
    }
    const left = isComplete
      ? `everything that was read is delivered, but lost are ${lost.join(', ')}`
      : leftBehind(config, counters, lost);
    telemetry.warn('stopped', left, { recordsAcked });
    return 'temporary';
  } finally {
    await store?.close();
    await telemetry.close();
  }
}

/** What of an input that cannot be read again is not delivered is lost. */
function leftBehind(
  { drainTimeoutMs, inputs }: Config,
  { lagBytes }: Counters,
  gone: readonly string[],
): string {
  const places = inputs.flatMap((input) => {
    if (input.kind === 'socket') return [`socket ${input.path}`];
    return input.kind === 'stdin' ? ['standard input'] : [];
  });
  const all = places.length === inputs.length;
  const files = all ? [] : ['files go on from there at the next start'];
  const lost = places.length === 0 ? [] : [`what of it came from ${places.join(', ')} is lost`];
  const also = gone.length === 0 ? [] : [`lost are ${gone.join(', ')}`];
  const what = `${counted(lagBytes, 'byte')} of what was read`;
  return `${what} could not be delivered within drain.timeout.ms (${drainTimeoutMs} ms): ${[...files, ...lost, ...also].join('; ')}`;
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
