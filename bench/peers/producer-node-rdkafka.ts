/** node-rdkafka under the load of the producer bench: a call a record, and its delivery report where the style waits for one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CALL_BYTES, LINGER_MS } from '../load-shape.ts';
import { loadNodeRdkafka } from './node-rdkafka.ts';
import { runLoad, type LoadRecord, type Told } from './producer-load.ts';

const POLL_MS = 1;
const END_MS = 60_000;

await runLoad(async ({ bootstrap, codec, style }) => {
  const { Producer, CODES } = loadNodeRdkafka();
  const lingersNot = style === 'single' || style === 'batch';
  const producer = new Producer(
    {
      ...{ 'bootstrap.servers': bootstrap, 'compression.codec': codec },
      ...{ 'enable.idempotence': true, 'linger.ms': lingersNot ? 0 : LINGER_MS },
      ...{ 'batch.size': CALL_BYTES, dr_cb: style !== 'fire' },
    },
    { acks: -1 },
  );
  await promisify(producer.connect.bind(producer))({});
  producer.setPollInterval(POLL_MS);
  producer.on('delivery-report', (error, { opaque }) => opaque(error));

  const tryToSend = ({ topic, value, key }: LoadRecord, told?: Told): boolean => {
    try {
      producer.produce(topic, null, value, key, null, told);
      return true;
    } catch (error) {
      if ((error as { code?: number }).code !== CODES.ERRORS.ERR__QUEUE_FULL) throw error;
      return false;
    }
  };
  const sendLater = async (record: LoadRecord, told?: Told): Promise<void> => {
    do await sleep(POLL_MS);
    while (!tryToSend(record, told));
  };
  /** Waits as long as its queue is full. */
  const hand = (record: LoadRecord, told?: Told): Promise<void> | undefined =>
    tryToSend(record, told) ? undefined : sendLater(record, told);
  const send = (record: LoadRecord): Promise<void> =>
    new Promise((resolve, reject) => {
      void hand(record, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  return {
    batch: (records) => Promise.all(records.map(send)),
    callback: hand,
    send,
    fire: (record) => hand(record),
    flush: () => promisify(producer.flush.bind(producer))(END_MS),
    close: () => promisify(producer.disconnect.bind(producer))(END_MS),
  };
});
