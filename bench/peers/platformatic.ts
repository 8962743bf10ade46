/** @platformatic/kafka as a line shipper: sends of about a million bytes spread over all partitions. */
import { PARTITIONS } from '../load-shape.ts';
import { lineBatches } from './line-batches.ts';
import { platformaticProducer } from './platformatic-producer.ts';

const [bootstrap = '', topic = '', codec = 'none', file = ''] = process.argv.slice(2);
const producer = platformaticProducer(bootstrap, codec);
let next = 0;
for await (const lines of lineBatches(file)) {
  const partition = next++ % PARTITIONS;
  await producer.send({ messages: lines.map((value) => ({ topic, value, partition })) });
}
await producer.close();
