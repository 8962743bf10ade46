/** Work that may have to wait for a promise each, begun in the order in which it came. */
export class InOrder {
  readonly #queue: { isReady: boolean; readonly size: 0 | 1; readonly begin: () => void }[] = [];
  #length = 0;

  /** Work that waits, without those who only want to know when it has begun. 0: what comes now may begin at once. */
  get length(): number {
    return this.#length;
  }

  /**
   * @param ready undefined: at once, if nothing before it waits. Must not reject
   * @param begin must not throw
   */
  enter(ready: Promise<unknown> | undefined, begin: () => void): void {
    if (ready === undefined && this.length === 0) {
      begin();
      return;
    }
    const entry = { isReady: ready === undefined, size: 1 as const, begin };
    this.#queue.push(entry);
    this.#length += 1;
    void ready?.then(() => {
      entry.isReady = true;
      this.#advance();
    });
  }

  /** Resolves when everything that has come until now has begun. */
  passed(): Promise<void> {
    if (this.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#queue.push({ isReady: true, size: 0, begin: resolve }));
  }

  #advance(): void {
    for (let first = this.#queue[0]; first?.isReady === true; first = this.#queue[0]) {
      this.#queue.shift();
      this.#length -= first.size;
      first.begin();
    }
  }
}
