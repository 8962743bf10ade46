/** millrace's library under the load of the producer bench. */
import { Producer } from '../../src/index.ts';
import { LINGER_MS } from '../load-shape.ts';
import { runLoad } from './producer-load.ts';

/** Records between two looks at the memory. */
const DRAIN_EVERY = 100;

await runLoad(async ({ bootstrap, topic, codec, style }) => {
  const producer = new Producer({
    'bootstrap.servers': bootstrap,
    'compression.type': codec,
    'linger.ms': style === 'single' || style === 'batch' ? 0 : LINGER_MS,
  });
  await producer.partitionsFor(topic);
  let fired = 0;
  return {
    batch: (records) => producer.sendAll(records),
    send: (record) => producer.send(record),
    fire: (record) => {
      producer.send(record, null);
      fired += 1;
      return fired % DRAIN_EVERY === 0 ? producer.drain() : undefined;
    },
    flush: () => producer.flush(),
    close: () => producer.close(),
  };
});
