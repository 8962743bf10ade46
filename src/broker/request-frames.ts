/** Length in front of every request. */
const LENGTH_BYTES = 4;
/** Of a frame, for saying which API it is for. */
const API_KEY_BYTES = 2;
const CAPACITY_AT_START = 64 * 1024;

/** What there is to do next. */
export type FrameStep =
  | { readonly kind: 'needMore' }
  /** A whole frame without its length; valid until the next call of `next`. */
  | { readonly kind: 'frame'; readonly frame: Uint8Array }
  | { readonly kind: 'illegalLength'; readonly length: number };

/** Cuts the byte stream of one connection into request frames, in one buffer that is used again. */
export class RequestFrames {
  readonly #frameBytesMax: number;
  #buffer = Buffer.allocUnsafeSlow(CAPACITY_AT_START);
  /** What has arrived and was not taken lies in [from, to). */
  #from = 0;
  #to = 0;
  /** A frame is in use: the bytes before `from` must stay where they are. */
  #isLent = false;

  /** @param frameBytesMax longest frame that is read: `socket.request.max.bytes` */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes that have arrived from the beginning of the next frame on, its length included. */
  get arrivedBytes(): number {
    return this.#to - this.#from;
  }

  /** API key of the next frame, of which perhaps only the beginning is there; undefined when that is too short. */
  get apiKeyArriving(): number | undefined {
    if (this.arrivedBytes < LENGTH_BYTES + API_KEY_BYTES) return undefined;
    return this.#buffer.readInt16BE(this.#from + LENGTH_BYTES);
  }

  /** Copies what arrived. */
  push(bytes: Uint8Array): void {
    this.#makeRoom(bytes.byteLength);
    this.#buffer.set(bytes, this.#to);
    this.#to += bytes.byteLength;
  }

  /** The next whole frame, if there is one. Call it until it says `needMore`. */
  next(): FrameStep {
    this.#isLent = false;
    if (this.#from === this.#to) this.#from = this.#to = 0;
    if (this.arrivedBytes < LENGTH_BYTES) return { kind: 'needMore' };
    const length = this.#buffer.readInt32BE(this.#from);
    if (length < 0 || length > this.#frameBytesMax) return { kind: 'illegalLength', length };
    if (this.arrivedBytes < LENGTH_BYTES + length) return { kind: 'needMore' };
    const start = this.#from + LENGTH_BYTES;
    this.#from = start + length;
    this.#isLent = true;
    return { kind: 'frame', frame: this.#buffer.subarray(start, this.#from) };
  }

  #makeRoom(bytes: number): void {
    if (this.#to + bytes <= this.#buffer.length) return;
    const live = this.#buffer.subarray(this.#from, this.#to);
    const wanted = live.length + bytes;
    const fits = wanted <= this.#buffer.length;
    if (this.#isLent || !fits) {
      const capacity = fits ? this.#buffer.length : Math.max(wanted, 2 * this.#buffer.length);
      this.#buffer = Buffer.allocUnsafeSlow(capacity);
    }
    this.#buffer.set(live, 0);
    this.#from = 0;
    this.#to = live.length;
  }
}
