import type { Run } from '../ring/arena.ts';
import type { InputGate } from './input.ts';
import type { LineStream } from './line-stream.ts';
import type { ByteReader, ByteReaderHooks } from './zero-copy-read.ts';

export interface ParkedStreamHooks {
  readonly lines: LineStream;
  /** Everything that came is in chunks. */
  readonly onEnded: () => void;
  readonly onBroken: (error: Error) => void;
}

/** One stream that cannot be read again: without room in the arena it waits, with its bytes in the scratch. */
export class ParkedStream {
  readonly #gate: InputGate;
  readonly #hooks: ParkedStreamHooks;
  #address: number;
  #parkedBytes = 0;
  readonly #scratchAddress: number;
  #isClosed = false;
  #isEnded = false;
  #reader: ByteReader | undefined;
  #onEnded: (() => void) | undefined;

  constructor(gate: InputGate, scratch: Run, hooks: ParkedStreamHooks) {
    this.#gate = gate;
    this.#hooks = hooks;
    this.#scratchAddress = scratch.address;
    this.#address = scratch.address;
  }

  read(open: (hooks: ByteReaderHooks) => ByteReader): void {
    this.#reader = open({
      onBytes: (count) => this.#onBytes(count),
      onEnd: () => undefined,
      onClose: (error) => {
        if (error !== undefined) this.#hooks.onBroken(error);
        this.#isClosed = true;
        if (this.#parkedBytes === 0) this.#finish();
      },
    });
    this.#reader.resume();
  }

  async stop(): Promise<void> {
    if (this.#isEnded) return;
    const ended = new Promise<void>((resolve) => {
      this.#onEnded = resolve;
    });
    this.#reader?.destroy();
    await ended;
  }

  #onBytes(count: number): boolean {
    if (this.#isClosed) return false;
    const taken = this.#hooks.lines.offer(this.#scratchAddress, count);
    if (taken === count) return true;
    this.#address = this.#scratchAddress + taken;
    this.#parkedBytes = count - taken;
    this.#waitForRoom();
    return false;
  }

  #waitForRoom(): void {
    this.#gate.chunkers.whenRoom(() => {
      this.#tryAgain();
    });
  }

  #tryAgain(): void {
    const taken = this.#hooks.lines.offer(this.#address, this.#parkedBytes);
    this.#address += taken;
    this.#parkedBytes -= taken;
    if (this.#parkedBytes > 0) this.#waitForRoom();
    else if (this.#isClosed) this.#finish();
    else this.#reader?.resume();
  }

  #finish(): void {
    if (!this.#hooks.lines.finish()) {
      this.#waitForRoom();
      return;
    }
    this.#isEnded = true;
    this.#hooks.onEnded();
    this.#onEnded?.();
  }
}
