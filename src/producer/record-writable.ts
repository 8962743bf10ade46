/**
 * A producer as the end of a Node pipeline: `pipeline(source, producer.writable({ topic }))`.
 * From: any readable stream of records. To: `send`. Bounds: takes no more while memory is full; holds no record itself.
 */
import { Writable } from 'node:stream';
import { isUint8Array } from 'node:util/types';
import type { KafkaError } from './errors.ts';
import { ownRecord, type DeliveryCallback, type ProducerRecord } from './record.ts';

/** What of a producer the stream needs. */
export interface RecordSink<K, V> {
  send(record: ProducerRecord<K, V>, callback: DeliveryCallback): void;
  drain(): Promise<void>;
  flush(): Promise<void>;
}

export interface WritableOptions {
  /** Of the records that name none. */
  readonly topic?: string | undefined;
  /** Records that may wait in the stream before `write` says false. Default: Node's 16. */
  readonly highWaterMark?: number | undefined;
}

/** Text and bytes are values of records for `topic`. What is no record, or has no topic, is refused as `send` refuses it. */
function recordOf<K, V>(written: unknown, topic: string | undefined): ProducerRecord<K, V> {
  const isValue = typeof written === 'string' || isUint8Array(written);
  const record = (isValue ? { value: written } : written) as ProducerRecord<K, V>;
  const isWhole = typeof record !== 'object' || typeof record.topic === 'string';
  // Not spread: what a class inherits would be left behind.
  return isWhole ? record : { ...ownRecord(record), topic: topic as string };
}

/**
 * An object stream of records. A record that fails destroys it with its `KafkaError`; those before it may still be on their way. 'finish' comes
 * when all are acknowledged, which `linger.ms` does not hold up. The producer stays open.
 */
export function recordWritable<K, V>(
  sink: RecordSink<K, V>,
  { topic, highWaterMark }: WritableOptions,
): Writable {
  let failure: KafkaError | undefined;
  const stream = new Writable({
    objectMode: true,
    ...(highWaterMark === undefined ? {} : { highWaterMark }),
    write(written: unknown, _encoding, done) {
      sink.send(recordOf<K, V>(written, topic), (error) => {
        if (error === null || failure !== undefined) return;
        failure = error;
        stream.destroy(error);
      });
      void sink.drain().then(() => {
        done();
      });
    },
    final(done) {
      void sink.flush().then(() => {
        done(failure);
      });
    },
  });
  return stream;
}
