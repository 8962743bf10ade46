import type { Source, SourceRange } from '../input/source.ts';
import { assert, present } from '../shared/assert.ts';

/** How many bytes of all sources ended how. */
export interface DeliveryCounters {
  ackedBytes: number;
  rejectedBytes: number;
  expiredBytes: number;
  skippedBytes: number;
}

interface Progress {
  /** Everything before it is settled, and the source knows. */
  settledTo: number;
  /** Where the last sent range ended. */
  sentTo: number;
  /** Sent and not yet settled. */
  openBytes: number;
  /** Settled behind a gap: from -> to. */
  readonly ahead: Map<number, number>;
}

/**
 * Stage 6 of 7. Turns answers that come in any order into the contiguous prefix of each source that is settled, and tells the source.
 * From: the outcomes of batches. To: the sources, whose positions go into the checkpoint. Bounds: what the sources have read.
 *
 *     position  0 ......... settledTo ........................ sentTo
 *                 settled    |  open  | settled, behind a gap |
 *
 * A range that is refused for good or that has expired is settled too: going back to it would end the same way.
 * Each range costs one look-up when it is sent and one when it is settled. A source that is dropped takes its entry with it.
 */
export class DeliveryTracker {
  readonly counters: DeliveryCounters = {
    ackedBytes: 0,
    rejectedBytes: 0,
    expiredBytes: 0,
    skippedBytes: 0,
  };
  readonly #progress = new WeakMap<Source, Progress>();
  #openBytes = 0;

  /** Bytes of all sources that were sent and wait for their outcome. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /** Were handed on, in the order in which the source yielded them. Every one of them is settled later, whole or in parts. */
  sent(ranges: readonly SourceRange[]): void {
    for (const { source, from, to } of ranges) {
      const progress = this.#progressOf(source);
      assert(from < to, 'a sent range is not empty');
      assert(from >= progress.sentTo, 'a source sends each position once, in order');
      progress.sentTo = to;
      progress.openBytes += to - from;
      this.#openBytes += to - from;
    }
  }

  acked(ranges: readonly SourceRange[]): void {
    this.counters.ackedBytes += this.#settleSent(ranges);
  }

  /** Refused for good. */
  rejected(ranges: readonly SourceRange[]): void {
    this.counters.rejectedBytes += this.#settleSent(ranges);
  }

  /** Given up after the delivery timeout. */
  expired(ranges: readonly SourceRange[]): void {
    this.counters.expiredBytes += this.#settleSent(ranges);
  }

  /** Left out by the input, such as a line that is too long: never sent, and nothing to wait for. */
  skipped(range: SourceRange): void {
    this.counters.skippedBytes += range.to - range.from;
    this.#settle(range);
  }

  /** Of one source: everything before this position is settled. */
  settledTo(source: Source): number {
    return this.#progressOf(source).settledTo;
  }

  #settleSent(ranges: readonly SourceRange[]): number {
    let bytes = 0;
    for (const range of ranges) {
      const progress = present(this.#progress.get(range.source), 'only what was sent is settled');
      const length = range.to - range.from;
      progress.openBytes -= length;
      this.#openBytes -= length;
      assert(progress.openBytes >= 0, 'no byte is settled twice');
      assert(range.to <= progress.sentTo, 'only what was sent is settled');
      this.#settle(range);
      bytes += length;
    }
    return bytes;
  }

  #settle({ source, from, to }: SourceRange): void {
    const progress = this.#progressOf(source);
    assert(from < to, 'a settled range is not empty');
    assert(from >= progress.settledTo && !progress.ahead.has(from), 'no byte is settled twice');
    if (from > progress.settledTo) {
      progress.ahead.set(from, to);
      return;
    }
    progress.settledTo = to;
    for (let next = progress.ahead.get(to); next !== undefined;) {
      progress.ahead.delete(progress.settledTo);
      progress.settledTo = next;
      next = progress.ahead.get(next);
    }
    source.settled(progress.settledTo);
  }

  #progressOf(source: Source): Progress {
    const known = this.#progress.get(source);
    if (known !== undefined) return known;
    const { startPosition } = source;
    const progress: Progress = {
      settledTo: startPosition,
      sentTo: startPosition,
      openBytes: 0,
      ahead: new Map(),
    };
    this.#progress.set(source, progress);
    return progress;
  }
}
