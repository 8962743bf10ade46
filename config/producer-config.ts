/** Reads the settings of a library producer: Kafka's keys, checked against the same table and rules as the daemon's. */
import { ConfigError, type ConfigFault } from '../src/shared/errors.ts';
import { checkSettings } from './check-settings.ts';
import { deepFreeze } from './deep-freeze.ts';
import { libraryKeysNotApplicable } from './kafka-keys-elsewhere.ts';
import { libraryKeys, type LibraryConfig } from './library-keys.ts';
import type { PlacedEntry } from './placed.ts';
import { schema, type Config, type KafkaConfig } from './schema.ts';
import type { AnyNode, Nodes, Section } from './rows.ts';

/** What the library is told: as the daemon, and the keys that are its own. */
export type EngineConfig = Pick<Config, 'workers' | 'notes'> & {
  readonly kafka: KafkaConfig & LibraryConfig;
};

/** Values as JavaScript has them: `5`, `'5'`, `true`, a list of brokers. Undefined: as if it were not there. */
export type SettingValue = string | number | boolean | readonly string[] | undefined;

const PLACE = 'new Producer';

const { workers: workersRow, kafka: kafkaSection, ...daemonRows } = schema.rows;

const section = {
  kind: 'section',
  doc: 'A producer.',
  rows: {
    workers: workersRow,
    kafka: {
      ...kafkaSection,
      rows: { ...kafkaSection.rows, ...libraryKeys },
      notApplicable: { ...libraryKeysNotApplicable, ...daemonKeys(daemonRows) },
    },
  },
} as const satisfies Section<Nodes>;

/** Our own keys that are in docs/CONFIGURATION.md for the daemon, each with the reason: `state.dir`, `log.level`. */
function daemonKeys(rows: Nodes): Record<string, string> {
  const names = Object.entries(rows).flatMap(([key, node]: [string, AnyNode]) =>
    node.kind === 'section'
      ? [key, ...Object.keys(node.rows).map((inner) => `${key}.${inner}`)]
      : [key],
  );
  return Object.fromEntries(names.map((name) => [name, 'it is a key of the daemon']));
}

/**
 * @param settings Kafka's names, and `workers`
 * @param others faults that were found before
 * @throws {ConfigError} with every fault
 */
export function readProducerConfig(
  settings: Readonly<Record<string, SettingValue>>,
  others: readonly Omit<ConfigFault, 'place'>[] = [],
): EngineConfig {
  const wrong = others.map((fault): ConfigFault => ({ place: PLACE, ...fault }));
  const entries = new Map<string, PlacedEntry>();
  const own = new Map<string, PlacedEntry>();
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    // Whatever the value of a key that is none: its name is what is wrong.
    const text = isKnown(name) ? textOf(value) : '';
    if (text === undefined) {
      wrong.push({
        place: PLACE,
        problem: `${name} is ${shown(value)}`,
        fix: 'write a value, or leave it out',
      });
      continue;
    }
    const node = { kind: 'scalar', place: PLACE, folder: process.cwd(), text } as const;
    (name === 'workers' ? own : entries).set(name, { place: PLACE, node });
  }
  own.set('kafka', { place: PLACE, node: { kind: 'map', place: PLACE, entries } });
  const { draft, notes, faults } = checkSettings(section, {
    kind: 'map',
    place: PLACE,
    entries: own,
  });
  if (faults.length > 0 || wrong.length > 0) {
    const written = faults.map((one) => ({ ...one, problem: asWritten(one.problem) }));
    throw new ConfigError([...wrong, ...written]);
  }
  const { workers, kafka } = draft;
  // All keys of the section have been read.
  return deepFreeze({
    workers,
    kafka: kafka as EngineConfig['kafka'],
    notes: notes.map(asWritten),
  });
}

function isKnown(name: string): boolean {
  const { rows, synonyms } = section.rows.kafka;
  return name === 'workers' || Object.hasOwn(rows, name) || Object.hasOwn(synonyms, name);
}

function shown(value: unknown): string {
  return value === null ? 'null' : 'no text, number or list of texts';
}

/** As a file would have it; undefined for what no file can have. Callers without types give anything. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'string');
  return isList ? value.join(',') : undefined;
}

/** The section that the daemon's file has around Kafka's keys is not there for a program. */
function asWritten(text: string): string {
  return text.replace(/(?<![\w.])kafka\./g, '');
}
