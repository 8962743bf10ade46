/** Adds up what happens again and again, and tells it in sums: once for each thing, not once for each time. */
export class Sums<Thing> {
  readonly #firstMs: number;
  readonly #nextMs: number;
  readonly #tell: (thing: Thing, count: number) => void;
  readonly #sums = new Map<string, { readonly thing: Thing; count: number }>();
  #timer: NodeJS.Timeout | undefined;
  #isFirst = true;

  /**
   * @param firstMs from the first time that something is added until it is told
   * @param nextMs the same of all that comes after
   */
  constructor(firstMs: number, nextMs: number, tell: (thing: Thing, count: number) => void) {
    this.#firstMs = firstMs;
    this.#nextMs = nextMs;
    this.#tell = tell;
  }

  /** @param key equal for what is told together */
  add(key: string, thing: Thing, count: number): void {
    const sum = this.#sums.get(key) ?? { thing, count: 0 };
    sum.count += count;
    this.#sums.set(key, sum);
    this.#timer ??= setTimeout(() => this.say(), this.#isFirst ? this.#firstMs : this.#nextMs);
    this.#timer.unref();
    this.#isFirst = false;
  }

  /** What was added since the last time. */
  say(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { thing, count } of this.#sums.values()) this.#tell(thing, count);
    this.#sums.clear();
  }
}
