/** @platformatic/kafka as a line shipper: idempotent, acks=all, sends of about a million bytes spread over all partitions. */
import { Producer, type CompressionAlgorithmValue } from '@platformatic/kafka';
import { lineBatches } from './line-batches.ts';

const [bootstrap = '', topic = '', codec = 'none', file = ''] = process.argv.slice(2);
const producer = new Producer({
  clientId: 'bench',
  bootstrapBrokers: bootstrap.split(','),
  idempotent: true,
  acks: -1,
  compression: codec as CompressionAlgorithmValue,
  autocreateTopics: false,
});
let next = 0;
for await (const lines of lineBatches(file)) {
  const partition = next++ % 6;
  await producer.send({ messages: lines.map((value) => ({ topic, value, partition })) });
}
await producer.close();
