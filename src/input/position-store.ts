/** What a tail needs of the checkpoint: JSON values by key. */
export interface PositionStore {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  /** As `set`, with a value that is asked for when it is written down or got. */
  setLazily(key: string, value: () => unknown): void;
  delete(key: string): void;
  entries(): Iterable<[string, unknown]>;
  /** Resolves when everything set before survives a crash, or could not be made to (which the store reports). */
  flush(): Promise<void>;
}

/** Remembers while the process lives. */
export class PositionsInMemory implements PositionStore {
  readonly #values = new Map<string, () => unknown>();

  get(key: string): unknown {
    return this.#values.get(key)?.();
  }

  set(key: string, value: unknown): void {
    this.#values.set(key, () => value);
  }

  setLazily(key: string, value: () => unknown): void {
    this.#values.set(key, value);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  entries(): Iterable<[string, unknown]> {
    return [...this.#values].map(([key, value]) => [key, value()]);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}
