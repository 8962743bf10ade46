import { counted } from '../shared/counted.ts';
import type { FileContent } from './tailed-file.ts';

interface GoneContent {
  readonly path: string;
  readonly why: 'deleted' | 'truncated';
  readonly content: FileContent;
  /** Where it ended. */
  readonly end: number;
}

/** Contents of files that nobody can read again: what of them is not delivered when the process ends is lost. */
export class GoneContents {
  #contents: GoneContent[] = [];

  /** @param end where the content ends, as far as that is known; what was not read is lost as well */
  add(path: string, why: GoneContent['why'], content: FileContent, end: number): void {
    this.#contents = this.#contents.filter(isUndelivered);
    this.#contents.push({ path, why, content, end });
  }

  /** One for each content, for a message: `12 bytes of /var/log/app.log, which was deleted`. */
  undelivered(): readonly string[] {
    return this.#contents.filter(isUndelivered).map(({ path, why, content, end }) => {
      const bytes = counted(end - content.settledTo, 'byte');
      return `${bytes} of ${path}, which was ${why}`;
    });
  }
}

function isUndelivered({ content, end }: GoneContent): boolean {
  return content.settledTo < end;
}
