import fc from 'fast-check';
import { contains } from '../../src/kafka/message-fields.ts';
import { defaultOf } from '../../src/kafka/message-codec.ts';
import type {
  Field,
  Fields,
  FieldType,
  PrimitiveName,
  VersionRange,
} from '../../src/kafka/message-fields.ts';

/** Every version of a range with an end. */
export function versionsOf(range: VersionRange): number[] {
  return Array.from({ length: range.max - range.min + 1 }, (_, index) => range.min + index);
}

/** Whole messages of one version, as reading yields them: fields of other versions have their defaults. */
export function arbitraryMessage(
  fields: Fields,
  version: number,
): fc.Arbitrary<Record<string, unknown>> {
  const each = Object.entries(fields).map(([name, field]): [string, fc.Arbitrary<unknown>] => [
    name,
    arbitraryField(field, version),
  ]);
  return fc.record(Object.fromEntries(each), { noNullPrototype: true });
}

function arbitraryField(field: Field, version: number): fc.Arbitrary<unknown> {
  const absent = fc.constant(field).map(defaultOf);
  if (!contains(field.versions, version)) return absent;
  const value = arbitraryValue(field.type, version);
  const choices = field.tag === undefined ? [value] : [value, absent];
  return contains(field.nullable, version)
    ? fc.oneof(...choices, fc.constant(null))
    : fc.oneof(...choices);
}

function arbitraryValue(type: FieldType, version: number): fc.Arbitrary<unknown> {
  if (type.kind === 'primitive') return primitives[type.name];
  if (type.kind === 'struct') return arbitraryMessage(type.fields, version);
  return fc.array(arbitraryValue(type.element, version), { maxLength: 4 });
}

const bytes = fc.uint8Array({ maxLength: 200, size: 'max' }).map((array) => Buffer.from(array));

const primitives: Readonly<Record<PrimitiveName, fc.Arbitrary<unknown>>> = {
  boolean: fc.boolean(),
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32768, max: 32767 }),
  int32: fc.integer(),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uuid: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((array) => Buffer.from(array).toString('base64url')),
  string: fc.string({ unit: 'binary', maxLength: 200 }),
  bytes,
  records: bytes,
};
