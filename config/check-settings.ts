/** From settings with their places to a complete configuration: the table's own checks, the rules between keys, the notes. */
import type { ConfigFault } from '../src/shared/errors.ts';
import type { PlacedMap } from './placed.ts';
import { SettingsReader } from './read-settings.ts';
import { notesOn, rules, type Draft } from './rules.ts';
import type { Nodes, Section } from './rows.ts';
import { schema, type Config } from './schema.ts';

export interface CheckedSettings {
  /** To be relied on when there are no faults. Without `inputs` where the section has none. */
  readonly draft: Draft;
  readonly notes: Config['notes'];
  readonly faults: readonly ConfigFault[];
}

/** @param section the whole table, or the part of it that `root` may have; rules on what it lacks find nothing */
export function checkSettings(section: Section<Nodes>, root: PlacedMap): CheckedSettings {
  const reader = new SettingsReader(Object.keys(schema.rows.kafka.rows));
  const read: Record<string, unknown> = { inputs: undefined, ...reader.section(section, root, '') };
  const draft = read as unknown as Draft;
  return {
    draft,
    notes: [...reader.notes, ...notesOn(draft, (path) => reader.places.has(path))],
    faults: [...reader.faults, ...brokenRules(draft, reader, root.place)],
  };
}

function brokenRules(draft: Draft, reader: SettingsReader, rootPlace: string): ConfigFault[] {
  return rules
    .flatMap((rule) => rule.check(draft))
    .filter(({ keys }) => !keys.some((key) => reader.isFaulty(key)))
    .map(({ keys, problem, fix }) => {
      const written = keys.find((key) => reader.places.has(key));
      return { place: reader.places.get(written ?? '') ?? rootPlace, problem, fix };
    });
}
