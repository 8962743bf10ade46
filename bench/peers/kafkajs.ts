/** kafkajs as a line shipper: one send of about a million bytes at a time over all partitions. */
import { connectKafkaJs } from './kafkajs-producer.ts';
import { lineBatches } from './line-batches.ts';

const [bootstrap = '', topic = '', codec = 'none', file = ''] = process.argv.slice(2);
const producer = await connectKafkaJs(bootstrap, topic, codec);
for await (const lines of lineBatches(file)) {
  await producer.send(lines.map((value) => ({ value })));
}
await producer.disconnect();
