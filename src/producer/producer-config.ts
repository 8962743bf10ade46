/** What `new Producer` is told: Kafka's keys by Kafka's names, and the functions that stand where Java has classes. */
import type { SettingValue } from '../../config/producer-config.ts';
import type { Partitioner } from './partitioners.ts';
import type { ProducerInterceptor } from './interceptors.ts';
import type { Serializer, SerializerName } from './serializers.ts';

/** Settings that have a function, or have a meaning in a library alone. */
export interface ProducerOwnSettings<K, V> {
  /** Default: text and bytes as they are. */
  readonly 'key.serializer'?: Serializer<K> | SerializerName | undefined;
  /** Default: text and bytes as they are. */
  readonly 'value.serializer'?: Serializer<V> | SerializerName | undefined;
  /** Default: the key decides, as in Java; what has none goes where there is room (KIP-480, KIP-794). */
  readonly 'partitioner.class'?: 'roundRobin' | Partitioner<K, V> | undefined;
  /** Keys do not decide: the default partitioner takes all records for keyless. Default false. */
  readonly 'partitioner.ignore.keys'?: boolean | undefined;
  readonly 'interceptor.classes'?: readonly ProducerInterceptor<K, V>[] | undefined;
  /** How long a record waits for its topic to be known and for memory, in ms; then it fails with a TimeoutError. Default 60000. */
  readonly 'max.block.ms'?: number | undefined;
  /** Records that may wait so at once; one more fails with a BufferExhaustedError. Default 10000. */
  readonly 'max.block.records'?: number | undefined;
}

export const ownDefaults = {
  'max.block.ms': 60_000,
  'max.block.records': 10_000,
} as const;

const ownNames: Readonly<Record<keyof ProducerOwnSettings<unknown, unknown>, true>> = {
  'key.serializer': true,
  'value.serializer': true,
  'partitioner.class': true,
  'partitioner.ignore.keys': true,
  'interceptor.classes': true,
  'max.block.ms': true,
  'max.block.records': true,
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
