import type { TestContext } from 'node:test';
import { Producer, type ProducerConfig, type ProducerNotice } from '../../src/index.ts';
import type { KafkaCluster } from '../support/kafka-cluster.ts';

/** A producer of a real cluster, closed when the test ends whatever it still has. */
export function newProducer(
  t: TestContext,
  kafka: KafkaCluster,
  config: ProducerConfig<string | Uint8Array, string | Uint8Array> = {},
): Producer {
  const producer = new Producer({ 'bootstrap.servers': kafka.bootstrap, workers: 1, ...config });
  t.after(() => producer.close(0));
  return producer;
}

/** All that a producer gives notice of from now on. */
export function heard(producer: Producer): ProducerNotice[] {
  const notices: ProducerNotice[] = [];
  producer.on('notice', (notice) => notices.push(notice));
  return notices;
}
