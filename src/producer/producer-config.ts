/** What `new Producer` is told: Kafka's keys by Kafka's names, and the functions that stand where Java has classes. */
import type { SettingValue } from '../../config/producer-config.ts';
import type { Partitioner } from './partitioners.ts';
import type { ProducerInterceptor } from './interceptors.ts';
import type { Serializer, SerializerName } from './serializers.ts';

/** Settings that are functions, or names of ours. */
export interface ProducerOwnSettings<K, V> {
  /** Default: text and bytes as they are. */
  readonly 'key.serializer'?: Serializer<K> | SerializerName | undefined;
  /** Default: text and bytes as they are. */
  readonly 'value.serializer'?: Serializer<V> | SerializerName | undefined;
  /** Default: the key decides, as in Java; what has none goes where there is room (KIP-480, KIP-794). */
  readonly 'partitioner.class'?: 'roundRobin' | Partitioner<K, V> | undefined;
  readonly 'interceptor.classes'?: readonly ProducerInterceptor<K, V>[] | undefined;
}

const ownNames: Readonly<Record<keyof ProducerOwnSettings<unknown, unknown>, true>> = {
  'key.serializer': true,
  'value.serializer': true,
  'partitioner.class': true,
  'interceptor.classes': true,
};

/** Settings of the library alone, and those that go through the table of keys. */
export function apart<K, V>(
  config: object,
): {
  readonly own: ProducerOwnSettings<K, V>;
  readonly shared: Readonly<Record<string, SettingValue>>;
} {
  const entries = Object.entries(config);
  const own = Object.fromEntries(entries.filter(([name]) => name in ownNames));
  const shared = Object.fromEntries(entries.filter(([name]) => !(name in ownNames)));
  return { own, shared };
}
