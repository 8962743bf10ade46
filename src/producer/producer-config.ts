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

/** What is wrong with a setting of that name; undefined: nothing. */
type Check = (name: string, value: unknown) => string | undefined;

/** What is asked of each, and how it is written. */
const ownRules: Readonly<Record<keyof ProducerOwnSettings<unknown, unknown>, [Check, string]>> = {
  'key.serializer': [checkFunction, SERIALIZER_FIX],
  'value.serializer': [checkFunction, SERIALIZER_FIX],
  'partitioner.class': [
    (name, value) => (value === 'roundRobin' ? undefined : checkFunction(name, value)),
    "write 'roundRobin' or a function, or leave it out: that is Java's default",
  ],
  'interceptor.classes': [
    checkInterceptors,
    'write a list of objects with functions onSend, onAcknowledgement or close',
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
    const problem = value === undefined ? undefined : rule?.[0](name, value);
    if (rule === undefined) shared[name] = value as SettingValue;
    else if (problem === undefined) own[name] = value;
    else faults.push({ problem, fix: rule[1] });
  }
  return { own, shared, faults };
}

function checkFunction(name: string, value: unknown): string | undefined {
  return typeof value === 'function' ? undefined : `${name} is ${kindOf(value)}`;
}

/** The first that is wrong, by its place in the list. */
function checkInterceptors(name: string, value: unknown): string | undefined {
  if (!Array.isArray(value)) return `${name} is ${kindOf(value)}`;
  for (const [index, one] of (value as unknown[]).entries()) {
    const place = `${name}[${index}]`;
    if (typeof one !== 'object' || one === null) return `${place} is ${kindOf(one)}`;
    for (const method of ['onSend', 'onAcknowledgement', 'close'] as const) {
      const given = (one as Readonly<Record<string, unknown>>)[method];
      const problem = given === undefined ? undefined : checkFunction(`${place}.${method}`, given);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}
