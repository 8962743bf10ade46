/**
 * A producer as the end of a Node pipeline: `pipeline(source, producer.writable({ topic }))`.
 * From: any readable stream of records. To: `send`. Bounds: takes no more while memory is full; holds no record itself.
 */
import { Writable } from 'node:stream';
import type { KafkaError } from './errors.ts';
import type { ProducerRecord } from './record.ts';
import type { DeliveryCallback } from './record-delivery.ts';

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

/** What is written to the stream. */
type WrittenRecord<K, V> = Omit<ProducerRecord<K, V>, 'topic'> & {
  readonly topic?: string | undefined;
};

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
    write(record: WrittenRecord<K, V>, _encoding, done) {
      // Without any topic it is refused as `send` refuses it.
      const whole = { ...record, topic: record.topic ?? topic } as ProducerRecord<K, V>;
      sink.send(whole, (error) => {
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
