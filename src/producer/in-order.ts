/** Work that may have to wait for a promise each, begun in the order in which it came. */
export class InOrder {
  readonly #queue: { isReady: boolean; readonly begin: () => void }[] = [];

  /** 0: what comes now may begin at once. */
  get length(): number {
    return this.#queue.length;
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
    const entry = { isReady: ready === undefined, begin };
    this.#queue.push(entry);
    void ready?.then(() => {
      entry.isReady = true;
      this.#advance();
    });
  }

  /** Resolves when everything that has come until now has begun. */
  passed(): Promise<void> {
    if (this.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#queue.push({ isReady: true, begin: resolve }));
  }

  #advance(): void {
    for (let first = this.#queue[0]; first?.isReady === true; first = this.#queue[0]) {
      this.#queue.shift();
      first.begin();
    }
  }
}
