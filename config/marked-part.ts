import { assert } from '../src/shared/assert.ts';

/**
 * A page with one part of it made anew. The part stands between `<!-- NAME: made by … -->` and `<!-- end of NAME -->`.
 *
 * @param command what makes the part, as the first mark says it
 */
export function withMarkedPart(page: string, name: string, command: string, part: string): string {
  const begin = `<!-- ${name}: made by \`${command}\` -->`;
  const end = `<!-- end of ${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  assert(from >= 0 && to > from, `the page has a place for its part: ${begin} … ${end}`);
  return `${page.slice(0, from)}${begin}\n\n${part}\n\n${page.slice(to)}`;
}
