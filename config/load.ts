/** Reads a configuration: file < environment < flags, checked against the tables, complete and frozen, or every fault at once. */
import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type ErrorCode,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { ConfigError, type ConfigFault } from '../src/shared/errors.ts';
import { applyOverrides, type Overrides } from './overrides.ts';
import type { Placed, PlacedEntry, PlacedMap } from './placed.ts';
import { SettingsReader } from './read-settings.ts';
import { notesOn, rules, type Draft } from './rules.ts';
import { schema, type Config } from './schema.ts';
import { quoted } from './value-types.ts';

const FILE_BYTES_MAX = 1024 * 1024;
const DEPTH_MAX = 32;

/**
 * @param file a YAML file, named as the user named it; undefined: nothing but the overrides
 * @throws {ConfigError} with every fault
 */
export function loadConfig(file: string | undefined, overrides: Overrides = {}): Config {
  const faults: ConfigFault[] = [];
  const place = file ?? 'command line';
  const root =
    file === undefined
      ? { kind: 'map' as const, place, entries: new Map<string, PlacedEntry>() }
      : readFile(file, faults);
  const read = (text: string, at: string): Placed | ConfigFault => readValue(text, at);
  faults.push(...applyOverrides(root, overrides, schema, read));

  const reader = new SettingsReader(Object.keys(schema.rows.kafka.rows));
  const draft = reader.section(schema, root, '') as Draft;
  faults.push(...reader.faults, ...brokenRules(draft, reader, root.place));
  if (faults.length > 0) throw new ConfigError(faults.sort(byPlace));
  const notes = [...reader.notes, ...notesOn(draft, (path) => reader.places.has(path))];
  return deepFreeze({ ...draft, notes }) as Config;
}

function brokenRules(draft: Draft, reader: SettingsReader, filePlace: string): ConfigFault[] {
  return rules
    .flatMap((rule) => rule.check(draft))
    .filter(({ keys }) => !keys.some((key) => reader.isFaulty(key)))
    .map(({ keys, problem, fix }) => {
      const written = keys.find((key) => reader.places.has(key));
      return { place: reader.places.get(written ?? '') ?? filePlace, problem, fix };
    });
}

/** @throws {ConfigError} when the file cannot be read, or is not YAML to such a degree that nothing more can be said about it */
function readFile(file: string, faults: ConfigFault[]): PlacedMap {
  const text = readText(file);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const syntax = [...document.errors, ...document.warnings];
  faults.push(...syntax.map((error) => syntaxFault(error, text, placeAt)));
  if (syntax.some((error) => error.code !== 'DUPLICATE_KEY')) throw new ConfigError(faults);

  const tree = new TreeBuilder(document, placeAt, dirname(resolve(file)), faults);
  const root = tree.placed(document.contents, 0, 0);
  if (root.kind === 'map') return { ...root, place: placeAt(0) };
  throw new ConfigError([...faults, { place: placeAt(0), ...notAMapping(root, text) }]);
}

function readText(file: string): string {
  const refuse = (problem: string, fix: string): never => {
    throw new ConfigError([{ place: file, problem, fix }]);
  };
  try {
    if (statSync(file).size > FILE_BYTES_MAX) {
      refuse('is over 1 MiB: not a configuration', 'name the right file with -c');
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return refuse('there is no such file', 'name the configuration with -c FILE');
    }
    if (code === 'EACCES' || code === 'EPERM') {
      const fix = `let the user ${userInfo().username} read the file and enter its folder`;
      return refuse('permission to read it is denied', fix);
    }
    if (code === 'EISDIR') return refuse('is a folder', 'name a file with -c FILE');
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      return refuse('is not text in UTF-8', 'name the right file with -c, or save it as UTF-8');
    }
    return refuse(`cannot be read: ${message}`, 'name a readable file with -c FILE');
  }
}

function notAMapping(root: Placed, text: string): Omit<ConfigFault, 'place'> {
  if (root.kind === 'scalar' && root.text === undefined) {
    const fix = 'begin with kafka: and inputs:, as in config/examples/tail.yaml';
    return { problem: 'the file is empty', fix };
  }
  if (root.kind === 'scalar' && /^\s*[\w.]+[ \t]*=/m.test(text)) {
    const fix = 'write `kafka:` and below it, indented, each line as `name: value`';
    return { problem: 'this looks like a Java properties file, not like YAML', fix };
  }
  const what =
    root.kind === 'list'
      ? 'a list'
      : `the text ${quoted(root.kind === 'scalar' ? (root.text ?? '') : '')}`;
  const problem = `the file has to be a mapping of keys in YAML, and is ${what}`;
  return { problem, fix: 'begin with kafka: and inputs:, as in config/examples/tail.yaml' };
}

const syntaxFixes: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_INDENT: 'let all keys of one mapping begin in the same column, and close every bracket',
  BAD_SCALAR_START: 'put quotes around the value',
  BLOCK_AS_IMPLICIT_KEY: 'put quotes around a value that contains ": ", or begin a new line',
  DUPLICATE_KEY: 'keep one of them',
  MISSING_CHAR: 'close the quote or bracket that was opened',
  MULTIPLE_DOCS: 'keep one document: take out the line ---',
  TAB_AS_INDENT: 'indent with spaces',
  TAG_RESOLVE_FAILED: 'take the tag out, or put quotes around the value',
};

function syntaxFault(
  error: YAMLError,
  text: string,
  placeAt: (offset: number) => string,
): ConfigFault {
  const [from] = error.pos;
  const place = placeAt(from);
  const fix = syntaxFixes[error.code] ?? 'write `key: value`, two spaces further in for each level';
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^["']?([^\s:"',}]+)/.exec(text.slice(from))?.[1] ?? 'a key';
    return { place, problem: `${key} is written twice`, fix };
  }
  const said = error.code === 'MULTIPLE_DOCS' ? 'a second document begins' : error.message;
  return {
    place,
    problem: `this is not YAML: ${said.charAt(0).toLowerCase()}${said.slice(1)}`,
    fix,
  };
}

/** From the nodes of the YAML library to ours, with places. */
class TreeBuilder {
  readonly #document: Document;
  readonly #placeAt: (offset: number) => string;
  readonly #folder: string;
  readonly #faults: ConfigFault[];

  constructor(
    document: Document,
    placeAt: (offset: number) => string,
    folder: string,
    faults: ConfigFault[],
  ) {
    this.#document = document;
    this.#placeAt = placeAt;
    this.#folder = folder;
    this.#faults = faults;
  }

  placed(node: unknown, offset: number, depth: number): Placed {
    const start = (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? offset;
    const place = this.#placeAt(start);
    const nothing = { kind: 'scalar' as const, place, folder: this.#folder, text: undefined };
    if (depth > DEPTH_MAX) {
      const fix = 'take the alias out that contains itself';
      this.#faults.push({ place, problem: `is nested over ${DEPTH_MAX} levels`, fix });
      return nothing;
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target !== undefined) return this.placed(target, start, depth + 1);
      const problem = `the alias *${node.source} has no anchor`;
      this.#faults.push({
        place,
        problem,
        fix: `put quotes around "*${node.source}", or write &${node.source} before`,
      });
      return nothing;
    }
    if (isMap(node)) return { kind: 'map', place, entries: this.#entries(node, start, depth) };
    if (isSeq(node)) {
      return {
        kind: 'list',
        place,
        items: node.items.map((item) => this.placed(item, start, depth + 1)),
      };
    }
    if (!isScalar(node) || node.value === null) return nothing;
    const text = typeof node.value === 'string' ? node.value : (node.source ?? '');
    return { kind: 'scalar', place, folder: this.#folder, text };
  }

  #entries(map: YAMLMap, start: number, depth: number): Map<string, PlacedEntry> {
    const entries = new Map<string, PlacedEntry>();
    for (const { key, value } of map.items) {
      const name = this.placed(key, start, depth + 1);
      if (name.kind !== 'scalar' || name.text === undefined) {
        const fix = 'write a name before the colon';
        this.#faults.push({ place: name.place, problem: 'a key has to be a name', fix });
      } else if (!entries.has(name.text)) {
        const offset = (key as { range?: readonly number[] | null }).range?.[1] ?? start;
        entries.set(name.text, { place: name.place, node: this.placed(value, offset, depth + 1) });
      }
    }
    return entries;
  }
}

/** The value of a flag or an environment variable. */
function readValue(text: string, place: string): Placed | ConfigFault {
  const folder = process.cwd();
  if (!/^\s*[[{]/.test(text)) return { kind: 'scalar', place, folder, text };
  const document = parseDocument(text, { prettyErrors: false });
  const [error] = document.errors;
  const faults: ConfigFault[] = [];
  const node = new TreeBuilder(document, () => place, folder, faults).placed(
    document.contents,
    0,
    0,
  );
  if (error !== undefined) {
    return {
      place,
      problem: `the value is not YAML: ${error.message}`,
      fix: 'close every bracket',
    };
  }
  return faults[0] ?? node;
}

/** Faults of the file in the order of its lines; the others after them, as they came. */
function byPlace(a: ConfigFault, b: ConfigFault): number {
  const position = ({ place }: ConfigFault): number => {
    const [, line, column] = /:(\d+):(\d+)$/.exec(place) ?? [];
    return line === undefined ? Number.MAX_SAFE_INTEGER : Number(line) * 10_000 + Number(column);
  };
  return position(a) - position(b);
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
