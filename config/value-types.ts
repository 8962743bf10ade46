/** What a single value may be: how its text is read, how it is shown to people, and its JSON schema. */
import { isAbsolute, resolve } from 'node:path';
import { TOPIC_NAME_RULE, topicNameFault } from '../src/shared/topic-name.ts';

/** Kafka's int: what its numbers of milliseconds, bytes and counts go up to. */
export const INT32_MAX = 2_147_483_647;

export type JsonSchema = Readonly<Record<string, unknown>>;

/** A value, or what is wrong with the text and what to write instead. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string; readonly fix: string };

export interface ValueType<T> {
  /** For people: `integer from 0 to 900000`. */
  readonly says: string;
  readonly jsonSchema: JsonSchema;
  /** @param folder where relative paths start */
  parse(text: string, folder: string): Parsed<T>;
}

export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(short);
}

export function integer(min: number, max: number): ValueType<number> {
  return numberWithUnits('integer', min, max, {});
}

/** The same, or -1 for what never happens. */
export function integerOrNever(min: number, max: number): ValueType<number> {
  const plain = integer(min, max);
  return {
    says: `-1, or ${plain.says}`,
    jsonSchema: { anyOf: [{ const: -1 }, plain.jsonSchema] },
    parse(value, folder) {
      const parsed = value === '-1' ? { value: -1 } : plain.parse(value, folder);
      return 'value' in parsed ? parsed : { ...parsed, fix: `write -1, or ${plain.says}` };
    },
  };
}

/** Milliseconds; accepts `250`, `250ms`, `5s`, `2m`, `1h`. */
export function duration(min: number, max: number): ValueType<number> {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  return numberWithUnits('milliseconds, or a time such as 5s,', min, max, units);
}

/** Bytes; accepts `65536`, `64KiB`, `1MiB`, `1GiB`, and decimal `64KB`, `1MB`, `1GB`. */
export function byteSize(min: number, max: number): ValueType<number> {
  const units = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
  return numberWithUnits('bytes, or a size such as 64KiB,', min, max, units);
}

function numberWithUnits(
  kind: string,
  min: number,
  max: number,
  units: Readonly<Record<string, number>>,
): ValueType<number> {
  const names = Object.keys(units);
  const says = `${kind} from ${min} to ${max}`;
  const plain = { type: 'integer', minimum: min, maximum: max };
  const withUnit = { type: 'string', pattern: `^-?[0-9]+ ?(${names.join('|')})?$` };
  return {
    says,
    jsonSchema: names.length === 0 ? plain : { anyOf: [plain, withUnit] },
    parse(text) {
      const [, digits, unit = ''] = /^(-?\d+) ?([A-Za-z]*)$/.exec(text) ?? [];
      const factor = unit === '' ? 1 : units[unit];
      if (digits === undefined || factor === undefined) {
        const what =
          names.length === 0 ? 'a whole number' : `a number of ${kind.split(',')[0] ?? ''}`;
        return { problem: `${quoted(text)} is not ${what}`, fix: `write ${says}` };
      }
      const value = Number(digits) * factor;
      if (value >= min && value <= max) return { value };
      const side = value < min ? `below ${min}` : `above ${max}`;
      return { problem: `${text} is ${side}`, fix: `write ${says}` };
    },
  };
}

export const boolean: ValueType<boolean> = {
  says: 'true or false',
  jsonSchema: { type: 'boolean' },
  parse(text) {
    const word = text.toLowerCase();
    if (word === 'true' || word === 'false') return { value: word === 'true' };
    return { problem: `${quoted(text)} is neither true nor false`, fix: 'write true or false' };
  },
};

export function text(charactersMax: number, { empty = false } = {}): ValueType<string> {
  return {
    says: 'text',
    jsonSchema: { type: 'string', minLength: empty ? 0 : 1, maxLength: charactersMax },
    parse(value) {
      if (value === '' && !empty)
        return { problem: 'is empty', fix: 'write a text, or leave the key out' };
      if (value.length <= charactersMax) return { value };
      const problem = `is ${value.length} characters long`;
      return { problem, fix: `write at most ${charactersMax} characters` };
    },
  };
}

/**
 * One of a few words, in any case.
 *
 * @param refused words that are known but cannot be had, each with the reason
 */
export function choice<const Word extends string>(
  words: readonly Word[],
  refused: Readonly<Record<string, string>> = {},
): ValueType<Word> {
  const says = words.join(', ');
  return {
    says: words.length === 1 ? `only ${says}` : says,
    jsonSchema: { enum: words },
    parse(value) {
      const same = (word: string): boolean => word.toLowerCase() === value.toLowerCase();
      const found = words.find(same);
      if (found !== undefined) return { value: found };
      const known = Object.keys(refused).find(same);
      const reason = known === undefined ? undefined : refused[known];
      const fix =
        words.length === 1 ? `write ${says}, or leave the key out` : `write one of ${says}`;
      if (reason !== undefined) return { problem: `${value} is not supported: ${reason}`, fix };
      return { problem: `${quoted(value)} is not one of its values`, fix };
    },
  };
}

/** A number of which only one value can be had. */
export function onlyNumber(only: number, reason: string): ValueType<number> {
  return {
    says: `only ${only}`,
    jsonSchema: { const: only },
    parse(value) {
      if (value === String(only)) return { value: only };
      return {
        problem: `${quoted(value)} is not supported: ${reason}`,
        fix: `write ${only}, or leave the key out`,
      };
    },
  };
}

/** Kafka's numbers for who has to have a batch before it counts: all in-sync replicas, nobody, the leader. */
export const acks: ValueType<-1 | 0 | 1> = {
  says: 'all (or -1), 1, 0',
  jsonSchema: { enum: ['all', -1, 0, 1, '-1', '0', '1'] },
  parse(value) {
    if (value === 'all' || value === '-1') return { value: -1 };
    if (value === '0') return { value: 0 };
    if (value === '1') return { value: 1 };
    return { problem: `${quoted(value)} is not one of its values`, fix: 'write all, 1 or 0' };
  },
};

export const topicName: ValueType<string> = {
  says: 'name of a topic: 1 to 249 of a-z A-Z 0-9 . _ -',
  jsonSchema: { type: 'string', pattern: '^[a-zA-Z0-9._-]{1,249}$', not: { enum: ['.', '..'] } },
  parse(name) {
    const fault = topicNameFault(name);
    if (fault === undefined) return { value: name };
    return {
      problem: `${quoted(name)} is not a name that Kafka allows for a topic: ${fault}`,
      fix: /^\.+$/.test(name) ? 'choose another name' : `use ${TOPIC_NAME_RULE}`,
    };
  },
};

/** A path of the file system, absolute afterwards. Patterns keep their `*` and `?`. */
export const path: ValueType<string> = {
  says: 'a path; a relative one starts at the folder of the config file, or at the working folder when it comes from a flag',
  jsonSchema: { type: 'string', minLength: 1 },
  parse(name, folder) {
    if (name === '') return { problem: 'is empty', fix: 'write a path' };
    if (name.includes('\0')) return { problem: 'contains a NUL', fix: 'write a path' };
    return { value: isAbsolute(name) ? plain(name) : resolve(folder, name) };
  },
};

/** Without what leads nowhere. `..` stays: behind a link it is not the folder above. */
function plain(path: string): string {
  return path.replace(/\/(?:\.?\/)+/g, '/');
}

/** A pattern of paths; without a slash, of file names in any folder. */
export const excludePattern: ValueType<string> = {
  ...path,
  says: 'pattern of names when it has no slash, otherwise of paths',
  parse(pattern, folder) {
    const isName = pattern !== '' && !pattern.includes('/');
    return path.parse(isName ? `/**/${pattern}` : pattern, folder);
  },
};

/** The longest path that fits `sockaddr_un`, in bytes. */
const SOCKET_PATH_BYTES_MAX = 107;

export const socketPath: ValueType<string> = {
  ...path,
  says: `${path.says}; at most ${SOCKET_PATH_BYTES_MAX} bytes in full`,
  parse(name, folder) {
    const parsed = path.parse(name, folder);
    if (!('value' in parsed)) return parsed;
    const bytes = Buffer.byteLength(parsed.value);
    if (bytes <= SOCKET_PATH_BYTES_MAX) return parsed;
    return {
      problem: `${parsed.value} has ${bytes} bytes, and the system takes ${SOCKET_PATH_BYTES_MAX} for a socket`,
      fix: 'use a shorter path, such as one below /run',
    };
  },
};

/** Permission bits, in octal. */
export const fileMode: ValueType<number> = {
  says: 'permissions in octal, such as 0660',
  jsonSchema: { anyOf: [{ type: 'string', pattern: '^0?[0-7]{3}$' }, { type: 'integer' }] },
  parse(value) {
    const octal = /^(?:0o?)?([0-7]{3})$/.exec(value)?.[1];
    if (octal !== undefined) return { value: Number.parseInt(octal, 8) };
    return {
      problem: `${quoted(value)} is not a file mode`,
      fix: 'write three octal digits after a 0, such as 0660',
    };
  },
};
