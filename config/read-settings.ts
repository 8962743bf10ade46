/** Walks the tables over what was written: values with defaults come out, and every fault. */
import type { ConfigFault } from '../src/shared/errors.ts';
import { nearest } from './nearest.ts';
import { describe, type Placed, type PlacedMap, type PlacedScalar } from './placed.ts';
import {
  fieldName,
  type AnyNode,
  type Nodes,
  type Row,
  type Section,
  type Sections,
  type Variants,
} from './rows.ts';

/** Where in the tables the walk is. */
interface Spot {
  readonly key: string;
  /** From the top: `inputs.0.tail.paths`. */
  readonly path: string;
  /** Of the mapping that the key is in, or should be in. */
  readonly parentPlace: string;
}

const docs = 'docs/CONFIGURATION.md lists all keys';

export class SettingsReader {
  readonly faults: ConfigFault[] = [];
  readonly notes: string[] = [];
  /** Of each key that was written, and of each section: where. */
  readonly places = new Map<string, string>();
  /** Keys whose value could not be read. */
  readonly #faulty = new Set<string>();
  readonly #numbers = new Map<string, number>();
  /** Names of the Kafka section: wherever else they are written, they belong there. */
  readonly #kafkaKeys: ReadonlySet<string>;

  constructor(kafkaKeys: Iterable<string>) {
    this.#kafkaKeys = new Set(kafkaKeys);
  }

  /** Whether the key, or what it stands in, has a fault already. */
  isFaulty(path: string): boolean {
    return [...this.#faulty].some((faulty) => path === faulty || path.startsWith(`${faulty}.`));
  }

  section(section: Section<Nodes>, map: PlacedMap, path: string): Record<string, unknown> {
    const written = this.#byOwnNames(section, map, path);
    const fields: Record<string, unknown> = {};
    for (const [key, node] of Object.entries(section.rows)) {
      const keyPath = join(path, key);
      const child = written.get(key);
      if (child !== undefined) this.places.set(keyPath, child.place);
      const value = this.#node(node, child, { key, path: keyPath, parentPlace: map.place });
      if (typeof value === 'number') this.#numbers.set(keyPath, value);
      fields[fieldName(key)] = value;
    }
    return fields;
  }

  /** @returns what takes the place of the value: nothing */
  fault(path: string, place: string, problem: string, fix: string): unknown {
    this.#faulty.add(path);
    this.faults.push({ place, problem, fix });
    return undefined;
  }

  /** Settles synonyms, and names what is not known. */
  #byOwnNames(section: Section<Nodes>, map: PlacedMap, path: string): Map<string, Placed> {
    const written = new Map<string, Placed>();
    const spelled = new Map<string, string>();
    for (const [name, { place, node }] of map.entries) {
      const synonym = ownOf(section.synonyms, name);
      const key = synonym?.of ?? name;
      if (!Object.hasOwn(section.rows, key)) {
        this.#unknown(section, name, place, path);
        continue;
      }
      const other = spelled.get(key);
      if (other !== undefined) {
        const problem = `${join(path, name)} and ${other} are two names of one setting`;
        this.fault(join(path, key), place, problem, `keep ${key}, and take the other out`);
        continue;
      }
      spelled.set(key, name);
      if (synonym !== undefined) {
        this.notes.push(`${place}: ${name} is librdkafka's name for ${key}, and is taken as that`);
      }
      const convert = synonym?.convert;
      written.set(key, convert !== undefined ? converted(node, convert) : node);
    }
    return written;
  }

  #unknown(section: Section<Nodes>, name: string, place: string, path: string): void {
    const full = join(path, name);
    const reason = ownOf(section.notApplicable, name);
    if (reason !== undefined) {
      this.fault(full, place, `${full} does not apply: ${reason}`, 'take it out');
      return;
    }
    const near = nearest(name, [
      ...Object.keys(section.rows),
      ...Object.keys(section.synonyms ?? {}),
    ]);
    let fix = near === undefined ? docs : `did you mean ${near}?`;
    if (this.#kafkaKeys.has(name)) fix = 'it is a key of Kafka: put it under kafka:';
    const [, outer = '', inner = ''] = /^([^.]+)\.(.+)$/.exec(name) ?? [];
    const within = ownOf(section.rows, outer);
    if (within?.kind === 'section' && Object.hasOwn(within.rows, inner)) {
      fix = `put ${inner} under ${outer}:`;
    }
    this.fault(full, place, `${full} is not a key of millrace`, fix);
  }

  #node(node: AnyNode, child: Placed | undefined, spot: Spot): unknown {
    const { path, parentPlace } = spot;
    if (node.kind === 'row') {
      return child === undefined || isNothing(child)
        ? this.#absent(node, child, spot)
        : this.#row(node, child, path);
    }
    if (node.kind === 'variants') return this.#variants(node, child, spot);
    const map = child ?? { kind: 'map' as const, place: parentPlace, entries: new Map() };
    if (map.kind === 'map') return this.section(node, map, path);
    if (isNothing(map)) {
      return this.section(node, { kind: 'map', place: map.place, entries: new Map() }, path);
    }
    const [first = ''] = Object.keys(node.rows);
    const problem = `${path} has to be a mapping of keys, and is ${describe(map)}`;
    this.fault(path, map.place, problem, `write ${first}: below it, indented`);
    return this.#defaults(node, map.place, path);
  }

  /** Of a section that cannot be read: what is missing in it is no further fault. */
  #defaults(section: Section<Nodes>, place: string, path: string): Record<string, unknown> {
    const told = this.faults.length;
    const fields = this.section(section, { kind: 'map', place, entries: new Map() }, path);
    this.faults.length = told;
    return fields;
  }

  #absent(row: Row<unknown>, child: Placed | undefined, spot: Spot): unknown {
    const { path, key } = spot;
    const place = child?.place ?? spot.parentPlace;
    const { presence } = row;
    if (presence.kind === 'required') {
      const problem = child === undefined ? `${path} is missing` : `${path} has no value`;
      return this.fault(path, place, problem, `write ${key}: ${presence.example}`);
    }
    if (child !== undefined) {
      return this.fault(
        path,
        place,
        `${path} has no value`,
        `write ${row.type.says}, or take it out`,
      );
    }
    if (presence.kind === 'optional') return row.many === 'list' ? [] : undefined;
    if (presence.kind === 'derived') return presence.derive((of) => this.#numbers.get(of) ?? NaN);
    const parsed = row.type.parse(presence.text, '/');
    return 'value' in parsed ? parsed.value : this.fault(path, place, parsed.problem, parsed.fix);
  }

  #row(row: Row<unknown>, child: Placed, path: string): unknown {
    if (row.many === 'list') {
      const items = child.kind === 'list' ? child.items : [child];
      if (items.length === 0 && row.presence.kind === 'required') {
        const fix = `write at least one: ${row.presence.example}`;
        return this.fault(path, child.place, `${path} is an empty list`, fix);
      }
      return items.map((item) => this.#value(row, item, path));
    }
    if (row.many === 'commas' && child.kind === 'list') {
      const text = child.items
        .map((item) => (item.kind === 'scalar' ? (item.text ?? '') : ''))
        .join();
      return this.#value(row, { kind: 'scalar', place: child.place, folder: '/', text }, path);
    }
    return this.#value(row, child, path);
  }

  #value(row: Row<unknown>, child: Placed, path: string): unknown {
    if (child.kind !== 'scalar' || child.text === undefined) {
      const problem = `${path} has to be one value, and is ${describe(child)}`;
      return this.fault(path, child.place, problem, `write ${row.type.says}`);
    }
    const parsed = row.type.parse(child.text, child.folder);
    if ('value' in parsed) return parsed.value;
    return this.fault(path, child.place, `${path}: ${parsed.problem}`, parsed.fix);
  }

  #variants(variants: Variants<Sections>, child: Placed | undefined, spot: Spot): unknown {
    const { path, parentPlace } = spot;
    const kinds = Object.keys(variants.of);
    const fix = `write a list whose entries begin with ${kinds.map((kind) => `- ${kind}:`).join(' or ')}`;
    if (
      child === undefined ||
      isNothing(child) ||
      (child.kind === 'list' && child.items.length === 0)
    ) {
      return this.fault(
        path,
        child?.place ?? parentPlace,
        `${path} is missing: nothing to read`,
        fix,
      );
    }
    if (child.kind !== 'list') {
      return this.fault(
        path,
        child.place,
        `${path} has to be a list, and is ${describe(child)}`,
        fix,
      );
    }
    return child.items.map((item, index) => this.#variant(variants, item, `${path}.${index}`, fix));
  }

  #variant(variants: Variants<Sections>, item: Placed, path: string, fix: string): unknown {
    if (item.kind !== 'map' || item.entries.size === 0) {
      return this.fault(
        path,
        item.place,
        `${path} has to say what it is, and is ${describe(item)}`,
        fix,
      );
    }
    this.places.set(path, item.place);
    const known = [...item.entries].filter(([name]) => Object.hasOwn(variants.of, name));
    for (const [name, { place }] of item.entries) {
      if (known.some(([kind]) => kind === name)) continue;
      const near = nearest(name, Object.keys(variants.of));
      const isDedented = known.some(([kind]) => variants.of[kind]?.rows[name] !== undefined);
      const hint = near === undefined ? fix : `did you mean ${near}?`;
      const problem = `${path}.${name} is not an input`;
      this.fault(
        `${path}.${name}`,
        place,
        problem,
        isDedented ? 'indent it further, below the input' : hint,
      );
    }
    const [first, second] = known;
    if (first === undefined) return undefined;
    if (second !== undefined) {
      const problem = `${path} is ${first[0]} and ${second[0]} at once`;
      return this.fault(
        path,
        second[1].place,
        problem,
        'make two entries of the list, each with its own "-"',
      );
    }
    const [kind, { node }] = first;
    const section = variants.of[kind];
    if (section === undefined) return undefined;
    this.places.set(`${path}.${kind}`, first[1].place);
    const spot = { key: kind, path: `${path}.${kind}`, parentPlace: first[1].place };
    const fields = this.#node(section, node, spot);
    return { kind, ...(fields as Record<string, unknown>) };
  }
}

function isNothing(node: Placed): boolean {
  return node.kind === 'scalar' && node.text === undefined;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function converted(node: Placed, convert: (text: string) => string): Placed {
  if (node.kind !== 'scalar' || node.text === undefined) return node;
  const scalar: PlacedScalar = { ...node, text: convert(node.text) };
  return scalar;
}

/** Names come from outside: `constructor` is no key of any table. */
function ownOf<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
