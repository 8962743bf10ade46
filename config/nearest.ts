/**
 * The known name that is most likely meant: least edits (insert, delete, replace, swap of neighbours), and not more than a third of the
 * name or two, whichever is more; but no more than half of the shorter name.
 */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestEdits = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const edits = distance(normal(name), normal(candidate));
    if (edits < bestEdits && edits * 2 < Math.min(name.length, candidate.length) + 1) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** `lingerMs`, `linger_ms` and `linger-ms` are no distance from `linger.ms`. */
function normal(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1.$2')
    .toLowerCase()
    .replaceAll(/[_-]/g, '.');
}

/** A name that lacks its last or first words is near: `linger` to `linger.ms`, `servers` to `bootstrap.servers`. */
function distance(name: string, candidate: string): number {
  if (candidate.startsWith(`${name}.`)) return 1;
  return candidate.endsWith(`.${name}`) ? 2 : editDistance(name, candidate);
}

/** Optimal string alignment. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replace = (last[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let least = Math.min(replace, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length] ?? 0;
}
