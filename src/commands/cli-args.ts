/** What the command line hands to each command. A command's module exports one function of these, which ends with an exit reason. */
import type { Overrides } from '../../config/overrides.ts';

/** `src/commands/run.ts`: `run(args: RunArgs): Promise<ExitReason>`. */
export interface RunArgs {
  /** As the user named it. For `loadConfig(configFile, overrides)`, also at a reload. */
  readonly configFile: string;
  readonly overrides: Overrides;
}

/** `src/commands/produce.ts`: `produce(args: ProduceArgs): Promise<ExitReason>`. */
export interface ProduceArgs {
  /** Complete: `loadConfig(undefined, overrides)` has one `stdin` input with topic and framing, which hold for `files` too. */
  readonly overrides: Overrides;
  /** In this order; empty for standard input. */
  readonly files: readonly string[];
}

/** `src/commands/validate.ts`: `validate(args: ValidateArgs): Promise<ExitReason>`. */
export interface ValidateArgs extends RunArgs {
  /** Asks the brokers too. */
  readonly connect: boolean;
}

/** `src/commands/broker.ts`: `broker(args: BrokerArgs): Promise<ExitReason>`. */
export interface BrokerArgs {
  readonly host: string;
  /** One for each node. */
  readonly ports: readonly number[];
  /** Name to partitions. */
  readonly topics: Readonly<Record<string, number>>;
  /** Of topics that are made when asked for. */
  readonly partitions: number;
  readonly autoCreate: boolean;
  readonly discard: boolean;
}

/** `src/commands/demo.ts`: `demo(args: DemoArgs): Promise<ExitReason>`. */
export interface DemoArgs {
  /** The example configuration, unless another is named. */
  readonly configFile: string;
  /** The user's own; the demo adds its folder, socket and broker as `own`. */
  readonly overrides: Overrides;
  /** For log, socket and state; undefined: a new one, removed at the end. */
  readonly folder: string | undefined;
  /** How fast the sample log grows. */
  readonly linesPerSecond: number;
  /** Ends by itself after so long; undefined: with Ctrl-C. */
  readonly seconds: number | undefined;
}
