/**
 * The words a message table is written in: `int32('3+', { default: -1 })`. A field knows its versions, what stands for it in
 * other versions, and, for the compiler only, the types it has in TypeScript.
 */
import { assert } from '../shared/assert.ts';

/** Versions from `min` to `max`, both included; `max` is Infinity for `3+`. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** Reads Kafka's notation: `0+`, `3-13`, `0`, `none`. */
export function versionRange(text: string): VersionRange {
  if (text === 'none') return { min: Infinity, max: -Infinity };
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  assert(match !== null, `${text} is a range of versions`);
  const min = Number(match[1]);
  if (match[2] === '+') return { min, max: Infinity };
  return { min, max: match[3] === undefined ? min : Number(match[3]) };
}

export function contains(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max;
}

/** TypeScript's type of each primitive, as read. */
export interface Primitives {
  boolean: boolean;
  int8: number;
  int16: number;
  int32: number;
  int64: bigint;
  /** base64url, 22 characters, as Kafka prints it. */
  uuid: string;
  string: string;
  bytes: Uint8Array;
  /** Record batches, one after the other. Read as a view, written by reference, also in several pieces. */
  records: Uint8Array;
}
export type PrimitiveName = keyof Primitives;

export type FieldType =
  | { readonly kind: 'primitive'; readonly name: PrimitiveName }
  | { readonly kind: 'struct'; readonly fields: Fields }
  | { readonly kind: 'array'; readonly element: FieldType };

/** What can be a default. */
export type Scalar = boolean | number | bigint | string | null;

export interface Field<Read = unknown, Written = unknown, Optional extends boolean = boolean> {
  readonly type: FieldType;
  readonly versions: VersionRange;
  /** Versions that know null for it. */
  readonly nullable: VersionRange;
  /** Stands for it in other versions, and when nothing is given; undefined is Kafka's default of the type. */
  readonly default: Scalar | undefined;
  /** Number of a tagged field (KIP-482), which is left out where it has its default. */
  readonly tag: number | undefined;
  /** A value may be dropped in silence where the version lacks the field. */
  readonly ignorable: boolean;
  /** Holds an error code: only in answers, an int16. */
  readonly isErrorCode: boolean;
  /** Never there: carries the types. */
  readonly types?: { readonly read: Read; readonly written: Written; readonly optional: Optional };
}
export type Fields = Readonly<Record<string, Field>>;

export interface FieldOptions<Value> {
  readonly nullable?: string;
  readonly default?: (Value & Scalar) | null;
  readonly tag?: number;
  readonly ignorable?: boolean;
}

/** What reading yields: every field, those of other versions by their default. */
export type Decoded<F extends Fields> = {
  -readonly [Name in keyof F]: F[Name] extends Field<infer Read> ? Read : never;
};

/** What writing takes: fields of all versions without a default have to be given. */
export type Encodable<F extends Fields> = {
  readonly [Name in RequiredNames<F>]: WrittenOf<F[Name]>;
} & { readonly [Name in Exclude<keyof F, RequiredNames<F>>]?: WrittenOf<F[Name]> };

type RequiredNames<F extends Fields> = {
  [Name in keyof F]: F[Name] extends Field<unknown, unknown, false> ? Name : never;
}[keyof F];
type WrittenOf<F extends Field> = F extends Field<unknown, infer Written> ? Written : never;

type NullIn<Options> = Options extends { nullable: string } ? null : never;
type IsOptional<Versions extends string, Options> = Versions extends '0+'
  ? Options extends { default: unknown } | { tag: number }
    ? true
    : false
  : true;

type PrimitiveField<
  Name extends PrimitiveName,
  Versions extends string,
  Options,
  Written = Primitives[Name],
> = Field<
  Primitives[Name] | NullIn<Options>,
  Written | NullIn<Options>,
  IsOptional<Versions, Options>
>;

export const boolean = primitive('boolean');
export const int8 = primitive('int8');
export const int16 = primitive('int16');
export const int32 = primitive('int32');
export const int64 = primitive('int64');
export const uuid = primitive('uuid');
export const string = primitive('string');
export const bytes = primitive('bytes');

export function records<
  const Versions extends string,
  const Options extends FieldOptions<Uint8Array>,
>(
  versions: Versions,
  options?: Options,
): PrimitiveField<'records', Versions, Options, Uint8Array | readonly Uint8Array[]> {
  return field({ kind: 'primitive', name: 'records' }, versions, options);
}

/** An int16 that errors.ts explains. */
export function errorCode<
  const Versions extends string,
  const Options extends FieldOptions<number> = object,
>(versions: Versions, options?: Options): PrimitiveField<'int16', Versions, Options> {
  return { ...field({ kind: 'primitive', name: 'int16' }, versions, options), isErrorCode: true };
}

export function struct<
  const Versions extends string,
  F extends Fields,
  const Options extends Pick<FieldOptions<never>, 'tag' | 'ignorable'> = object,
>(
  versions: Versions,
  fields: F,
  options?: Options,
): Field<Decoded<F>, Encodable<F>, IsOptional<Versions, Options>> {
  return field({ kind: 'struct', fields }, versions, options);
}

type ElementRead<Element> = Element extends PrimitiveName
  ? Primitives[Element]
  : Element extends Fields
    ? Decoded<Element>
    : never;
type ElementWritten<Element> = Element extends PrimitiveName
  ? Primitives[Element]
  : Element extends Fields
    ? Encodable<Element>
    : never;

/** @param element name of a primitive, or the fields of a struct */
export function array<
  const Versions extends string,
  Element extends PrimitiveName | Fields,
  const Options extends FieldOptions<never> = object,
>(
  versions: Versions,
  element: Element,
  options?: Options,
): Field<
  ElementRead<Element>[] | NullIn<Options>,
  readonly ElementWritten<Element>[] | NullIn<Options>,
  IsOptional<Versions, Options>
> {
  const type: FieldType =
    typeof element === 'string'
      ? { kind: 'primitive', name: element }
      : { kind: 'struct', fields: element };
  return field({ kind: 'array', element: type }, versions, options);
}

function primitive<Name extends PrimitiveName>(name: Name) {
  return <
    const Versions extends string,
    const Options extends FieldOptions<Primitives[Name]> = object,
  >(
    versions: Versions,
    options?: Options,
  ): PrimitiveField<Name, Versions, Options> =>
    field({ kind: 'primitive', name }, versions, options);
}

function field(
  type: FieldType,
  versions: string,
  options: FieldOptions<Scalar> = {},
): Field<never, never, never> {
  return {
    type,
    versions: versionRange(versions),
    nullable: versionRange(options.nullable ?? 'none'),
    default: options.default,
    tag: options.tag,
    ignorable: options.ignorable ?? false,
    isErrorCode: false,
  };
}
