import type { InputClock } from '../../src/input/clock.ts';

/** A clock that stands still until it is moved. */
export class StillClock implements InputClock {
  #ms = 0;
  #isMovedAlong = false;
  readonly #timers = new Set<{ readonly atMs: number; readonly wake: () => void }>();

  /** So many wait for a time. */
  get waiting(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return this.#ms;
  }

  wallMs(): number {
    return 1_000_000 + this.#ms;
  }

  after(delayMs: number, wake: () => void): () => void {
    const timer = { atMs: this.#ms + delayMs, wake };
    this.#timers.add(timer);
    if (this.#isMovedAlong) setImmediate(() => this.advance(delayMs));
    return () => this.#timers.delete(timer);
  }

  soon(wake: () => void): void {
    this.after(0, wake);
  }

  /** Wakes whoever waits for a time up to then. */
  advance(ms: number): void {
    this.#ms += ms;
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.#ms) continue;
      this.#timers.delete(timer);
      timer.wake();
    }
  }

  /** From now on nobody waits for long: for the end of a test, which may have failed anywhere. */
  moveAlong(): void {
    this.#isMovedAlong = true;
    this.advance(60_000);
  }
}
