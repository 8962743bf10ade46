/** A tree of settings as they were written, each with the place it stands at, whether in the file, the environment or a flag. */

export interface PlacedScalar {
  readonly kind: 'scalar';
  readonly place: string;
  /** Where relative paths start. */
  readonly folder: string;
  /** As written; undefined for nothing (`key:` without a value, or null). */
  readonly text: string | undefined;
}

export interface PlacedList {
  readonly kind: 'list';
  readonly place: string;
  readonly items: Placed[];
}

export interface PlacedMap {
  readonly kind: 'map';
  readonly place: string;
  readonly entries: Map<string, PlacedEntry>;
}

export interface PlacedEntry {
  /** Of the key. */
  readonly place: string;
  readonly node: Placed;
}

export type Placed = PlacedScalar | PlacedList | PlacedMap;

/** For people: what was found where something else was wanted. */
export function describe(node: Placed): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'a mapping of keys';
  return node.text === undefined ? 'nothing' : 'a single value';
}

/**
 * Puts `node` at the end of `path`, in place of what is there; makes the mappings and lists on the way.
 *
 * @returns the place of what is in the way, or undefined when it is done
 */
export function setAt(root: PlacedMap, path: readonly string[], node: Placed): string | undefined {
  let at: PlacedMap | PlacedList = root;
  for (const [depth, key] of path.entries()) {
    const isLast = depth === path.length - 1;
    const next: Placed = isLast
      ? node
      : (childOf(at, key) ?? emptyFor(path[depth + 1] ?? '', node.place));
    if (at.kind === 'map') at.entries.set(key, { place: node.place, node: next });
    else if (/^\d+$/.test(key) && Number(key) <= at.items.length) at.items[Number(key)] = next;
    else return at.place;
    if (isLast) return undefined;
    if (next.kind === 'scalar') return next.place;
    at = next;
  }
  return undefined;
}

function childOf(at: PlacedMap | PlacedList, key: string): Placed | undefined {
  const child = at.kind === 'map' ? at.entries.get(key)?.node : at.items[Number(key)];
  return child?.kind === 'scalar' && child.text === undefined ? undefined : child;
}

function emptyFor(nextKey: string, place: string): Placed {
  if (/^\d+$/.test(nextKey)) return { kind: 'list', place, items: [] };
  return { kind: 'map', place, entries: new Map() };
}
