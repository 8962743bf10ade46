/** Reads a configuration: file < environment < flags, checked against the tables, complete and frozen, or every fault at once. */
import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { ConfigError, type ConfigFault } from '../src/shared/errors.ts';
import { checkSettings } from './check-settings.ts';
import { deepFreeze } from './deep-freeze.ts';
import { applyOverrides, type Overrides } from './overrides.ts';
import type { PlacedEntry } from './placed.ts';
import { readYamlFile, readYamlValue } from './read-yaml.ts';
import { schema, type Config } from './schema.ts';

const FILE_BYTES_MAX = 1024 * 1024;

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
      : readYamlFile(file, readText(file), faults);
  faults.push(...applyOverrides(root, overrides, schema, readYamlValue));

  const { draft, notes, faults: broken } = checkSettings(schema, root);
  faults.push(...broken);
  if (faults.length > 0) throw new ConfigError(faults.sort(byPlace));
  return deepFreeze({ ...draft, notes }) as Config;
}

/** @throws {ConfigError} when the file cannot be read */
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

/** Faults of the file in the order of its lines; the others after them, as they came. */
function byPlace(a: ConfigFault, b: ConfigFault): number {
  const position = ({ place }: ConfigFault): number => {
    const [, line, column] = /:(\d+):(\d+)$/.exec(place) ?? [];
    return line === undefined ? Number.MAX_SAFE_INTEGER : Number(line) * 10_000 + Number(column);
  };
  return position(a) - position(b);
}
