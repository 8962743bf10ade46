/** From YAML to settings with their places. The only door to the yaml library. */
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import type * as Yaml from 'yaml';
import { ConfigError, type ConfigFault } from '../src/shared/errors.ts';
import type { Placed, PlacedEntry, PlacedMap } from './placed.ts';
import { quoted } from './value-types.ts';

const DEPTH_MAX = 32;

const require = createRequire(import.meta.url);

/** Loaded when there is YAML: `produce` has none, and would spend a twelfth of its start on it. */
function yaml(): typeof Yaml {
  return require('yaml') as typeof Yaml;
}

/**
 * @param file names the places
 * @param text its content
 * @param faults receives what is wrong but can be read past
 * @throws {ConfigError} when it is not YAML to such a degree that nothing more can be said about it
 */
export function readYamlFile(file: string, text: string, faults: ConfigFault[]): PlacedMap {
  const { LineCounter, parseDocument } = yaml();
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

/** The value of a flag or an environment variable. */
export function readYamlValue(text: string, place: string): Placed | ConfigFault {
  const folder = process.cwd();
  if (!/^\s*[[{]/.test(text)) return { kind: 'scalar', place, folder, text };
  const document = yaml().parseDocument(text, { prettyErrors: false });
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

const syntaxFixes: Readonly<Partial<Record<Yaml.ErrorCode, string>>> = {
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
  error: Yaml.YAMLError,
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
  readonly #document: Yaml.Document;
  readonly #placeAt: (offset: number) => string;
  readonly #folder: string;
  readonly #faults: ConfigFault[];

  constructor(
    document: Yaml.Document,
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
    const { isAlias, isMap, isScalar, isSeq } = yaml();
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

  #entries(map: Yaml.YAMLMap, start: number, depth: number): Map<string, PlacedEntry> {
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
