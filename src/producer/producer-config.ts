/** What `new Producer` is told: Kafka's keys by Kafka's names, and the functions that stand where Java has classes. */
import type { SettingValue } from '../../config/producer-config.ts';
import type { ConfigFault } from '../shared/errors.ts';
import type { Partitioner } from './partitioners.ts';
import type { ProducerInterceptor } from './interceptors.ts';
import { kindOf } from './record.ts';
import { serializers, type Serializer, type SerializerName } from './serializers.ts';

const SERIALIZER_FIX = `write one of ${Object.keys(serializers).join(', ')}, or a function`;

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

/** Its place is known to whoever reads the rest. */
type OwnFault = Omit<ConfigFault, 'place'>;

/** What each may be, and how it is said. */
const ownRules: Readonly<
  Record<
    keyof ProducerOwnSettings<unknown, unknown>,
    readonly [(value: unknown) => boolean, string]
  >
> = {
  'key.serializer': [isSerializer, SERIALIZER_FIX],
  'value.serializer': [isSerializer, SERIALIZER_FIX],
  'partitioner.class': [
    (value) => value === 'roundRobin' || typeof value === 'function',
    "write 'roundRobin' or a function, or leave it out: that is Java's default",
  ],
  'interceptor.classes': [
    isInterceptorList,
    'write a list of objects with onSend, onAcknowledgement or close',
  ],
};

/** Settings of the library alone, what is wrong with them, and those that go through the table of keys. */
export function apart<K, V>(
  config: object,
): {
  readonly own: ProducerOwnSettings<K, V>;
  readonly shared: Readonly<Record<string, SettingValue>>;
  readonly faults: readonly OwnFault[];
} {
  // Callers without types give anything.
  const given: unknown = config;
  const isRecord = typeof given === 'object' && given !== null && !Array.isArray(given);
  const faults: OwnFault[] = isRecord
    ? []
    : [
        {
          problem: `the configuration is ${kindOf(given)}`,
          fix: "write { 'bootstrap.servers': 'host:port' }",
        },
      ];
  const own: Record<string, unknown> = {};
  const shared: Record<string, SettingValue> = {};
  for (const [name, value] of Object.entries(isRecord ? config : {}) as [string, unknown][]) {
    const rule = Object.hasOwn(ownRules, name)
      ? ownRules[name as keyof typeof ownRules]
      : undefined;
    if (rule === undefined) shared[name] = value as SettingValue;
    else if (value === undefined || rule[0](value)) own[name] = value;
    else faults.push({ problem: `${name} is ${kindOf(value)}`, fix: rule[1] });
  }
  return { own, shared, faults };
}

function isSerializer(value: unknown): boolean {
  return (
    typeof value === 'function' || (typeof value === 'string' && Object.hasOwn(serializers, value))
  );
}

function isInterceptorList(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const methods = ['onSend', 'onAcknowledgement', 'close'] as const;
  return value.every((one: unknown) => {
    if (typeof one !== 'object' || one === null) return false;
    const interceptor = one as Readonly<Record<string, unknown>>;
    return methods.every((name) => ['undefined', 'function'].includes(typeof interceptor[name]));
  });
}
