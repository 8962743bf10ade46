/** What `new Producer` is told: Kafka's keys by Kafka's names, and the functions that stand where Java has classes. */
import type { kafkaKeys } from '../../config/kafka-keys.ts';
import type { libraryKeys } from '../../config/library-keys.ts';
import type { SettingValue } from '../../config/producer-config.ts';
import type { ConfigFault } from '../shared/errors.ts';
import type { Partitioner } from './partitioners.ts';
import type { ProducerInterceptor } from './interceptors.ts';
import { kindOf } from './record.ts';
import { serializers, type Serializer } from './serializers.ts';

const SERIALIZER_FIX = `write serializers.string, or another of ${Object.keys(serializers).join(', ')}, or a function of your own`;

/** Settings that are functions, or names of ours. */
export interface ProducerOwnSettings<K, V> {
  /** Default: text and bytes as they are. */
  readonly 'key.serializer'?: Serializer<K> | undefined;
  /** Default: text and bytes as they are. */
  readonly 'value.serializer'?: Serializer<V> | undefined;
  /** Default: the key decides, as in Java; what has none goes where there is room (KIP-480, KIP-794). */
  readonly 'partitioner.class'?: 'roundRobin' | Partitioner<K, V> | undefined;
  readonly 'interceptor.classes'?: readonly ProducerInterceptor<K, V>[] | undefined;
}

type KafkaSettings = {
  readonly [Name in keyof typeof kafkaKeys | keyof typeof libraryKeys]?: SettingValue;
} & {
  /** `host:port` of one broker or several; all others are found by them. */
  readonly 'bootstrap.servers': string | readonly string[];
};

/** Kafka's settings; values may be text, as in a properties file. */
export type ProducerConfig<K, V> = KafkaSettings &
  ProducerOwnSettings<K, V> & {
    /** Threads that compress. Default: one less than there are processors, at least 1 and at most 4. */
    readonly workers?: number | undefined;
  };

/** Its place is known to whoever reads the rest. */
type OwnFault = Omit<ConfigFault, 'place'>;

/** What each may be, and how it is said. */
const ownRules: Readonly<
  Record<
    keyof ProducerOwnSettings<unknown, unknown>,
    readonly [(value: unknown) => boolean, string]
  >
> = {
  'key.serializer': [isFunction, SERIALIZER_FIX],
  'value.serializer': [isFunction, SERIALIZER_FIX],
  'partitioner.class': [
    (value) => value === 'roundRobin' || isFunction(value),
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

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
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
