import { assert } from '../shared/assert.ts';
import { copyInto } from '../shared/copy-into.ts';
import type { Chunker, Reservation } from './chunker.ts';
import { firstLineEnd, LineFramer, lastLineEnd } from './framing.ts';
import type { Cut } from './framing.ts';
import type { InputCounters, InputGate } from './input.ts';
import type { Source } from './source.ts';

/** Memory for the begun lines of many streams, outside the arena: its bound holds for all of them together. */
export interface PartialBudget {
  usedBytes: number;
  readonly maxBytes: number;
}

export interface LineStreamOptions {
  readonly gate: InputGate;
  readonly chunker: Chunker;
  readonly source: Source;
  readonly counters: InputCounters;
  readonly budget: PartialBudget;
}

const NEWLINE = 10;
const PARTIAL_BYTES_MIN = 256;
/** Of what a read brought, so much is taken at least, or the line that is longer. */
const FEW_LINES_BYTES = 16 * 1024;

/** Lines of a stream that cannot be read again: what a read brings is laid into chunks, a begun line is kept for the next one. */
export class LineStream {
  readonly #options: LineStreamOptions;
  readonly #framer: LineFramer;
  /** Position of the first byte that is in no chunk. */
  #position: number;
  #partial: Buffer = Buffer.alloc(0);
  #partialBytes = 0;

  constructor(options: LineStreamOptions) {
    this.#options = options;
    const { gate, chunker, counters, source } = options;
    this.#framer = new LineFramer(gate, chunker.route, counters);
    this.#position = source.startPosition;
  }

  /** @returns how many of the bytes were taken; fewer than all when the arena has no room: offer the rest again when it has */
  offer(address: number, length: number): number {
    let taken = 0;
    while (taken < length) {
      const step =
        this.#partialBytes > 0
          ? this.#joinPartial(address + taken, length - taken)
          : this.#takeLines(address + taken, length - taken);
      if (step === undefined) return taken;
      taken += step;
    }
    return taken;
  }

  /** The stream is over: a begun line is a record. @returns false when there is no room for it: call again when there is */
  finish(): boolean {
    const bytes = this.#partialBytes;
    if (bytes === 0) return true;
    const reservation = this.#options.chunker.reserve(bytes + 1);
    if (reservation === undefined) return false;
    this.#writePartial(reservation);
    this.#finishCut(reservation, this.#framer.finish(bytes));
    this.#dropPartial();
    return true;
  }

  /** Gives back what a begun line holds. */
  abandon(): void {
    this.#dropPartial();
  }

  #takeLines(address: number, length: number): number | undefined {
    const { gate, chunker } = this.#options;
    // Seen before the framer is asked, because its answer counts as done.
    const lineBytes = lastLineEnd(gate.memory, address, length);
    if (lineBytes === 0) return this.#takeBegunLine(address, length);
    const fewBytes = this.#fewLines(address, length);
    const reservation = chunker.reserve(fewBytes + 1, lineBytes + 1);
    if (reservation === undefined) return undefined;
    const roomBytes = reservation.bytes - 1;
    const fits = roomBytes >= lineBytes ? length : lastLineEnd(gate.memory, address, roomBytes);
    const cut = this.#framer.cut(address, fits);
    assert(cut.kind !== 'more', 'a line ends in the bytes');
    if (cut.kind === 'take') gate.kernel.copy(address, reservation.address, cut.bytes);
    return this.#finishCut(reservation, cut);
  }

  /** No line ends in the bytes. */
  #takeBegunLine(address: number, length: number): number | undefined {
    if (this.#framer.place === 'skippedRest') {
      return this.#finishCut(undefined, this.#framer.cut(address, length));
    }
    if (length >= this.#framer.frameBytesMax || !this.#hasBudget(length)) {
      return this.#cutLongLine(address, length);
    }
    this.#keepPartial(address, length);
    return length;
  }

  #joinPartial(address: number, length: number): number | undefined {
    const isRest = this.#framer.place === 'skippedRest';
    if (isRest) return this.#takeJoined(address, length, false);
    const lineBytes = this.#fewLines(address, length);
    const isTooLong = this.#partialBytes + length >= this.#framer.frameBytesMax;
    if (lineBytes > 0) return this.#takeJoined(address, lineBytes, false);
    if (isTooLong || !this.#hasBudget(length)) return this.#cutLongLine(address, length);
    this.#keepPartial(address, length);
    return length;
  }

  /** @returns how many bytes the first lines have, or the first line when that is longer: 0 when none ends in the bytes */
  #fewLines(address: number, length: number): number {
    const { memory } = this.#options.gate;
    const few = lastLineEnd(memory, address, Math.min(length, FEW_LINES_BYTES));
    return few > 0 ? few : firstLineEnd(memory, address, length);
  }

  #cutLongLine(address: number, length: number): number | undefined {
    const roomBytes = this.#framer.frameBytesMax - this.#partialBytes;
    return this.#takeJoined(address, Math.min(length, Math.max(roomBytes, 0)), true);
  }

  /** The begun line and the first `length` bytes behind it, together in a chunk. */
  #takeJoined(address: number, length: number, isLong: boolean): number | undefined {
    const { gate, chunker } = this.#options;
    const heldBytes = this.#partialBytes;
    const total = heldBytes + length;
    const reservation = chunker.reserve(total + 1);
    if (reservation === undefined) return undefined;
    this.#writePartial(reservation);
    gate.kernel.copy(address, reservation.address + heldBytes, length);
    const cut = isLong
      ? this.#framer.cutShort(reservation.address, total)
      : this.#framer.cut(reservation.address, total);
    assert(cut.kind !== 'more', 'a line ends in the bytes, or is cut');
    const rest = Buffer.from(this.#partial.subarray(Math.min(cut.bytes, heldBytes), heldBytes));
    this.#dropPartial();
    this.#finishCut(reservation, cut);
    if (rest.length > 0) this.#keepBytes(rest);
    return Math.max(0, cut.bytes - heldBytes);
  }

  #finishCut(reservation: Reservation | undefined, cut: Cut): number {
    const { gate, chunker, source, counters } = this.#options;
    assert(cut.kind !== 'more', 'only what is decided is done');
    const from = this.#position;
    const to = from + cut.bytes;
    this.#position = to;
    counters.readBytes += cut.bytes;
    if (cut.kind === 'skip') {
      if (reservation !== undefined) chunker.cancel(reservation);
      counters.skippedBytes += cut.bytes;
      gate.skipped({ source, from, to });
      return cut.bytes;
    }
    assert(reservation !== undefined, 'what is taken has a place');
    if (cut.addNewline) gate.memory.bytes[reservation.address + cut.bytes] = NEWLINE;
    chunker.commit(reservation, source, cut.bytes + (cut.addNewline ? 1 : 0), from, to);
    return cut.bytes;
  }

  #hasBudget(bytes: number): boolean {
    const { budget } = this.#options;
    return budget.usedBytes + bytes <= budget.maxBytes;
  }

  #keepPartial(address: number, length: number): void {
    this.#keepBytes(this.#options.gate.memory.view(address, length));
  }

  #keepBytes(bytes: Uint8Array): void {
    const needed = this.#partialBytes + bytes.length;
    if (needed > this.#partial.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(PARTIAL_BYTES_MIN, needed + (needed >> 1)));
      grown.set(this.#partial.subarray(0, this.#partialBytes));
      this.#partial = grown;
    }
    this.#partial.set(bytes, this.#partialBytes);
    this.#partialBytes = needed;
    this.#options.budget.usedBytes += bytes.length;
  }

  #writePartial(reservation: Reservation): void {
    const held = this.#partial.subarray(0, this.#partialBytes);
    copyInto(this.#options.gate.memory.bytes, held, reservation.address);
  }

  #dropPartial(): void {
    this.#options.budget.usedBytes -= this.#partialBytes;
    this.#partialBytes = 0;
    if (this.#partial.length > PARTIAL_BYTES_MIN) this.#partial = Buffer.alloc(0);
  }
}
