import { existsSync, readdirSync, statSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import picomatch from 'picomatch';

/** A directory that could not be listed. */
export interface GlobFault {
  readonly path: string;
  readonly error: NodeJS.ErrnoException;
}

export interface GlobFindings {
  /** Absolute paths, each once, in the order of the patterns, then by name. Literal paths are in it unseen. */
  readonly paths: readonly string[];
  /** Where a matching path may appear. */
  readonly directories: readonly string[];
  readonly faults: readonly GlobFault[];
  /** Globs that led to nothing. */
  readonly barren: readonly string[];
}

interface GlobPattern {
  /** As it was written. */
  readonly text: string;
  readonly base: string;
  /** Whether the path below `base` matches. */
  readonly matches: (below: string) => boolean;
  /** Which names a directory may have at each depth below `base`; beyond the list every one. */
  readonly folders: readonly ((name: string) => boolean)[];
  readonly depthMax: number;
}

/** `**` goes no deeper: a loop of mounts must not hang the scan. */
const DEPTH_MAX = 32;
/** A name may hold a newline. */
const MATCH = { flags: 's' } as const;

/** Paths and globs (`*`, `?`, `[a-z]`, `{a,b}`, `**`); a leading dot must be written out, as in the shell. */
export class PathPatterns {
  /** Paths without any glob character, absolute. */
  readonly literals: ReadonlySet<string>;
  readonly #globs: readonly GlobPattern[];
  readonly #isExcluded: (path: string) => boolean;

  /** @param exclude paths and globs of what is not meant, though a pattern leads to it; without a slash: names in any directory */
  constructor(patterns: readonly string[], exclude: readonly string[] = []) {
    const byName = exclude.filter((pattern) => !pattern.includes('/'));
    const byPath = exclude.filter((pattern) => pattern.includes('/'));
    const isName = picomatch(byName, { ...MATCH, dot: true });
    const isPath = picomatch(
      byPath.map((pattern) => resolve(pattern)),
      { ...MATCH, dot: true },
    );
    this.#isExcluded = (path) => isName(basename(path)) || isPath(path);
    // A file may have brackets in its name: what is there under just that name is meant.
    const isGlob = (pattern: string): boolean =>
      picomatch.scan(pattern).isGlob && !existsSync(pattern);
    this.literals = new Set(
      patterns
        .filter((pattern) => !isGlob(pattern))
        .map((path) => resolve(existsSync(path) ? path : unescaped(path)))
        .filter((path) => !this.#isExcluded(path)),
    );
    this.#globs = patterns.filter(isGlob).map(parseGlob);
  }

  /** Whether a path could be found: for hints that name one. */
  matches(path: string): boolean {
    if (this.literals.has(path)) return true;
    if (this.#isExcluded(path)) return false;
    return this.#globs.some(
      ({ base, matches }) => path.startsWith(`${base}/`) && matches(path.slice(base.length + 1)),
    );
  }

  /** Looks at the disk now. */
  find(): GlobFindings {
    const paths = new Set(this.literals);
    const directories = new Set([...this.literals].map((path) => dirname(path)));
    const faults: GlobFault[] = [];
    const barren: string[] = [];
    for (const glob of this.#globs) {
      let found = 0;
      walk(glob, '', 0, (directory, below, entries) => {
        directories.add(directory);
        if (entries instanceof Error) {
          faults.push({ path: directory, error: entries });
          return;
        }
        for (const entry of entries) {
          const path = below === '' ? entry.name : `${below}/${entry.name}`;
          const whole = join(glob.base, path);
          const isWanted = !entry.isDirectory() && glob.matches(path) && !this.#isExcluded(whole);
          if (!isWanted) continue;
          paths.add(whole);
          found += 1;
        }
      });
      if (found === 0) barren.push(glob.text);
    }
    return { paths: [...paths], directories: [...directories], faults, barren };
  }
}

function parseGlob(pattern: string): GlobPattern {
  const { base: escaped, glob } = picomatch.scan(resolve(pattern));
  const base = unescaped(escaped);
  const segments = glob.split('/');
  const starred = segments.findIndex((segment) => segment.includes('**'));
  // A slash inside braces hides where a directory's name ends: then nothing is pruned.
  const isPlain = segments.every((segment) => !/[{}()]/.test(segment) || isBalanced(segment));
  const folders = starred < 0 ? segments.slice(0, -1) : segments.slice(0, starred);
  const below = picomatch(glob, MATCH);
  return {
    text: pattern,
    base: base === '' ? '/' : base.replace(/(.)\/$/, '$1'),
    matches: (path) => below(path),
    folders: isPlain ? folders.map((segment) => asMatcher(segment)) : [],
    depthMax: starred < 0 && isPlain ? segments.length : DEPTH_MAX,
  };
}

/** `\[` stands for a bracket. */
function unescaped(path: string): string {
  return path.replace(/\\([*?[\]{}()!+@])/g, '$1');
}

function asMatcher(segment: string): (name: string) => boolean {
  const matcher = picomatch(segment, MATCH);
  return (name) => matcher(name);
}

function isBalanced(segment: string): boolean {
  const count = (sign: string): number => segment.split(sign).length;
  return count('{') === count('}') && count('(') === count(')');
}

type Visit = (
  directory: string,
  below: string,
  entries: readonly Dirent[] | NodeJS.ErrnoException,
) => void;

function walk(glob: GlobPattern, below: string, depth: number, visit: Visit): void {
  const directory = join(glob.base, below);
  const entries = list(directory);
  if (entries instanceof Error) {
    // A directory that went away between two looks is no fault; one that the pattern names is.
    if (entries.code !== 'ENOENT' || below === '') visit(directory, below, entries);
    return;
  }
  visit(directory, below, entries);
  if (depth + 1 >= glob.depthMax) return;
  for (const entry of entries) {
    const mayEnter = glob.folders[depth]?.(entry.name) ?? !entry.name.startsWith('.');
    // Links are followed only to a depth that the pattern spells out: below `**` they may lead round in circles.
    const followsLinks = glob.depthMax < DEPTH_MAX;
    const isFolder =
      entry.isDirectory() ||
      (followsLinks && entry.isSymbolicLink() && isDirectory(join(directory, entry.name)));
    if (mayEnter && isFolder) walk(glob, join(below, entry.name), depth + 1, visit);
  }
}

function list(directory: string): Dirent[] | NodeJS.ErrnoException {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}
