/** kafkajs under the load of the producer bench. It has no call without a promise. */
import { PARTITIONS } from '../load-shape.ts';
import { connectKafkaJs, type KafkaJsMessage } from './kafkajs-producer.ts';
import { runLoad, type LoadRecord } from './producer-load.ts';

await runLoad(async ({ bootstrap, topic, codec }) => {
  const producer = await connectKafkaJs(bootstrap, topic, codec);
  let next = 0;
  const message = ({ key, value }: LoadRecord, partition: number): KafkaJsMessage =>
    key === undefined ? { value, partition } : { key, value };
  // Left to itself it gives each keyless record another partition, and each batch six of them.
  const sendAll = (records: readonly LoadRecord[]): Promise<unknown> => {
    const partition = next++ % PARTITIONS;
    return producer.send(records.map((record) => message(record, partition)));
  };
  return {
    batch: sendAll,
    send: (record) => sendAll([record]),
    close: () => producer.disconnect(),
  };
});
