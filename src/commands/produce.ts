import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import type { Input, InputGate } from '../input/input.ts';
import { StandardInput } from '../input/stdin.ts';
import { Tail } from '../input/tail.ts';
import { counted } from '../shared/counted.ts';
import { SetupError } from '../shared/errors.ts';
import type { ExitReason } from '../shared/exit-codes.ts';
import { createTelemetry, type Telemetry } from '../shared/telemetry.ts';
import { routeSpec } from '../stage-settings.ts';
import type { ProduceArgs } from './cli-args.ts';
import { ship, type Shipped } from './ship.ts';

/**
 * A topic that was just created is not known to every broker at once. kcat's users wait 30 s for librdkafka to give up, Java's 60 s (max.block.ms);
 * brokers in KRaft mode know it within a second.
 */
const TOPIC_WAIT_MS = 5000;

/**
 * `millrace produce`: ships files or standard input to the end, says how many records Kafka has, and ends. Brokers that are down are waited for up
 * to `delivery.timeout.ms`, a topic that does not exist for a few seconds: a script must not hang for ever. A record that is refused is said,
 * counted, and the others go on.
 *
 * @throws {ConfigError | SetupError} before anything is read, or when it cannot go on
 */
export async function produce(args: ProduceArgs): Promise<ExitReason> {
  const config = loadConfig(undefined, args.overrides);
  const telemetry = createTelemetry(config.log);
  for (const note of config.notes) telemetry.info('configNote', note);
  try {
    const inputs = (gate: InputGate): Input[] => [inputOf(config, gate, args.files)];
    const patience = { topicWaitMaxMs: TOPIC_WAIT_MS, endsWhenGivenUp: true };
    return conclude(await ship({ config, telemetry, inputs, ...patience }), telemetry);
  } finally {
    await telemetry.close();
  }
}

function conclude(
  { isCut, isComplete, broken, counters, verb, fields }: Shipped,
  telemetry: Telemetry,
): ExitReason {
  const { recordsAcked, recordsRejected, recordsExpired } = counters;
  const lost = recordsRejected + recordsExpired;
  const delivered = `${counted(recordsAcked, 'record')} ${verb}`;
  if (lost > 0) {
    const rest = isCut ? ', the rest of the input was not read' : '';
    const text = `${delivered}, ${lost} refused or given up${rest}`;
    telemetry.error('produced', text, fields);
    return recordsRejected > 0 ? 'dataError' : 'unavailable';
  }
  if (broken.length > 0) {
    const text = `${delivered}, then ${broken.join()} could not be read`;
    telemetry.error('produced', text, fields);
    return 'ioError';
  }
  if (isComplete && !isCut) {
    telemetry.info('produced', delivered, fields);
    return 'ok';
  }
  const text = `stopped early: ${delivered}, the rest of the input was not`;
  telemetry.warn('produced', text, fields);
  return 'temporary';
}

function inputOf(config: Config, gate: InputGate, files: readonly string[]): Input {
  const input = config.inputs[0];
  if (input?.kind !== 'stdin') {
    throw new SetupError('usage', 'produce reads files or standard input, and nothing else');
  }
  const route = routeSpec(input);
  if (files.length === 0) return new StandardInput(gate, { route });
  return new Tail(gate, {
    id: 'produce',
    paths: files,
    from: 'beginning',
    follow: false,
    require: true,
    route: () => route,
  });
}
