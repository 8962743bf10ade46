/** The command line: from arguments to a command and its exit code. The only door to yargs. */
import yargs, { type Argv, type Options } from 'yargs';
import { nearest } from '../../config/nearest.ts';
import { exitCodes, type ExitReason } from '../shared/exit-codes.ts';
import { packageVersion } from '../shared/package.ts';
import { commands, type Command } from './cli-commands.ts';
import {
  checkSwitches,
  FlagValues,
  UsageError,
  withGluedValuesApart,
  type Flags,
} from './cli-flags.ts';
import { reportFailure } from './cli-report.ts';

const WIDTH_MAX = 110;
/** yargs leaves a single dash out of positionals: it goes through under another name. */
const DASH = '\0-';

interface Chosen {
  readonly command: Command;
  readonly values: FlagValues;
  readonly operands: readonly string[];
}

/**
 * Runs what the arguments ask for. Failures are told on standard error; nothing is thrown.
 *
 * @param args without the names of node and script
 * @returns exit code
 */
export async function main(args: readonly string[]): Promise<number> {
  let reason: ExitReason;
  try {
    const chosen = await parse(args);
    reason = chosen === undefined ? 'ok' : await chosen.command.run(chosen.values, chosen.operands);
  } catch (error) {
    reason = reportFailure(error, (text) => process.stderr.write(text));
  }
  return exitCodes[reason].code;
}

/** @returns undefined when help or version was asked for, and printed */
async function parse(args: readonly string[]): Promise<Chosen | undefined> {
  const name = args.find((arg) => !arg.startsWith('-')) ?? '';
  const flags = Object.hasOwn(commands, name) ? (commands[name]?.flags ?? {}) : {};
  checkSwitches(args, flags);
  let chosen: Chosen | undefined;
  const cli = yargs(withGluedValuesApart(args, flags).map((arg) => (arg === '-' ? DASH : arg)))
    .scriptName('millrace')
    .usage(
      'Ships files, a Unix socket and standard input into Apache Kafka.\n\n$0 COMMAND [OPTIONS]',
    )
    .parserConfiguration({
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'boolean-negation': false,
      'camel-case-expansion': false,
    })
    .detectLocale(false)
    .exitProcess(false)
    .showHelpOnFail(false)
    .strict()
    .demandCommand(1, 1, 'name a command', 'name one command')
    .help('help')
    .alias('h', 'help')
    .version(packageVersion())
    .alias('V', 'version')
    .epilogue(exitCodeList())
    .wrap(Math.min(process.stdout.columns || WIDTH_MAX, WIDTH_MAX))
    .fail((message, error: Error | undefined) => {
      // yargs throws its own complaints as errors of this name when they come out of the parser.
      if (error !== undefined && error.name !== 'YError') throw error;
      throw usageError(error?.message ?? message, name, flags, args);
    });
  for (const [commandName, command] of Object.entries(commands)) {
    const operands = command.operands?.name;
    cli.command({
      command: operands === undefined ? commandName : `${commandName} [${operands}..]`,
      describe: command.summary,
      builder: (builder: Argv) => withOptions(builder, commandName, command),
      handler: (given) => {
        // What stands after -- is not among the positionals, but behind the command's name.
        const behind = given._.slice(1);
        if (operands === undefined && behind.length > 0) {
          throw usageError(`Unknown argument: ${String(behind[0])}`, name, flags, args);
        }
        const listed = operands === undefined ? [] : [given[operands], behind];
        const files = listed.flat().map((word) => (word === DASH ? '-' : String(word)));
        chosen = { command, values: new FlagValues(given), operands: files };
      },
    });
  }
  await cli.parseAsync();
  return chosen;
}

function withOptions(builder: Argv, name: string, command: Command): Argv {
  for (const [flagName, flag] of Object.entries(command.flags)) {
    const options: Options = {
      describe: flag.value === undefined ? flag.doc : `${flag.value}: ${flag.doc}`,
      type: flag.kind === 'switch' ? 'boolean' : 'string',
      requiresArg: flag.kind !== 'switch',
      hidden: flag.isHidden === true,
      ...(flag.short === undefined ? {} : { alias: flag.short }),
      ...(flag.default === undefined ? {} : { default: flag.default }),
    };
    builder.option(flagName, options);
  }
  for (const [line, doc] of command.examples) builder.example(line, doc);
  const { operands } = command;
  if (operands !== undefined) {
    builder.positional(operands.name, { describe: operands.doc, type: 'string', array: true });
  }
  const shape = `$0 ${name} [OPTIONS]${operands === undefined ? '' : ' [FILES...]'}`;
  return builder
    .usage(`${shape}\n\n${command.summary}`)
    .epilogue('What its exit codes say: millrace --help');
}

function usageError(
  message: string,
  command: string,
  flags: Flags,
  args: readonly string[],
): UsageError {
  const unknown = /^Unknown (argument|command)s?: (.*)$/.exec(message);
  if (unknown === null) return new UsageError(firstLetterLow(message));
  const name = ((unknown[2] ?? '').split(', ')[0] ?? '').replace(DASH, '-');
  if (!Object.hasOwn(commands, command)) {
    const near = nearest(command, Object.keys(commands));
    const hint =
      near === undefined
        ? `there are ${Object.keys(commands).join(', ')}`
        : `did you mean ${near}?`;
    return new UsageError(`there is no command ${command}: ${hint}`);
  }
  if (args.includes(name))
    return new UsageError(`${command} does not know what to do with "${name}"`);
  const near = nearest(name, [...Object.keys(flags), 'help', 'version']);
  const hint = near === undefined ? '' : `: did you mean ${near.length === 1 ? '-' : '--'}${near}?`;
  return new UsageError(`${command} has no option ${name.length === 1 ? '-' : '--'}${name}${hint}`);
}

function firstLetterLow(message: string): string {
  return `${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

function exitCodeList(): string {
  const lines = Object.values(exitCodes).map(
    ({ code, doc }) => `${String(code).padStart(5)}  ${doc}`,
  );
  return `Exit codes:\n${lines.join('\n')}`;
}
