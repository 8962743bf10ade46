/**
 * Records that were sent and cannot be written yet: nothing is known of their topic, or buffer.memory is full. They keep their order: per topic
 * while the topic is waited for, over all of them while memory is. Each waits for max.block.ms at most, as a thread does in Java.
 */
import { assert } from '../shared/assert.ts';

/** Why a record still waits, or that it need not any more. */
export type Attempt = 'done' | 'noTopic' | 'noRoom';

/** One record on its way in. */
export interface Waiting {
  readonly topic: string;
  /** On the clock of `nowMs`; Infinity until it has to wait. The line sets it. */
  deadlineMs: number;
  /** Writes the record, or settles it for good: then it is done. */
  attempt(): Attempt;
  /** Its time is up. */
  expire(reason: 'noTopic' | 'noRoom'): void;
}

export interface WaitingLineOptions {
  /** max.block.ms. */
  readonly waitMsMax: number;
  readonly nowMs: () => number;
  /** @returns what takes it back */
  readonly after: (delayMs: number, then: () => void) => () => void;
}

export class WaitingLine {
  readonly #options: WaitingLineOptions;
  readonly #forTopic = new Map<string, Waiting[]>();
  readonly #forRoom: Waiting[] = [];
  readonly #drained: (() => void)[] = [];
  #length = 0;
  #timedMs = Infinity;
  #untime: () => void = () => undefined;

  constructor(options: WaitingLineOptions) {
    this.#options = options;
  }

  /** Records in it. */
  get length(): number {
    return this.#length;
  }

  /** Tries the record at once, unless others are before it. */
  enter(waiting: Waiting): void {
    const before = this.#forTopic.get(waiting.topic);
    if (before !== undefined) this.#stand(before, waiting);
    else if (this.#forRoom.length > 0) this.#stand(this.#forRoom, waiting);
    else this.#place(waiting, waiting.attempt());
  }

  /** More is known of the topics. */
  topicsChanged(): void {
    for (const [topic, line] of [...this.#forTopic]) {
      const [first] = line;
      assert(first !== undefined, 'a line that nobody stands in is taken away');
      // Whoever gets through to the memory is behind those that wait for it already, and before all later ones of its topic.
      if (this.#forRoom.length > 0) {
        this.#forTopic.delete(topic);
        for (const waiting of line) this.#forRoom.push(waiting);
      } else this.#advanceTopic(topic, line);
    }
    this.roomChanged();
  }

  /** Memory came back. */
  roomChanged(): void {
    for (let first = this.#forRoom[0]; first !== undefined; first = this.#forRoom[0]) {
      const attempt = first.attempt();
      if (attempt === 'noRoom') break;
      this.#forRoom.shift();
      this.#length -= 1;
      if (attempt === 'noTopic') this.#place(first, attempt);
    }
    this.#tellDrained();
  }

  /** Resolves when nobody waits. */
  drained(): Promise<void> {
    if (this.#length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  #advanceTopic(topic: string, line: Waiting[]): void {
    for (let first = line[0]; first !== undefined; first = line[0]) {
      const attempt = first.attempt();
      if (attempt === 'noTopic') return;
      if (attempt === 'noRoom') {
        for (const waiting of line) this.#forRoom.push(waiting);
        break;
      }
      line.shift();
      this.#length -= 1;
    }
    this.#forTopic.delete(topic);
  }

  #place(waiting: Waiting, attempt: Attempt): void {
    if (attempt === 'done') return;
    if (attempt === 'noRoom') {
      this.#stand(this.#forRoom, waiting);
      return;
    }
    const line = this.#forTopic.get(waiting.topic) ?? [];
    this.#forTopic.set(waiting.topic, line);
    this.#stand(line, waiting);
  }

  #stand(line: Waiting[], waiting: Waiting): void {
    if (waiting.deadlineMs === Infinity) {
      waiting.deadlineMs = this.#options.nowMs() + this.#options.waitMsMax;
    }
    line.push(waiting);
    this.#length += 1;
    this.#time(waiting.deadlineMs);
  }

  #time(deadlineMs: number): void {
    if (deadlineMs >= this.#timedMs) return;
    this.#timedMs = deadlineMs;
    const { after, nowMs } = this.#options;
    this.#untime();
    this.#untime = after(Math.max(1, deadlineMs - nowMs()), () => {
      this.#timedMs = Infinity;
      this.#expire();
    });
  }

  #expire(): void {
    const nowMs = this.#options.nowMs();
    let nextMs = Infinity;
    const expire = (line: Waiting[], reason: 'noTopic' | 'noRoom'): void => {
      const due = line.filter(({ deadlineMs }) => deadlineMs <= nowMs);
      const left = line.filter(({ deadlineMs }) => deadlineMs > nowMs);
      // First out of the line, then told: whoever is told may send again.
      line.length = 0;
      for (const waiting of left) {
        line.push(waiting);
        nextMs = Math.min(nextMs, waiting.deadlineMs);
      }
      this.#length -= due.length;
      for (const waiting of due) waiting.expire(reason);
    };
    expire(this.#forRoom, 'noRoom');
    for (const [topic, line] of [...this.#forTopic]) {
      expire(line, 'noTopic');
      if (line.length === 0) this.#forTopic.delete(topic);
    }
    if (nextMs < Infinity) this.#time(nextMs);
    this.#tellDrained();
  }

  #tellDrained(): void {
    if (this.#length > 0) return;
    this.#untime();
    this.#timedMs = Infinity;
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
