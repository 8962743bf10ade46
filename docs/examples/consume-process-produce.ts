/**
 * Consume, process, produce, exactly once: what is read from one topic goes, changed, to another, and the offsets read so far are committed in the
 * same transaction. However it is stopped, each record is in the output once, for readers of committed records.
 *
 *     node consume-process-produce.js localhost:9092 orders invoices billing billing-1
 *
 * The last argument is the transactional.id: each instance has its own, and keeps it when it starts again.
 */
import { Consumer, type MessagesStream } from '@platformatic/kafka';
import { KafkaError, Producer } from 'millrace';

const RECORDS_MAX = 100;

const [bootstrap = '', input = '', output = '', groupId = '', transactionalId = ''] =
  process.argv.slice(2);
const stop = new AbortController();
let stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined;
process.once('SIGTERM', () => {
  stop.abort();
  void stream?.close();
});

const producer = new Producer({
  'bootstrap.servers': bootstrap,
  'transactional.id': transactionalId,
});
// Shuts out the instance that had the id before, and aborts what it left open.
await patiently(() => producer.initTransactions());

const consumer = new Consumer({
  ...{ groupId, clientId: transactionalId, bootstrapBrokers: bootstrap.split(',') },
  // The transaction commits the offsets.
  autocommit: false,
  ...{ sessionTimeout: 6000, heartbeatInterval: 1000, retries: true },
});
while (!stop.signal.aborted) {
  stream = await consumer.consume({ topics: [input], mode: 'committed', fallbackMode: 'earliest' });
  try {
    await processAll(stream);
  } catch (error) {
    if (!(error instanceof KafkaError) || error.next !== 'abort') throw error;
    await patiently(() => producer.abortTransaction());
    // Again from the last committed offsets.
    await stream.close();
  }
}
await consumer.close(true);
await producer.close();

async function processAll(messages: NonNullable<typeof stream>): Promise<void> {
  const offsets = new Map<number, bigint>();
  let records = 0;
  for await (const { partition, offset, key, value } of messages) {
    if (records === 0) producer.beginTransaction();
    records += 1;
    offsets.set(partition, offset + 1n);
    const processed = value.toString().toUpperCase();
    // A record that fails fails the commit: nobody has to wait for it here.
    producer.send({ topic: output, partition, key, value: processed }, null);
    if (records < RECORDS_MAX && messages.readableLength > 0) continue;
    await producer.sendOffsetsToTransaction(
      Array.from(offsets, ([index, next]) => ({ topic: input, partition: index, offset: next })),
      { groupId, generationId: consumer.generationId, memberId: consumer.memberId ?? '' },
    );
    await patiently(() => producer.commitTransaction());
    records = 0;
    offsets.clear();
  }
}

/** max.block.ms is over: the call goes on, and is waited for again. */
async function patiently(call: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      if (!(error instanceof KafkaError) || error.next !== 'retry') throw error;
    }
  }
}
