/** @platformatic/kafka under the load of the producer bench; its stream is what it has for records without a promise. */
import { once } from 'node:events';
import { LINGER_MS, PARTITIONS, recordsInCall } from '../load-shape.ts';
import { platformaticProducer } from './platformatic-producer.ts';
import { runLoad, WINDOW, type LoadRecord } from './producer-load.ts';

/** A message as it takes it. */
interface Message {
  topic: string;
  value: Buffer;
  key?: Buffer;
  partition?: number;
}

await runLoad(async ({ bootstrap, codec, valueBytes }) => {
  const producer = platformaticProducer(bootstrap, codec);
  await producer.initIdempotentProducer({});
  let next = 0;
  const message = ({ topic, key, value }: LoadRecord, partition: number): Message =>
    key === undefined ? { topic, value, partition } : { topic, key, value };
  // Left to itself it gives each keyless record another partition, and each batch six of them.
  const turn = (every: number): number => Math.floor(next++ / every) % PARTITIONS;
  const size = recordsInCall(valueBytes);
  const stream = producer.asStream({ batchSize: size, batchTime: LINGER_MS, highWaterMark: size });
  let fired = 0;
  let acked = 0;
  let open = 0;
  let hasRoom: (() => void) | undefined;
  stream.on('flush', ({ count }: { count: number }) => (acked += count));
  return {
    batch: (records) => {
      const partition = turn(1);
      return producer.send({ messages: records.map((record) => message(record, partition)) });
    },
    send: (record) => producer.send({ messages: [message(record, turn(1))] }),
    callback: (record, told) => {
      open += 1;
      producer.send({ messages: [message(record, turn(1))] }, (error) => {
        open -= 1;
        hasRoom?.();
        told(error);
      });
      return open < WINDOW ? undefined : new Promise<void>((resolve) => (hasRoom = resolve));
    },
    fire: (record) => {
      fired += 1;
      return stream.write(message(record, turn(size))) ? undefined : once(stream, 'drain');
    },
    flush: async () => {
      while (acked < fired) await once(stream, 'flush');
    },
    close: async () => {
      await stream.close();
      await producer.close();
    },
  };
});
