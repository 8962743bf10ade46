import type { KafkaError } from './errors.ts';
import type { ProducerRecord } from './record.ts';
import type { RecordSink } from './record-writable.ts';

/**
 * Sends what a stream yields, and reads no faster than there is memory.
 *
 * @returns how many records were acknowledged
 * @throws {KafkaError} the first failure; then nothing more is read
 */
export async function sendFrom<K, V>(
  producer: RecordSink<K, V>,
  records: AsyncIterable<ProducerRecord<K, V>>,
): Promise<number> {
  let count = 0;
  let failure: KafkaError | undefined;
  for await (const record of records) {
    producer.send(record, (error) => {
      failure ??= error ?? undefined;
    });
    count += 1;
    await producer.drain();
    if (failure !== undefined) break;
  }
  await producer.flush();
  if (failure !== undefined) throw failure;
  return count;
}
