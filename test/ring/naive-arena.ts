/** First fit as one would explain it: looks at every page, from the lowest. */
export class NaiveArena {
  readonly #used: boolean[];

  constructor(pages: number) {
    this.#used = Array.from({ length: pages }, () => false);
  }

  get freePages(): number {
    return this.#used.filter((used) => !used).length;
  }

  claim(pages: number): number | undefined {
    let length = 0;
    for (const [page, used] of this.#used.entries()) {
      length = used ? 0 : length + 1;
      if (length < pages) continue;
      const first = page + 1 - pages;
      this.#used.fill(true, first, first + pages);
      return first;
    }
    return undefined;
  }

  free(first: number, pages: number): void {
    this.#used.fill(false, first, first + pages);
  }
}
