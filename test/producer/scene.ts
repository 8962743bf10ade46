import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { KafkaError, Producer, type ProducerConfig, type ProducerNotice } from '../../src/index.ts';
import type { Place } from '../support/sent-records.ts';

/** A producer of a cluster, real or embedded, with one worker; closed when the test ends whatever it still has. */
export function newProducer<K = string | Uint8Array, V = string | Uint8Array>(
  t: TestContext,
  cluster: { readonly bootstrap: string },
  config: Partial<ProducerConfig<K, V>> = {},
): Producer<K, V> {
  const servers = { 'bootstrap.servers': cluster.bootstrap, workers: 1 };
  const producer = new Producer<K, V>({ ...servers, ...config });
  t.after(() => producer.close(0));
  return producer;
}

/** All that a producer gives notice of from now on. */
export function heard(producer: Producer): ProducerNotice[] {
  const notices: ProducerNotice[] = [];
  producer.on('notice', (notice) => notices.push(notice));
  return notices;
}

/** What a rejection is. */
export async function failure(promise: Promise<unknown>): Promise<KafkaError> {
  const end = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(end instanceof KafkaError, `rejected with a KafkaError, not ${String(end)}`);
  return end;
}

/** Every third without a key. */
export function keyedAndKeyless(number: number): Place {
  return number % 3 === 2 ? {} : { key: `key${number % 100}` };
}
