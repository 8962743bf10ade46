import { counted } from './shared/counted.ts';
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
  readonly #telemetry: Telemetry;
  /** By code, topic and message. */
  readonly #sums = new Map<string, { readonly loss: Loss; records: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  add(loss: Loss, records: number): void {
    const key = `${loss.code} ${loss.topic} ${loss.message}`;
    const sum = this.#sums.get(key) ?? { loss, records: 0 };
    sum.records += records;
    this.#sums.set(key, sum);
    this.#timer ??= setTimeout(() => this.say(), SUM_MS).unref();
  }

  /** What was added since the last time. */
  say(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { loss, records } of this.#sums.values()) {
      const { code, topic, error, message } = loss;
      const text = `${counted(records, 'record')} for topic ${topic} lost: ${message}`;
      this.#telemetry.error(code, text, { topic, records, error });
    }
    this.#sums.clear();
  }
}
