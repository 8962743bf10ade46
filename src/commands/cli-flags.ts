/** Options of the command line as tables: help, checks and "did you mean" are made from them. */

/** The command line is not as `--help` says. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface Flag {
  /** `text` takes a value once, `texts` as often as it is given, `switch` takes none. */
  readonly kind: 'text' | 'texts' | 'switch';
  readonly doc: string;
  /** One letter. */
  readonly short?: string;
  /** Stands for the value in help: `FILE`. */
  readonly value?: string;
  readonly default?: string;
  /** Taken for the sake of other programs' habits, and not in help. */
  readonly isHidden?: true;
}

export type Flags = Readonly<Record<string, Flag>>;

/** What was given, by the long names of the flags. */
export class FlagValues {
  readonly #given: Readonly<Record<string, unknown>>;

  constructor(given: Readonly<Record<string, unknown>>) {
    this.#given = given;
  }

  /** @throws {UsageError} when it is given twice */
  text(name: string): string | undefined {
    const value = this.#given[name];
    if (Array.isArray(value)) throw new UsageError(`--${name} is given ${value.length} times`);
    return typeof value === 'string' ? value : undefined;
  }

  /** @throws {UsageError} when it is not given */
  needed(name: string, flag: Flag): string {
    const value = this.text(name);
    if (value !== undefined) return value;
    throw new UsageError(
      `-${flag.short ?? `-${name}`} ${flag.value ?? ''} is missing: ${flag.doc}`,
    );
  }

  texts(name: string): readonly string[] {
    return [this.#given[name] ?? []].flat().map(String);
  }

  isOn(name: string): boolean {
    return this.#given[name] === true;
  }

  /** @throws {UsageError} when it is no whole number within the bounds */
  count(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new UsageError(
      `--${name} has to be a whole number from ${min} to ${max}, and is "${text}"`,
    );
  }
}

/** yargs takes any word behind a switch for false. @throws {UsageError} */
export function checkSwitches(args: readonly string[], flags: Flags): void {
  for (const arg of args) {
    if (arg === '--') return;
    const [, name = '', value] = /^--([^=]+)=(.*)$/s.exec(arg) ?? [];
    const isSwitch = Object.hasOwn(flags, name) && flags[name]?.kind === 'switch';
    if (!isSwitch || value === 'true' || value === 'false') continue;
    throw new UsageError(`--${name} takes no value: write --${name}, or leave it out`);
  }
}

/** `-tlogs` as getopt has it, for the one-letter options that take a value: kcat's users write `-Xlinger.ms=5`. */
export function withGluedValuesApart(args: readonly string[], flags: Flags): string[] {
  const letters = Object.entries(flags)
    .filter(([, flag]) => flag.kind !== 'switch')
    .map(([name, flag]) => flag.short ?? name);
  const end = args.indexOf('--');
  return args.flatMap((arg, index) => {
    const isGlued = /^-[A-Za-z]./.test(arg) && letters.includes(arg.charAt(1));
    const isOption = isGlued && (end < 0 || index < end);
    return isOption ? [arg.slice(0, 2), arg.slice(2).replace(/^=/, '')] : [arg];
  });
}
