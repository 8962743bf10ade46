import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import type { Field, Fields, FieldType, VersionRange } from '../../src/kafka/message-fields.ts';
import { contains, versionRange } from '../../src/kafka/message-fields.ts';
import { messageSpecs } from '../../src/kafka/messages/registry.ts';
import { kafkaJars } from '../support/kafka-jars.ts';

/** A field of Kafka's own schema. */
interface SchemaField {
  readonly name: string;
  readonly type: string;
  readonly versions: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  readonly default?: string | number | boolean;
  readonly ignorable?: boolean;
  readonly fields?: readonly SchemaField[];
}

/** Fields of a struct that a schema uses in several places, by the name of its type. */
interface CommonStruct {
  readonly name: string;
  readonly fields: readonly SchemaField[];
}

interface Schema {
  readonly apiKey: number;
  readonly name: string;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly latestVersionUnstable?: boolean;
  readonly fields: readonly SchemaField[];
  readonly commonStructs?: readonly CommonStruct[];
}

/** One field in a form that both sides can be brought to. */
interface Row {
  readonly name: string;
  readonly type: string;
  readonly versions: string;
  readonly nullable: string;
  readonly tagged: string;
  readonly tag: number | undefined;
  readonly default: string;
  readonly ignorable: boolean;
}

test('every table is the schema of the kafka-clients jar', async () => {
  const { clientsJar } = await kafkaJars();
  for (const spec of messageSpecs) {
    // Only the schema of the request says that the latest version is not stable.
    const isUnstable = schemaOf(clientsJar, `${spec.name}Request`).latestVersionUnstable ?? false;
    for (const [kind, fields] of [
      ['Request', spec.request.fields],
      ['Response', spec.response.fields],
    ] as const) {
      const schema = schemaOf(clientsJar, `${spec.name}${kind}`);
      assert.equal(schema.apiKey, spec.apiKey);
      assert.equal(
        textOf(spec.versions),
        textOf(stableVersions(schema, isUnstable)),
        `versions of ${schema.name}`,
      );
      assert.equal(textOf(spec.flexible), textOf(versionRange(schema.flexibleVersions)));
      const { max } = spec.versions;
      const known = ({ versions }: SchemaField): boolean => versionRange(versions).min <= max;
      assert.deepEqual(
        ourRows(fields, ''),
        schemaRows(schema.fields.filter(known), '', schema.commonStructs ?? []),
        schema.name,
      );
    }
  }
});

function schemaOf(jar: string, name: string): Schema {
  const text = execFileSync('unzip', ['-p', jar, `common/message/${name}.json`], {
    encoding: 'utf8',
  });
  return JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, '')) as Schema;
}

function stableVersions(schema: Schema, isUnstable: boolean): VersionRange {
  const { min, max } = versionRange(schema.validVersions);
  return { min, max: isUnstable ? max - 1 : max };
}

function ourRows(fields: Fields, path: string): Row[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const row: Row = {
      name: path + name,
      type: typeName(field.type),
      versions: textOf(field.versions),
      nullable: textOf(field.nullable),
      tagged: field.tag === undefined ? 'none' : textOf(field.versions),
      tag: field.tag,
      default: ourDefault(field),
      ignorable: field.ignorable,
    };
    return [row, ...ourRows(innerFields(field.type), `${path}${name}.`)];
  });
}

function schemaRows(
  fields: readonly SchemaField[],
  path: string,
  common: readonly CommonStruct[],
): Row[] {
  return fields.flatMap((field) => {
    const name = path + field.name.charAt(0).toLowerCase() + field.name.slice(1);
    const isStruct = /^(\[\])?[A-Z]/.test(field.type);
    const row: Row = {
      name,
      type: isStruct ? field.type.replace(/[A-Z]\w*$/, 'struct') : field.type,
      versions: textOf(versionRange(field.versions)),
      nullable: textOf(versionRange(field.nullableVersions ?? 'none')),
      tagged: textOf(versionRange(field.taggedVersions ?? 'none')),
      tag: field.tag,
      default: schemaDefault(field),
      ignorable: field.ignorable ?? false,
    };
    const shared = common.find((struct) => struct.name === field.type.replace('[]', ''));
    const inner = field.fields ?? shared?.fields ?? [];
    return [row, ...schemaRows(inner, `${name}.`, common)];
  });
}

function typeName(type: FieldType): string {
  if (type.kind === 'array') return `[]${typeName(type.element)}`;
  if (type.kind === 'struct') return 'struct';
  return type.name === 'boolean' ? 'bool' : type.name;
}

function innerFields(type: FieldType): Fields {
  if (type.kind === 'array') return innerFields(type.element);
  return type.kind === 'struct' ? type.fields : {};
}

/** Kafka writes no default where it is the zero of the type. */
const zeroes = new Set(['', '0', 'false']);

function ourDefault(field: Field): string {
  const text = field.default === undefined ? '' : String(field.default);
  return zeroes.has(text) ? '' : text;
}

function schemaDefault(field: SchemaField): string {
  const text = String(field.default ?? '');
  if (zeroes.has(text)) return '';
  return /^-?(0x)?[\da-f]+$/i.test(text) ? String(BigInt(text)) : text;
}

function textOf(range: VersionRange): string {
  return contains(range, range.min) ? `${range.min}-${range.max}` : 'none';
}
