import { loadConfig } from '../../config/load.ts';
import type { Config, InputConfig } from '../../config/schema.ts';
import { groupFault } from '../input/socket-path.ts';
import { lookAtBrokers, type Finding } from '../send/broker-preflight.ts';
import type { ExitReason } from '../shared/exit-codes.ts';
import { packageVersion } from '../shared/package.ts';
import type { ValidateArgs } from './cli-args.ts';

/**
 * `millrace validate`: the configuration, and with `connect` the brokers as they are now. Changes nothing.
 *
 * @returns `unavailable` when something about the brokers is not as it should be
 * @throws {ConfigError} with every fault of the configuration
 */
export async function validate(args: ValidateArgs): Promise<ExitReason> {
  const config = loadConfig(args.configFile, args.overrides);
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  say(`${args.configFile}: valid`);
  for (const input of config.inputs) say(`  ${describeInput(input)}`);
  for (const note of [...config.notes, ...notesOfThisMachine(config)]) say(`  note: ${note}`);
  if (!args.connect) return 'ok';

  const findings = await askBrokers(config);
  for (const finding of findings) say(describeFinding(finding));
  const faults = findings.filter(({ kind }) => kind === 'fault').length;
  if (faults === 0) return 'ok';
  say(faults === 1 ? '1 fault' : `${faults} faults`);
  return 'unavailable';
}

function askBrokers({ kafka, inputs }: Config): Promise<Finding[]> {
  return lookAtBrokers({
    bootstrapServers: kafka.bootstrapServers,
    enableIdempotence: kafka.enableIdempotence,
    allowAutoCreateTopics: kafka.allowAutoCreateTopics,
    setupTimeoutMs: kafka.socketConnectionSetupTimeoutMs,
    setupTimeoutMaxMs: kafka.socketConnectionSetupTimeoutMaxMs,
    software: { clientId: kafka.clientId, version: packageVersion() },
    topics: [...new Set(inputs.map(({ topic }) => topic))],
  });
}

/** What `run` would refuse here, and perhaps not where the configuration is for. */
function notesOfThisMachine({ inputs }: Config): string[] {
  return inputs.flatMap((input) => {
    if (input.kind !== 'socket' || input.group === undefined) return [];
    const fault = groupFault(input.group);
    return fault === undefined ? [] : [`socket ${input.path}: ${fault}`];
  });
}

function describeInput(input: InputConfig): string {
  switch (input.kind) {
    case 'tail':
      return `tail ${input.paths.join(', ')} -> ${input.topic}`;
    case 'socket':
      return `socket ${input.path} -> ${input.topic}`;
    case 'stdin':
      return `standard input -> ${input.topic}`;
  }
}

function describeFinding({ kind, thing, message, fix }: Finding): string {
  return kind === 'ok'
    ? `  ok: ${thing}: ${message}`
    : `  FAULT: ${thing}: ${message}\n    fix: ${fix}`;
}
