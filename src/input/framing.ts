import type { SharedMemory } from '../ring/shared-memory.ts';
import type { InputCounters, InputGate } from './input.ts';
import type { LongLineRule } from './route.ts';

/** What to do with the next bytes of a stream. */
export type Cut =
  /** They are whole lines; with `addNewline`, the last of them gets the newline that it lacks. */
  | { readonly kind: 'take'; readonly bytes: number; readonly addNewline: boolean }
  /** They belong to no record. */
  | { readonly kind: 'skip'; readonly bytes: number }
  /** No line ends in them, and it may yet: show more at once, up to `frameBytesMax`. */
  | { readonly kind: 'more' };

/** Where in a line a stream stands: at its beginning, or behind a cut through a line that was too long. */
export type LinePlace = 'line' | 'splitRest' | 'skippedRest';

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const TAIL_VIEW_BYTES = 1024;

/** @returns how many of the bytes lie before the end of their last line: 0 when no line ends in them */
export function lastLineEnd(memory: SharedMemory, address: number, length: number): number {
  let viewBytes = TAIL_VIEW_BYTES;
  for (let end = length; end > 0; viewBytes *= 8) {
    const from = Math.max(0, end - viewBytes);
    // A small view: without a lower bound lastIndexOf would search the whole memory, and Uint8Array's is 50 times slower.
    const found = memory.buffer(address + from, end - from).lastIndexOf(NEWLINE);
    if (found >= 0) return from + found + 1;
    end = from;
  }
  return 0;
}

/** @returns how many of the bytes the first line has, its newline included: 0 when it does not end in them */
export function firstLineEnd(memory: SharedMemory, address: number, length: number): number {
  return memory.buffer(address, length).indexOf(NEWLINE) + 1;
}

/** How many NUL bytes stand in front. */
export function leadingNulBytes(memory: SharedMemory, address: number, length: number): number {
  const bytes = memory.view(address, length);
  let count = 0;
  while (count < length && bytes[count] === 0) count += 1;
  return count;
}

/**
 * Cuts one stream at newlines. A line may be longer than any run: then
 * - `split` makes records of `recordBytesMax` bytes of it, the last one shorter,
 * - `truncate` keeps its first `recordBytesMax` bytes,
 * - `drop` leaves it out.
 * Each cut is counted. Lines that fit a run are left to the encoder, which follows the same policy.
 */
export class LineFramer {
  /** One line with its newline is at most this long; a longer one is cut. */
  readonly frameBytesMax: number;
  readonly #memory: SharedMemory;
  readonly #cutLine: InputGate['cutLine'];
  readonly #rule: LongLineRule;
  readonly #counters: InputCounters;
  #place: LinePlace = 'line';

  constructor(
    { memory, cutLine }: Pick<InputGate, 'memory' | 'cutLine'>,
    rule: LongLineRule,
    counters: InputCounters,
  ) {
    this.#memory = memory;
    this.#cutLine = cutLine;
    this.#rule = rule;
    this.frameBytesMax = rule.recordBytesMax + 1;
    this.#counters = counters;
  }

  /** Where the stream stands after what was cut last. */
  get place(): LinePlace {
    return this.#place;
  }

  /** Goes on from a place that was remembered. */
  resume(place: LinePlace): void {
    this.#place = place;
  }

  /** What to do with the stream's next bytes, of which `length` lie at `address`; the answer is taken as done. */
  cut(address: number, length: number): Cut {
    if (length === 0) return { kind: 'more' };
    if (this.#place === 'skippedRest') return this.#skipRest(address, length);
    if (this.#place === 'splitRest' && this.#memory.bytes[address] === NEWLINE) {
      // The line was a whole number of pieces long: its newline would make an empty record.
      this.#place = 'line';
      return { kind: 'skip', bytes: 1 };
    }
    const end = lastLineEnd(this.#memory, address, length);
    if (end > 0) {
      this.#place = 'line';
      return { kind: 'take', bytes: end, addNewline: false };
    }
    return length < this.frameBytesMax ? { kind: 'more' } : this.#cutLongLine(address, length);
  }

  /** The stream is over and `cut` wanted more: the rest is a record as it stands. */
  finish(length: number): Cut {
    this.#place = 'line';
    if (length === 0) return { kind: 'more' };
    this.#counters.unterminatedLines += 1;
    return { kind: 'take', bytes: length, addNewline: true };
  }

  /** There is no room to wait for the end of this line: it is treated as one that is too long, here and now. */
  cutShort(address: number, length: number): Cut {
    return this.#cutLongLine(address, length);
  }

  #skipRest(address: number, length: number): Cut {
    const end = firstLineEnd(this.#memory, address, length);
    if (end > 0) this.#place = 'line';
    return { kind: 'skip', bytes: end > 0 ? end : length };
  }

  #cutLongLine(address: number, length: number): Cut {
    const { longLines, recordBytesMax } = this.#rule;
    this.#counters.longLines += 1;
    this.#cutLine(this.#rule);
    if (longLines === 'drop') {
      this.#place = 'skippedRest';
      return { kind: 'skip', bytes: length };
    }
    this.#place = longLines === 'split' ? 'splitRest' : 'skippedRest';
    const bytes = Math.min(recordBytesMax, length);
    return { kind: 'take', bytes: this.#withoutLastReturn(address, bytes), addNewline: true };
  }

  /** A carriage return in front of the added newline would be stripped with it, though the line goes on. */
  #withoutLastReturn(address: number, bytes: number): number {
    const isReturn = this.#memory.bytes[address + bytes - 1] === CARRIAGE_RETURN;
    return isReturn && bytes > 1 ? bytes - 1 : bytes;
  }
}
