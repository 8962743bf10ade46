import { ProtocolError } from '../shared/errors.ts';

/** Largest response that is taken, as in librdkafka and franz-go (receive.message.max.bytes). */
export const RESPONSE_BYTES_MAX = 100_000_000;

const LENGTH_BYTES = 4;
/** A response is at least its correlation id. */
const FRAME_BYTES_MIN = 4;
/** What an announced length may claim before any of its bytes have come. */
const CAPACITY_AT_START = 65_536;
const nothing = Buffer.alloc(0);

/**
 * Cuts a byte stream into frames: four length bytes, then as many. Each byte is copied once and a bit: the assembly doubles as bytes come in,
 * never on the word of the length alone.
 */
export class ResponseFrames {
  readonly #bytesMax: number;
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthFilled = 0;
  /** Of the frame in assembly; -1 between frames. */
  #wanted = -1;
  #body = nothing;
  #filled = 0;

  constructor(bytesMax: number = RESPONSE_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /**
   * @param chunk lent: the frames have bytes of their own
   * @param onFrame gets each frame without its length; answers false to stop (the rest of the chunk is dropped)
   * @throws {ProtocolError} when a length is below 4 or over the cap
   */
  take(chunk: Buffer, onFrame: (frame: Buffer) => boolean): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#wanted < 0) {
        at += this.#takeLength(chunk, at);
        if (this.#wanted < 0) return;
      }
      const taken = Math.min(chunk.length - at, this.#wanted - this.#filled);
      this.#makeRoom(this.#filled + taken);
      chunk.copy(this.#body, this.#filled, at, at + taken);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#wanted && !onFrame(this.#finish())) return;
    }
  }

  #takeLength(chunk: Buffer, from: number): number {
    const taken = Math.min(LENGTH_BYTES - this.#lengthFilled, chunk.length - from);
    chunk.copy(this.#length, this.#lengthFilled, from, from + taken);
    this.#lengthFilled += taken;
    if (this.#lengthFilled < LENGTH_BYTES) return taken;
    this.#lengthFilled = 0;
    const length = this.#length.readInt32BE(0);
    if (length < FRAME_BYTES_MIN || length > this.#bytesMax) {
      throw new ProtocolError(`a response of ${length} bytes, the limit is ${this.#bytesMax}`);
    }
    this.#wanted = length;
    return taken;
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#body.length) return;
    const grown = Math.max(bytes, 2 * this.#body.length, CAPACITY_AT_START);
    const body = Buffer.allocUnsafe(Math.min(this.#wanted, grown));
    this.#body.copy(body, 0, 0, this.#filled);
    this.#body = body;
  }

  #finish(): Buffer {
    const frame = this.#body.subarray(0, this.#filled);
    this.#body = nothing;
    this.#filled = 0;
    this.#wanted = -1;
    return frame;
  }
}
