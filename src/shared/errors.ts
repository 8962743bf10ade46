import type { ExitReason } from './exit-codes.ts';

/** One fault of a configuration, with the place it stands at and what to do about it. */
export interface ConfigFault {
  /** `file:line:column`, the flag (`-X linger.ms=x`) or the key it comes from. */
  readonly place: string;
  /** What is wrong, naming the key and the value. */
  readonly problem: string;
  /** What to write instead. */
  readonly fix: string;
}

/** Set-up cannot go on: every fault of the configuration at once, before anything has started. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(
      faults.map((fault) => `${fault.place}: ${fault.problem}\n  fix: ${fault.fix}`).join('\n'),
    );
    this.faults = faults;
  }
}

/** The surroundings do not allow a start or a going on: a file, a socket, a broker. Says the thing, its place and the fix. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
  readonly reason: ExitReason;

  constructor(reason: ExitReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Bytes that do not follow the protocol: from a broker, or from a client of the embedded broker. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}
