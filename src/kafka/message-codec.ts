/**
 * Compiles the fields of a message to a codec of one version: a tree of closures, made once, that knows neither versions nor
 * options any more.
 */
import { assert } from '../shared/assert.ts';
import { ProtocolError } from '../shared/errors.ts';
import { contains } from './message-fields.ts';
import type { Field, Fields, FieldType, PrimitiveName } from './message-fields.ts';
import { Writer, ZERO_UUID } from './wire.ts';
import type { Reader } from './wire.ts';

/** Writes and reads one value of a type that message-fields.ts has checked. */
export interface Codec {
  /** What any value takes at least. */
  readonly bytesMin: number;
  write(writer: Writer, value: unknown): void;
  read(reader: Reader): unknown;
}

type Struct = Record<string, unknown>;

/** How a version writes: what is the same for all fields of a message. */
interface Dialect {
  readonly version: number;
  /** Compact lengths and tagged fields (KIP-482). */
  readonly flexible: boolean;
}

/** @param path name of the message, for faults */
export function compileStruct(fields: Fields, dialect: Dialect, path: string): Codec {
  const { version, flexible } = dialect;
  const all = Object.entries(fields).map(([name, field]) => ({
    name,
    field,
    makeDefault: defaultMaker(field),
  }));
  const present = all.filter(({ field }) => contains(field.versions, version));
  const absent = all.filter(({ field }) => !contains(field.versions, version));
  const plain = present
    .filter(({ field }) => field.tag === undefined)
    .map(({ name, field, makeDefault }) => ({
      name,
      makeDefault,
      codec: compileField(field, dialect, `${path}.${name}`),
    }));
  const tagged = flexible ? compileTagged(present, dialect, path) : undefined;
  const blank = all.filter(
    ({ field }) => field.tag !== undefined || absent.some((a) => a.field === field),
  );

  return {
    bytesMin: plain.reduce((sum, { codec }) => sum + codec.bytesMin, flexible ? 1 : 0),
    write(writer, value) {
      const struct = value as Struct;
      for (const { name, field } of absent) {
        if (field.ignorable || isDefault(field, struct[name])) continue;
        assert(false, `${path} v${String(version)} has no field ${name} to carry what was given`);
      }
      for (const { name, makeDefault, codec } of plain) {
        codec.write(writer, struct[name] === undefined ? makeDefault() : struct[name]);
      }
      tagged?.write(writer, struct);
    },
    read(reader) {
      const struct: Struct = {};
      for (const { name, codec } of plain) struct[name] = codec.read(reader);
      for (const { name, makeDefault } of blank) struct[name] = makeDefault();
      tagged?.read(reader, struct);
      return struct;
    },
  };
}

interface NamedField {
  readonly name: string;
  readonly field: Field;
}

/**
 * The end of a flexible struct: count, then (tag, size, value) in ascending order of tags. Written only where the value is not
 * the default; tags that are not known are skipped, that is what they are for.
 */
function compileTagged(fields: readonly NamedField[], dialect: Dialect, path: string) {
  const known = fields
    .flatMap(({ name, field }) =>
      field.tag === undefined
        ? []
        : [{ name, field, tag: field.tag, codec: compileField(field, dialect, `${path}.${name}`) }],
    )
    .sort((a, b) => a.tag - b.tag);
  const byTag = new Map(known.map((entry) => [entry.tag, entry]));
  return {
    write(writer: Writer, struct: Struct): void {
      const given = known.filter(({ name, field }) => !isDefault(field, struct[name]));
      writer.unsignedVarint(given.length);
      for (const { name, tag, codec } of given) {
        const value = new Writer();
        codec.write(value, struct[name]);
        writer.unsignedVarint(tag);
        writer.unsignedVarint(value.length);
        for (const fragment of value.finish()) writer.copy(fragment);
      }
    },
    read(reader: Reader, struct: Struct): void {
      let previousTag = -1;
      for (let left = reader.unsignedVarint(); left > 0; left -= 1) {
        const tag = reader.unsignedVarint();
        if (tag <= previousTag) throw new ProtocolError(`${path}: tag ${String(tag)} out of order`);
        previousTag = tag;
        const size = reader.unsignedVarint();
        const entry = byTag.get(tag);
        if (entry === undefined) {
          reader.skip(size);
          continue;
        }
        const outerEnd = reader.enter(size);
        struct[entry.name] = entry.codec.read(reader);
        reader.leave(outerEnd);
      }
    },
  };
}

function compileField(field: Field, dialect: Dialect, path: string): Codec {
  const codec = compileType(field.type, dialect, path);
  if (contains(field.nullable, dialect.version)) return codec;
  return {
    bytesMin: codec.bytesMin,
    write(writer, value) {
      assert(value !== null, `${path} is not null`);
      codec.write(writer, value);
    },
    read(reader) {
      const value = codec.read(reader);
      if (value === null) throw new ProtocolError(`${path} is null`);
      return value;
    },
  };
}

function compileType(type: FieldType, dialect: Dialect, path: string): Codec {
  if (type.kind === 'struct') return compileStruct(type.fields, dialect, path);
  if (type.kind === 'primitive') return compilePrimitive(type.name, dialect.flexible);
  return compileArray(type.element, dialect, path);
}

function compileArray(elementType: FieldType, dialect: Dialect, path: string): Codec {
  const compact = dialect.flexible;
  const element = compileType(elementType, dialect, path);
  return {
    bytesMin: compact ? 1 : 4,
    write(writer, value) {
      const elements = value as readonly unknown[] | null;
      writer.lengthOf(elements === null ? -1 : elements.length, compact);
      for (const one of elements ?? []) {
        assert(one !== null, `an element of ${path} is not null`);
        element.write(writer, one);
      }
    },
    read(reader) {
      const count = reader.arrayCount(compact, element.bytesMin);
      if (count === -1) return null;
      const elements: unknown[] = [];
      for (let index = 0; index < count; index += 1) {
        const one = element.read(reader);
        if (one === null) throw new ProtocolError(`an element of ${path} is null`);
        elements.push(one);
      }
      return elements;
    },
  };
}

function compilePrimitive(name: PrimitiveName, compact: boolean): Codec {
  switch (name) {
    case 'boolean':
      return codec<boolean>(
        1,
        (w, value) => w.boolean(value),
        (r) => r.boolean(),
      );
    case 'int8':
      return codec<number>(
        1,
        (w, value) => w.int8(value),
        (r) => r.int8(),
      );
    case 'int16':
      return codec<number>(
        2,
        (w, value) => w.int16(value),
        (r) => r.int16(),
      );
    case 'int32':
      return codec<number>(
        4,
        (w, value) => w.int32(value),
        (r) => r.int32(),
      );
    case 'int64':
      return codec<bigint>(
        8,
        (w, value) => w.int64(value),
        (r) => r.int64(),
      );
    case 'uuid':
      return codec<string>(
        16,
        (w, value) => w.uuid(value),
        (r) => r.uuid(),
      );
    case 'string':
      return codec<string | null>(
        compact ? 1 : 2,
        (w, value) => w.string(value, compact),
        (r) => r.string(compact),
      );
    case 'bytes':
      return codec<Uint8Array | null>(
        compact ? 1 : 4,
        (w, value) => w.bytes(value, compact),
        (r) => r.bytes(compact),
      );
    case 'records':
      return codec<Uint8Array | readonly Uint8Array[] | null>(
        compact ? 1 : 4,
        (w, value) => w.records(value, compact),
        (r) => r.bytes(compact),
      );
  }
}

function codec<Value>(
  bytesMin: number,
  write: (writer: Writer, value: Value) => void,
  read: (reader: Reader) => Value,
): Codec {
  return {
    bytesMin,
    write(writer, value) {
      write(writer, value as Value);
    },
    read,
  };
}

const zeroes: Readonly<Record<PrimitiveName, unknown>> = {
  boolean: false,
  int8: 0,
  int16: 0,
  int32: 0,
  int64: 0n,
  uuid: ZERO_UUID,
  string: '',
  bytes: new Uint8Array(0),
  records: null,
};

/** What stands for a field where nothing is given; arrays and structs are made anew, so that nobody shares them. */
export function defaultOf(field: Field): unknown {
  return defaultMaker(field)();
}

/** Looks at the table once, and not for each message. */
function defaultMaker(field: Field): () => unknown {
  const { type, default: given } = field;
  if (given !== undefined) return () => given;
  if (type.kind === 'array') return () => [];
  if (type.kind === 'primitive') {
    const zero = zeroes[type.name];
    return () => zero;
  }
  const makers = Object.entries(type.fields).map(
    ([name, inner]) => [name, defaultMaker(inner)] as const,
  );
  return () => {
    const struct: Struct = {};
    for (const [name, makeDefault] of makers) struct[name] = makeDefault();
    return struct;
  };
}

function isDefault(field: Field, value: unknown): boolean {
  if (value === undefined) return true;
  if (value === null || field.default === null) return value === defaultOf(field);
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  if (field.type.kind !== 'struct') return value === defaultOf(field);
  const struct = value as Struct;
  return Object.entries(field.type.fields).every(([name, inner]) => isDefault(inner, struct[name]));
}
