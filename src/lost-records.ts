import { counted } from './shared/counted.ts';
import { Sums } from './shared/sums.ts';
import type { Telemetry } from './shared/telemetry.ts';

/** Why records are not in Kafka and will not be. */
export interface Loss {
  /** Of the log line: `recordsRejected`, `recordsGivenUp`. */
  readonly code: string;
  readonly topic: string;
  /** Kafka's name of the error, or ours. */
  readonly error: string;
  /** What is wrong, and the fix. */
  readonly message: string;
}

const SUM_MS = 1000;

/** Says which records are lost, and why: one line a second for each reason, not one for each batch. */
export class LostRecords {
  readonly #sums: Sums<Loss>;

  constructor(telemetry: Telemetry) {
    this.#sums = new Sums(SUM_MS, SUM_MS, ({ code, topic, error, message }, records) => {
      const text = `${counted(records, 'record')} for topic ${topic} lost: ${message}`;
      telemetry.error(code, text, { topic, records, error });
    });
  }

  add(loss: Loss, records: number): void {
    this.#sums.add(`${loss.code} ${loss.topic} ${loss.message}`, loss, records);
  }

  /** What was added since the last time. */
  say(): void {
    this.#sums.say();
  }
}
