/** Length in front of every request. */
const LENGTH_BYTES = 4;
/** What a frame needs to have before it can be said which API it is for. */
const PEEK_BYTES = 4;

/** What there is to do next. */
export type FrameStep =
  | { readonly kind: 'needMore' }
  /** A whole frame without its length; valid until `push` is called. */
  | { readonly kind: 'frame'; readonly frame: Uint8Array }
  | { readonly kind: 'illegalLength'; readonly length: number };

const needMore: FrameStep = { kind: 'needMore' };

/**
 * Cuts the byte stream of one connection into request frames. A frame that came in one piece is not copied; others are
 * collected in one buffer that is used again.
 */
export class RequestFrames {
  readonly #frameBytesMax: number;
  /** Bytes that belong to frames that have not been taken yet. */
  #pending: Uint8Array = new Uint8Array(0);
  #collected: Uint8Array = new Uint8Array(0);
  #collectedBytes = 0;

  /** @param frameBytesMax longest frame that is read: socket.request.max.bytes */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes that have arrived of the frame that has begun, its length included. */
  get arrivedBytes(): number {
    return this.#collectedBytes + this.#pending.byteLength;
  }

  /** Takes what arrived. The bytes must stay as they are until `next` says `needMore`. */
  push(bytes: Uint8Array): void {
    this.#pending = this.#pending.byteLength === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
  }

  /** API key of the frame that has begun to arrive; undefined when that cannot be said yet. */
  get apiKeyArriving(): number | undefined {
    if (this.arrivedBytes < LENGTH_BYTES + PEEK_BYTES) return undefined;
    const head = this.#collectedBytes === 0 ? this.#pending : this.#collected;
    return new DataView(head.buffer, head.byteOffset).getInt16(LENGTH_BYTES);
  }

  /** The next whole frame, if there is one. Call it until it says `needMore`. */
  next(): FrameStep {
    if (this.#collectedBytes > 0) return this.#collect();
    if (this.#pending.byteLength < LENGTH_BYTES + PEEK_BYTES) return this.#keepShortHead();
    const length = lengthOf(this.#pending);
    if (length < PEEK_BYTES || length > this.#frameBytesMax)
      return { kind: 'illegalLength', length };
    const total = LENGTH_BYTES + length;
    if (this.#pending.byteLength >= total) {
      const frame = this.#pending.subarray(LENGTH_BYTES, total);
      this.#pending = this.#pending.subarray(total);
      return { kind: 'frame', frame };
    }
    if (this.#collected.byteLength < total) this.#collected = Buffer.allocUnsafeSlow(total);
    return this.#collect();
  }

  #collect(): FrameStep {
    const total =
      LENGTH_BYTES + lengthOf(this.#collectedBytes === 0 ? this.#pending : this.#collected);
    const wanted = Math.min(total - this.#collectedBytes, this.#pending.byteLength);
    this.#collected.set(this.#pending.subarray(0, wanted), this.#collectedBytes);
    this.#collectedBytes += wanted;
    this.#pending = this.#pending.subarray(wanted);
    if (this.#collectedBytes < total) return needMore;
    this.#collectedBytes = 0;
    return { kind: 'frame', frame: this.#collected.subarray(LENGTH_BYTES, total) };
  }

  /** Fewer bytes than say anything: kept in memory of our own, as the caller uses his again. */
  #keepShortHead(): FrameStep {
    if (this.#pending.byteLength > 0) this.#pending = Uint8Array.from(this.#pending);
    return needMore;
  }
}

function lengthOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getInt32(0);
}
