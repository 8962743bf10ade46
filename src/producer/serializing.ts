/** Records whose serializer takes its time: what is sent meanwhile stays behind them, and is no more than may wait. */
import { isPromise } from 'node:util/types';
import type { KafkaError } from './errors.ts';
import { InOrder } from './in-order.ts';
import { asKafkaError } from './intake-errors.ts';
import { ownBytes } from './prepared-record.ts';
import type { Serialized } from './serializers.ts';

export interface SerializingOptions {
  /** max.block.ms. */
  readonly waitMsMax: number;
  /** @returns what takes it back */
  readonly after: (delayMs: number, then: () => void) => () => void;
  /** Why a record fails whose serializer has not answered by then. */
  readonly late: (topic: string) => KafkaError;
}

/** A record of which at least one may be on its way. */
export interface Unserialized {
  readonly topic: string;
  readonly key: Serialized | Promise<Serialized>;
  readonly value: Serialized | Promise<Serialized>;
}

export class Serializing {
  readonly #options: SerializingOptions;
  readonly #order = new InOrder();
  /** What ends the wait of each, and its topic. */
  readonly #waits = new Map<(error: KafkaError) => void, string>();

  constructor(options: SerializingOptions) {
    this.#options = options;
  }

  /** Records in it. */
  get length(): number {
    return this.#order.length;
  }

  /** @param enter called once, or `fail` is, when it is the record's turn; neither throws */
  take(
    { topic, key, value }: Unserialized,
    enter: (key: Serialized, value: Serialized) => void,
    fail: (error: KafkaError) => void,
  ): void {
    // Whoever sent it may change them meanwhile.
    const ownKey = isPromise(key) ? key : ownBytes(key);
    const ownValue = isPromise(value) ? value : ownBytes(value);
    if (!isPromise(ownKey) && !isPromise(ownValue)) {
      this.#order.enter(undefined, () => {
        enter(ownKey, ownValue);
      });
      return;
    }
    const { waitMsMax, after, late } = this.#options;
    let begin = (): void => undefined;
    const ready = new Promise<void>((resolve) => {
      const giveUp = (error: KafkaError): void => {
        end(() => {
          fail(error);
        });
      };
      this.#waits.set(giveUp, topic);
      const end = (then: () => void): void => {
        this.#waits.delete(giveUp);
        untime();
        begin = then;
        resolve();
      };
      const untime = after(Math.max(1, waitMsMax), () => {
        giveUp(late(topic));
      });
      Promise.all([ownKey, ownValue]).then(
        ([key, value]) => {
          end(() => {
            enter(key, value);
          });
        },
        (error: unknown) => {
          giveUp(asKafkaError(error));
        },
      );
    });
    this.#order.enter(ready, () => {
      begin();
    });
  }

  /** No serializer is waited for any more. */
  abandon(why: (topic: string) => KafkaError): void {
    for (const [giveUp, topic] of this.#waits) giveUp(why(topic));
  }

  /** Resolves when all that are in it now have had their turn. */
  passed(): Promise<void> {
    return this.#order.passed();
  }
}
