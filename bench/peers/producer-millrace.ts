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
  let given = 0;
  const room = (): Promise<void> | undefined => {
    given += 1;
    return given % DRAIN_EVERY === 0 ? producer.drain() : undefined;
  };
  return {
    batch: (records) => producer.sendAll(records),
    send: (record) => producer.send(record),
    callback: (record, told) => {
      producer.send(record, told);
      return room();
    },
    fire: (record) => {
      producer.send(record, null);
      return room();
    },
    flush: () => producer.flush(),
    close: () => producer.close(),
  };
});
