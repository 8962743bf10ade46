import { basename, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../config/schema.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts';
import type { Input, InputGate } from '../input/input.ts';
import { present } from '../shared/assert.ts';
import type { ExitReason } from '../shared/exit-codes.ts';
import { packageVersion } from '../shared/package.ts';
import type { DemoArgs } from './cli-args.ts';
import { configuredInputs } from './configured-inputs.ts';
import { LiveView } from './demo-live.ts';
import { growingTail, SampleLog } from './demo-log.ts';
import { readBack, type ReadBack } from './demo-read-back.ts';
import { Screen } from './demo-screen.ts';
import { demoConfig, openDemoFolder, startDemoBroker } from './demo-setup.ts';
import type { DemoBroker, DemoFolder } from './demo-setup.ts';
import { counted, greeting, verdict, type DemoPlaces } from './demo-text.ts';
import { openCheckpoint } from './run.ts';
import { ship, type Shipped } from './ship.ts';

/** Two files of it at most lie in the folder. */
const ROTATE_BYTES = 64_000_000;

/**
 * `millrace demo`: a broker, the daemon, and something to ship, until SIGINT or SIGTERM; then it counts what arrived.
 *
 * @returns `ok` when everything that was sent was acknowledged and is stored
 * @throws {ConfigError | SetupError} when it cannot begin, or cannot go on
 */
export async function demo(args: DemoArgs): Promise<ExitReason> {
  const end = watchForEnd();
  const screen = new Screen(process.stdout);
  const giveScreenBack = (): void => screen.clear();
  process.once('exit', giveScreenBack);
  const broker = await startDemoBroker(args);
  try {
    const folder = openDemoFolder(args.folder);
    try {
      const config = demoConfig(args, folder, broker);
      return await shipAndCount({ args, config, folder, broker, screen, end });
    } finally {
      folder.close();
    }
  } finally {
    screen.clear();
    process.off('exit', giveScreenBack);
    await broker.cluster.close();
  }
}

interface Stage {
  readonly args: DemoArgs;
  readonly config: Config;
  readonly folder: DemoFolder;
  readonly broker: DemoBroker;
  readonly screen: Screen;
  readonly end: EndOrder;
}

async function shipAndCount(stage: Stage): Promise<ExitReason> {
  const { config, screen, end, args } = stage;
  const telemetry = screen.telemetry(() => Date.now());
  const store = await openCheckpoint(config, telemetry);
  const log = await createLog(stage);
  let inputs: DemoInputs | undefined;
  let view: LiveView | undefined;
  try {
    const shipped = await ship({
      config,
      telemetry,
      inputs: (gate) => {
        inputs = demoInputs(config, gate, store, log);
        return inputs.all;
      },
      onStarted: (pipeline) => {
        screen.say(greeting(placesOf(stage, log), screen.paint));
        for (const note of notesOf(stage)) screen.say(`  ${screen.paint('dim', note)}`);
        const { tail, sockets } = present(inputs, 'a pipeline that has started has its inputs');
        const codec = config.kafka.compressionType;
        view = new LiveView({ screen, pipeline, log, tail, sockets, codec });
        if (args.seconds !== undefined) setTimeout(end.give, args.seconds * 1000).unref();
      },
      until: end.given.then(() => view?.drain()),
    });
    view?.stop();
    return await count(stage, shipped, log, present(inputs, 'what shipped had inputs').sockets);
  } finally {
    view?.stop();
    await store?.close();
  }
}

async function createLog({ config, folder, args, screen }: Stage): Promise<SampleLog | undefined> {
  const isTailed = config.inputs.some(
    (input) => input.kind === 'tail' && input.paths.includes(folder.logPattern),
  );
  if (!isTailed) return undefined;
  let isRotationTold = false;
  const log = new SampleLog({
    path: folder.logPath,
    rotatedPath: folder.rotatedPath,
    linesPerSecond: args.linesPerSecond,
    rotateBytes: ROTATE_BYTES,
    onRotated: () => {
      if (isRotationTold) return;
      isRotationTold = true;
      const name = basename(folder.rotatedPath);
      const text = `the log was full: it is ${name} now, and the daemon reads on in the new one`;
      screen.say(`  ${screen.paint('dim', text)}`);
    },
  });
  await log.create();
  return log;
}

interface DemoInputs {
  readonly all: readonly Input[];
  /** The one that reads the sample log. */
  readonly tail: Input | undefined;
  readonly sockets: readonly Input[];
}

function demoInputs(
  config: Config,
  gate: InputGate,
  store: CheckpointStore | undefined,
  log: SampleLog | undefined,
): DemoInputs {
  const made = configuredInputs(config, gate, store);
  const kindAt = (index: number): string | undefined => config.inputs[index]?.kind;
  const firstTail = made.findIndex((_, index) => kindAt(index) === 'tail');
  const all = made.map((input, index) =>
    index === firstTail && log !== undefined ? growingTail(input, log) : input,
  );
  return {
    all,
    tail: all[firstTail],
    sockets: all.filter((_, index) => kindAt(index) === 'socket'),
  };
}

function placesOf({ config, broker, args }: Stage, log: SampleLog | undefined): DemoPlaces {
  const configFile = relative('', args.configFile);
  return {
    version: packageVersion(),
    configFile: configFile.startsWith('..') ? args.configFile : configFile,
    log: log?.options,
    sockets: config.inputs.flatMap((input) => (input.kind === 'socket' ? [input.path] : [])),
    bootstrap: broker.cluster.bootstrap,
    topics: topicsOf(config),
    codec: config.kafka.compressionType,
  };
}

function notesOf({ config, broker }: Stage): string[] {
  const isOld = Number.parseInt(process.versions.node) < 22;
  const { node } = process.versions;
  return [
    ...(broker.isElsewhere ? ['port 9092 is taken here, so the broker has another one'] : []),
    ...(isOld ? [`Node ${node} has reached its end of life: Node 24 is the one to use`] : []),
    ...config.notes,
  ];
}

function topicsOf(config: Config): string[] {
  return [...new Set(config.inputs.map(({ topic }) => topic))];
}

/** Asks the broker what it has, and says whether that is what was sent. */
async function count(
  stage: Stage,
  shipped: Shipped,
  log: SampleLog | undefined,
  sockets: readonly Input[],
): Promise<ExitReason> {
  const { config, screen } = stage;
  const { counters, isComplete } = shipped;
  const back = await askWhatIsStored(stage, log, counters.recordsAcked);
  const foreign = config.kafka.enableIdempotence ? back.withoutProducerId : 0;
  const counts = {
    written: log?.lines ?? 0,
    socketBytes: sockets.reduce((sum, socket) => sum + socket.counters.readBytes, 0),
    sent: counters.recordsEncoded,
    acked: counters.recordsAcked,
    stored: back.stored - foreign,
    read: back.read - foreign,
    foreign,
    partitions: back.partitions,
    batches: counters.batchesAcked,
    rawBytes: counters.rawBytes,
    batchBytes: counters.batchBytes,
    codec: config.kafka.compressionType,
    rotations: log?.rotations ?? 0,
  };
  const isWhole = counts.read === counts.stored && counters.longLines === 0;
  const missing = isWhole ? counts.written - back.sampleLines : 0;
  const faults = [
    ...(counts.sent === counts.acked && counts.acked === counts.stored
      ? []
      : ['these three have to be equal']),
    ...(isComplete ? [] : ['not everything was delivered before the drain ended']),
    ...(counters.recordsRejected > 0 ? [`refused: ${counted(counters.recordsRejected)}`] : []),
    ...(counters.recordsExpired > 0 ? [`given up: ${counted(counters.recordsExpired)}`] : []),
    ...(counts.stored > counts.acked ? ['did another program write to the topic?'] : []),
    ...(missing === 0 ? [] : [`of the lines of the sample log, ${counted(missing)} are not there`]),
    ...back.faults,
  ];
  // Where the live line was, there is an empty one now.
  if (!screen.isLive) screen.say('');
  screen.clear();
  screen.say(verdict(counts, faults, screen.paint));
  if (faults.length === 0) return 'ok';
  if (counters.recordsRejected > 0) return 'dataError';
  return isComplete ? 'internal' : 'temporary';
}

/** With acks=0 nobody has waited for the broker: it may still be reading. */
const LATE_MS_MAX = 2000;
const LATE_POLL_MS = 100;

async function askWhatIsStored(
  { config, screen }: Stage,
  log: SampleLog | undefined,
  acked: number,
): Promise<ReadBack> {
  const endpoint = present(config.kafka.bootstrapServers[0], 'the demo has a broker');
  const onProgress = (read: number, kept: number): void => {
    if (!screen.isLive) return;
    screen.draw(screen.paint('dim', `  reading back ${counted(read)} of ${counted(kept)}`));
  };
  const ask = (): Promise<ReadBack> =>
    readBack({
      endpoint,
      topics: topicsOf(config),
      fileOf: (line) => log?.fileOf(line) ?? 0,
      onProgress,
    });
  let back = await ask();
  if (config.kafka.acks !== 0) return back;
  for (let waitedMs = 0; back.stored < acked && waitedMs < LATE_MS_MAX; waitedMs += LATE_POLL_MS) {
    await sleep(LATE_POLL_MS);
    back = await ask();
  }
  return back;
}

/** The order to end: a signal, the time, or a screen that is gone. `ship` hears signals too, and takes a second one for an order to end at once. */
interface EndOrder {
  readonly given: Promise<unknown>;
  readonly give: () => void;
}

function watchForEnd(): EndOrder {
  let give: () => void = () => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, give);
  // Whoever read it has gone: `millrace demo | head`.
  process.stdout.on('error', give);
  return { given, give };
}
