/** The shapes that the tables of `schema.ts` are made of, and the types that are inferred from them. */
import type { ValueType } from './value-types.ts';

export type Importance = 'high' | 'medium' | 'low';

/** What every row says about itself. */
export interface RowText {
  /** In our own words; the first sentence stands alone in `-X list` and help. */
  readonly doc: string;
  readonly importance: Importance;
  /** What is not as in Apache Kafka's producer, and why. */
  readonly differs?: string;
}

export type Presence =
  | { readonly kind: 'required'; readonly example: string }
  | { readonly kind: 'optional'; readonly says: string }
  | { readonly kind: 'default'; readonly text: string }
  /** Made of other values, which stand before it in the tables. */
  | {
      readonly kind: 'derived';
      readonly says: string;
      readonly derive: (of: (path: string) => number) => number;
    };

/** One key with one value, or a list of values. */
export interface Row<T> extends RowText {
  readonly kind: 'row';
  readonly type: ValueType<unknown>;
  readonly presence: Presence;
  /** `list`: a YAML list, or one value for a list of one. `commas`: one text, or a YAML list of its parts. */
  readonly many?: 'list' | 'commas';
  /** Never set: carries the type of the value. */
  readonly carries?: T;
}

/** Another name of a key, from librdkafka. */
export interface Synonym {
  readonly of: string;
  /** From its text to the text of our key. Default: the same. */
  readonly convert?: (text: string) => string;
  readonly says?: string;
}

export type AnyNode = Row<unknown> | Section<Nodes> | Variants<Sections>;

export interface Nodes {
  readonly [key: string]: AnyNode;
}

export interface Sections {
  readonly [kind: string]: Section<Nodes>;
}

/** A YAML mapping. */
export interface Section<Rows extends Nodes> {
  readonly kind: 'section';
  readonly doc: string;
  readonly rows: Rows;
  readonly synonyms?: Readonly<Record<string, Synonym>>;
  /** Known keys that cannot be set, each with the reason. */
  readonly notApplicable?: Readonly<Record<string, string>>;
}

/** A YAML list of mappings with one key each, which says what the entry is. */
export interface Variants<Of extends Sections> {
  readonly kind: 'variants';
  readonly doc: string;
  readonly of: Of;
}

type CamelCase<Key extends string> = Key extends `${infer Head}.${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Key;

/** What is in the configuration for a node of the tables. */
export type ValueOf<Node> =
  Node extends Row<infer T>
    ? T
    : Node extends Section<infer Rows>
      ? { readonly [Key in keyof Rows as CamelCase<Key & string>]: ValueOf<Rows[Key]> }
      : Node extends Variants<infer Of>
        ? readonly { [Kind in keyof Of]: { readonly kind: Kind } & ValueOf<Of[Kind]> }[keyof Of][]
        : never;

/** `max.line.bytes` to `maxLineBytes`: the name of the field, made from the name of the key. */
export function fieldName(key: string): string {
  return key.replace(/\.(.)/g, (_, letter: string) => letter.toUpperCase());
}

export function setting<T>(type: ValueType<T>, text: string, about: RowText): Row<T> {
  return { kind: 'row', type, presence: { kind: 'default', text }, ...about };
}

export function required<T>(type: ValueType<T>, example: string, about: RowText): Row<T> {
  return { kind: 'row', type, presence: { kind: 'required', example }, ...about };
}

export function optional<T>(type: ValueType<T>, says: string, about: RowText): Row<T | undefined> {
  return { kind: 'row', type, presence: { kind: 'optional', says }, ...about };
}

export function derived(
  type: ValueType<number>,
  says: string,
  derive: (of: (path: string) => number) => number,
  about: RowText,
): Row<number> {
  return { kind: 'row', type, presence: { kind: 'derived', says, derive }, ...about };
}

export function requiredList<T>(
  type: ValueType<T>,
  example: string,
  about: RowText,
): Row<readonly T[]> {
  return { kind: 'row', type, presence: { kind: 'required', example }, many: 'list', ...about };
}

export function optionalList<T>(type: ValueType<T>, about: RowText): Row<readonly T[]> {
  const presence: Presence = { kind: 'optional', says: 'none' };
  return { kind: 'row', type, presence, many: 'list', ...about };
}
