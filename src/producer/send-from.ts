import { IllegalArgumentError, type KafkaError } from './errors.ts';
import { isIterable, kindOf, type ProducerRecord } from './record.ts';
import type { RecordSink } from './record-writable.ts';

/** Whatever yields records one after the other: a readable stream, a generator. */
export type RecordStream<K, V> =
  AsyncIterable<ProducerRecord<K, V>> | Iterable<ProducerRecord<K, V>>;

/** What became of a stream. */
export interface SentFrom {
  /** Records that were sent. All of them are acknowledged when there is no failure. */
  readonly count: number;
  /** The first. Nothing was read after it. */
  readonly failure: KafkaError | undefined;
}

type Records<K, V> = Iterator<ProducerRecord<K, V>> | AsyncIterator<ProducerRecord<K, V>>;

/**
 * Sends what a stream yields, and reads no faster than there is memory. A failure ends it at once, also while the stream has nothing to yield.
 *
 * @throws what the stream throws; {IllegalArgumentError} when it is none
 */
export async function sendFrom<K, V>(
  producer: RecordSink<K, V>,
  records: RecordStream<K, V>,
): Promise<SentFrom> {
  const iterator = iteratorOf(records);
  let count = 0;
  let failure: KafkaError | undefined;
  let failed: () => void = () => undefined;
  const next = (): Promise<IteratorResult<ProducerRecord<K, V>> | undefined> =>
    new Promise((resolve, reject) => {
      failed = () => {
        resolve(undefined);
      };
      Promise.resolve(iterator.next()).then(resolve, reject);
    });
  for (;;) {
    const given = await next();
    if (given === undefined || given.done === true) break;
    producer.send(given.value, (error) => {
      if (error === null) return;
      failure ??= error;
      failed();
    });
    count += 1;
    await producer.drain();
    if (failure !== undefined) break;
  }
  if (failure !== undefined) leave(iterator);
  await producer.flush();
  return { count, failure };
}

function iteratorOf<K, V>(records: RecordStream<K, V>): Records<K, V> {
  // Callers without types give anything.
  if (isAsyncIterable(records)) return records[Symbol.asyncIterator]();
  if (isIterable(records)) return records[Symbol.iterator]();
  const given = kindOf(records);
  throw new IllegalArgumentError(
    `sendFrom: the records are a stream or a generator, not ${given}: one record goes to send`,
    { fate: 'notSent' },
  );
}

function isAsyncIterable<T>(value: unknown): value is AsyncIterable<T> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Tells the stream that nothing more is read. It may be in the middle of something: not waited for, and what it says is of no interest. */
function leave<K, V>(iterator: Records<K, V>): void {
  const left = async (): Promise<unknown> => iterator.return?.();
  left().catch(() => undefined);
}
