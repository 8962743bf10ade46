/** What `run`, `produce` and `demo` share: a pipeline from its start to its orderly end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../config/schema.ts';
import type { Input, InputGate } from '../input/input.ts';
import { Pipeline } from '../pipeline.ts';
import type { Counters } from '../shared/counters.ts';
import { exitCodes, type ExitReason } from '../shared/exit-codes.ts';
import type { Telemetry } from '../shared/telemetry.ts';

export interface ShipOptions {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly inputs: (gate: InputGate) => readonly Input[];
  /** As `PipelineOptions` has it. */
  readonly topicWaitMaxMs?: number;
  /** The first records that are given up end it, as a signal does, instead of reading on into the void. */
  readonly endsWhenGivenUp?: boolean;
  /** What becomes of what is not delivered when a second signal ends it at once. */
  readonly rest?: string;
  /** Everything reads now. */
  readonly onStarted?: (pipeline: Pipeline) => void;
  /** Ends it, as a signal does. */
  readonly until?: Promise<unknown>;
}

export interface Shipped {
  /** It was told to stop, before the inputs had ended. */
  readonly isCut: boolean;
  /** Everything that was read is delivered. */
  readonly isComplete: boolean;
  /** Inputs that ended because they could not be read further, each for a message. */
  readonly broken: readonly string[];
  /** What nobody can read again and is not delivered, each for a message. */
  readonly lost: readonly string[];
  readonly counters: Counters;
  /** What may be said of the records that Kafka took: with acks=0 nobody knows more than that they went out. */
  readonly verb: 'delivered' | 'sent, with acks=0';
  /** Of the last line of the log. */
  readonly fields: Readonly<Record<string, number>>;
}

/**
 * Runs until all inputs have ended, or a signal comes; then delivers what was read. After a signal that takes at most `drain.timeout.ms`, and a
 * second signal ends the process at once.
 *
 * @throws {SetupError} it cannot start, or cannot go on
 */
export async function ship(options: ShipOptions): Promise<Shipped> {
  const { config, telemetry } = options;
  const stopAsked = firstSignal(telemetry, options.rest);
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // It may fail when nobody waits for it any more.
  failed.catch(() => undefined);
  let giveUpAll: () => void = () => undefined;
  const givenUp = new Promise<void>((resolve) => {
    giveUpAll = resolve;
  });
  const { inputs, topicWaitMaxMs = Infinity, endsWhenGivenUp = false } = options;
  const pipeline = await Pipeline.create({
    ...{ config, telemetry, inputs, topicWaitMaxMs },
    onGivenUp: () => {
      if (endsWhenGivenUp) giveUpAll();
    },
    onFault: (error) => fail(error),
  });
  try {
    await pipeline.start();
    options.onStarted?.(pipeline);
    const ends = [stopAsked, givenUp, options.until ?? stopAsked];
    const told = Promise.race(ends).then(() => true);
    const isCut = await Promise.race([told, failed, pipeline.ended().then(() => false)]);
    const giveUp = stopAsked.then(() => sleep(config.drainTimeoutMs, undefined, { ref: false }));
    const isComplete = await Promise.race([pipeline.stop(giveUp), failed]);
    const lost = pipeline.undelivered();
    const { broken } = pipeline;
    const counters = pipeline.counters();
    const { recordsAcked, recordsRejected, recordsExpired, longLines, emptyLines } = counters;
    const fields = { recordsAcked, recordsRejected, recordsExpired, longLines, emptyLines };
    const verb = config.kafka.acks === 0 ? 'sent, with acks=0' : 'delivered';
    return { isCut, isComplete, broken, lost, counters, verb, fields };
  } catch (error) {
    await pipeline.stop(Promise.resolve());
    throw error;
  }
}

const cutShort: Readonly<Record<string, ExitReason>> = {
  SIGINT: 'interrupted',
  SIGTERM: 'terminated',
};

/** One Ctrl-C comes from the terminal, and again from a program between that hands it on, as npm does. A second one takes a hand longer. */
const ECHO_MS = 100;

/** Resolves with the first SIGINT or SIGTERM, an order to end in good order; the second is an order to end at once. */
function firstSignal(telemetry: Telemetry, rest?: string): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let askedMs: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      const nowMs = performance.now();
      if (askedMs !== undefined) {
        if (nowMs - askedMs < ECHO_MS) return;
        const left = `what is not delivered is left${rest === undefined ? '' : `: ${rest}`}`;
        telemetry.warn('cutShort', `second signal: ending at once, ${left}`);
        const { code } = exitCodes[cutShort[signal] ?? 'unexpected'];
        void telemetry.close().then(() => process.exit(code));
        return;
      }
      askedMs = nowMs;
      resolve(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}
