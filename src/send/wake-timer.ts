/** setTimeout takes no more; a longer wait wakes early, and waits on. */
const DELAY_MS_MAX = 0x7fff_ffff;

/** The one timer of the sender. Moved later, it keeps its timeout and looks again when that fires: the usual move costs nothing. */
export class WakeTimer {
  readonly #nowMs: () => number;
  readonly #onWake: () => void;
  #dueMs = Infinity;
  #timeout: NodeJS.Timeout | undefined;
  #timeoutMs = Infinity;

  constructor(nowMs: () => number, onWake: () => void) {
    this.#nowMs = nowMs;
    this.#onWake = onWake;
  }

  /** Replaces what was set before. `Infinity`: never. */
  set(atMs: number): void {
    this.#dueMs = atMs;
    if (atMs >= this.#timeoutMs) return;
    this.#arm(atMs);
  }

  stop(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
    this.#timeoutMs = Infinity;
    this.#dueMs = Infinity;
  }

  #arm(atMs: number): void {
    clearTimeout(this.#timeout);
    this.#timeoutMs = atMs;
    // Rounded up, or it would fire a little early and go round again.
    const delayMs = Math.min(DELAY_MS_MAX, Math.max(0, Math.ceil(atMs - this.#nowMs())));
    this.#timeout = setTimeout(() => this.#fired(), delayMs);
  }

  #fired(): void {
    this.#timeout = undefined;
    this.#timeoutMs = Infinity;
    if (this.#dueMs === Infinity) return;
    if (this.#dueMs > this.#nowMs()) {
      this.#arm(this.#dueMs);
      return;
    }
    this.#dueMs = Infinity;
    this.#onWake();
  }
}
