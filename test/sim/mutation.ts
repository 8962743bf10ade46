/** A known bug of a Kafka client, planted in the sender's source text when it is loaded: the product knows nothing of it. */

/** Of the symbol by which the program finds which files were changed. */
export const plantedName = 'millrace.planted';

interface Edit {
  /** From the root of the project. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutation extends Edit {
  readonly name: string;
  /** Where the bug was reported, or `measured` where a real broker showed it to us. */
  readonly ticket: string;
  /** What the client did, in one line. */
  readonly bug: string;
  /** Where one place is not enough. */
  readonly also?: readonly Edit[];
}

export function editsOf(mutation: Mutation): readonly Edit[] {
  return [mutation, ...(mutation.also ?? [])];
}

/**
 * The text of `file` with the bug in it.
 *
 * @throws {Error} when a text to be found is not there exactly once: the table is older than the source
 */
export function mutate(mutation: Mutation, file: string, text: string): string {
  let mutated = text;
  for (const edit of editsOf(mutation)) {
    if (edit.file !== file) continue;
    const times = mutated.split(edit.find).length - 1;
    if (times !== 1) {
      throw new Error(`mutation ${mutation.name}: in ${file} its text is found ${times} times`);
    }
    // A function, so that $ is nothing special.
    mutated = mutated.replace(edit.find, () => edit.replace);
  }
  return mutated;
}
