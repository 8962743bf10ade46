/** Settings from outside the file: environment, `--set` and `-X`, each stronger than the one before. */
import type { ConfigFault } from '../src/shared/errors.ts';
import { setAt, type Placed, type PlacedMap } from './placed.ts';
import type { AnyNode, Nodes, Section } from './rows.ts';

export interface Overrides {
  /** Kafka's keys: `linger.ms=5`. */
  readonly kafka?: readonly string[];
  /** Any key: `inputs.0.tail.from=end`. */
  readonly set?: readonly string[];
  /** `MILLRACE__KAFKA__LINGER_MS=5`: two underscores between levels, one for a dot. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What a command gives through flags of its own; stronger than the environment, weaker than `--set` and `-X`. */
  readonly own?: readonly OwnSetting[];
}

export interface OwnSetting {
  /** What the user wrote: `-b localhost`. */
  readonly place: string;
  readonly path: readonly string[];
  readonly text: string;
}

/** Reads the text of one value: a flow list or mapping when it begins with a bracket, otherwise a single value as it stands. */
export type ReadValue = (text: string, place: string) => Placed | ConfigFault;

const PREFIX = 'MILLRACE__';

/** Of names: `INPUTS__10` comes behind `INPUTS__9`. */
const { compare: inOrder } = new Intl.Collator('en', { numeric: true });

/** Puts the overrides into the tree, weakest first. */
export function applyOverrides(
  root: PlacedMap,
  overrides: Overrides,
  schema: Section<Nodes>,
  read: ReadValue,
): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const put = (place: string, path: readonly string[], text: string): void => {
    const node = read(text, place);
    if (!('kind' in node)) {
      faults.push(node);
      return;
    }
    dropOtherNames(root, path, schema);
    const inTheWay = setAt(root, path, node);
    if (inTheWay === undefined) return;
    const problem = `${path.join('.')} cannot be set: what is at ${inTheWay} has no such part`;
    faults.push({ place, problem, fix: 'set the part that is there, or mend the path' });
  };
  const environment = Object.entries(overrides.environment ?? {});
  for (const [name, value] of environment.sort(([a], [b]) => inOrder(a, b))) {
    if (!name.startsWith(PREFIX) || value === undefined) continue;
    const path = name.slice(PREFIX.length).split('__');
    put(
      `environment ${name}`,
      path.map((part) => part.toLowerCase().replaceAll('_', '.')),
      value,
    );
  }
  for (const { place, path, text } of overrides.own ?? []) put(place, path, text);
  const flags = [
    ...(overrides.set ?? []).map((text) => ({ flag: '--set', name: 'path', text })),
    ...(overrides.kafka ?? []).map((text) => ({ flag: '-X', name: 'name', text })),
  ];
  for (const { flag, name, text } of flags) {
    const equals = text.indexOf('=');
    const place = `${flag} ${text}`;
    if (equals < 1) {
      const problem = `${JSON.stringify(text)} is not ${name}=value`;
      faults.push({ place, problem, fix: `write ${flag} ${name}=value` });
      continue;
    }
    const path = text.slice(0, equals).trim();
    put(place, flag === '-X' ? ['kafka', path] : splitPath(path, schema), text.slice(equals + 1));
  }
  return faults;
}

/** A stronger setting under one name of a key takes the place of a weaker one under another. */
function dropOtherNames(root: PlacedMap, path: readonly string[], schema: Section<Nodes>): void {
  const [top = '', name = ''] = path;
  const section = Object.hasOwn(schema.rows, top) ? schema.rows[top] : undefined;
  const map = root.entries.get(top)?.node;
  if (section?.kind !== 'section' || map?.kind !== 'map') return;
  const synonyms = new Map(Object.entries(section.synonyms ?? {}));
  const keyOf = (other: string): string => synonyms.get(other)?.of ?? other;
  for (const other of [...map.entries.keys()]) {
    if (other !== name && keyOf(other) === keyOf(name)) map.entries.delete(other);
  }
}

/** Keys contain dots, and so do paths: at each level the longest key of the tables that fits is meant. */
function splitPath(path: string, schema: Section<Nodes>): string[] {
  const parts: string[] = [];
  let rest = path;
  let node: AnyNode | undefined = schema;
  while (rest !== '' && node !== undefined && node.kind !== 'row') {
    const part: string =
      node.kind === 'section' ? keyAtFrontOf(rest, node) : (rest.split('.')[0] ?? '');
    parts.push(part);
    rest = rest.slice(part.length + 1);
    if (node.kind === 'section')
      node = Object.hasOwn(node.rows, part) ? node.rows[part] : undefined;
    else {
      const kind = rest.split('.')[0] ?? '';
      if (kind === '') return parts;
      parts.push(kind);
      rest = rest.slice(kind.length + 1);
      node = Object.hasOwn(node.of, kind) ? node.of[kind] : undefined;
    }
  }
  return rest === '' ? parts : [...parts, rest];
}

function keyAtFrontOf(rest: string, section: Section<Nodes>): string {
  const fitting = Object.keys(section.rows)
    .filter((key) => rest === key || rest.startsWith(`${key}.`))
    .sort((a, b) => b.length - a.length);
  return fitting[0] ?? rest;
}
