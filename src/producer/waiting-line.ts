/**
 * Records that were sent and cannot be written yet: nothing is known of their topic, it has no such partition, or buffer.memory is full. They keep
 * their order: per topic while the topic is waited for, per lane while its partition or memory is, and no lane waits for another. Each waits for
 * max.block.ms at most, as a thread does in Java.
 */
import { present } from '../shared/assert.ts';

/** Why a record still waits, or that it need not any more. */
export type Attempt = 'done' | 'noTopic' | 'noPartition' | 'noRoom';

/** Why a record waits no longer: for want of a topic, its partition or room its time is up, or as many wait as may. */
export type WaitEnd = 'noTopic' | 'noPartition' | 'noRoom' | 'lineFull';

/** One record on its way in. */
export interface Waiting {
  readonly topic: string;
  /**
   * The last attempt was for it; undefined: for any. Records of a topic for one partition, or for any, are a lane. It stays what it is as long as the
   * record waits for room: in another lane it could fall behind those that came later.
   */
  readonly partition: number | undefined;
  /** On the clock of `nowMs`; Infinity until it has to wait. The line sets it. */
  deadlineMs: number;
  /** The lane in which it waits for room; undefined when it does not. The line sets it. */
  lane: string | undefined;
  /** How many waited before it. The line sets it. */
  order: number;
  /** It has to wait: whoever sent it may change what it is made of. */
  keep(): void;
  /** Writes the record, or settles it for good: then it is done. */
  attempt(): Attempt;
  /** It waits no longer. */
  expire(reason: WaitEnd): void;
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
  /** By topic; those that wait for a partition alone, by lane. */
  readonly #forTopic = new Map<string, Waiting[]>();
  /** Of all lanes, in the order in which they were sent. */
  readonly #forRoom: Waiting[] = [];
  /** How many of each lane wait for room. */
  readonly #lanes = new Map<string, number>();
  /** Lanes that found no room in this pass. */
  readonly #stopped = new Set<string>();
  /** How many of each topic went back to wait for it in this pass. */
  readonly #returned = new Map<string, number>();
  #isBusy = false;
  #isPassWanted = false;
  #isTopicPassWanted = false;
  /** Who waits until all before `order` have left. */
  readonly #waiters: { readonly order: number; readonly resolve: () => void }[] = [];
  #length = 0;
  #order = 0;
  #timedMs = Infinity;
  #untime: () => void = () => undefined;

  constructor(options: WaitingLineOptions) {
    this.#options = options;
  }

  /** Records in it. */
  get length(): number {
    return this.#length;
  }

  /**
   * Tries the record at once, unless others of its topic are before it.
   *
   * @param lengthMax max.block.records: where so many wait, it does not
   */
  enter(waiting: Waiting, lengthMax = Infinity): void {
    const before = this.#forTopic.get(waiting.topic);
    const attempt = before === undefined ? waiting.attempt() : 'noTopic';
    if (attempt === 'done') return;
    if (this.#length >= lengthMax) waiting.expire('lineFull');
    else this.#place(waiting, attempt);
  }

  /**
   * What a record has to wait for although its partition is there and has room: those before it in its lane do. Undefined: nobody is before it, or
   * it waits for room already, and is tried in its turn only.
   */
  whyBehind(waiting: Waiting): 'noPartition' | 'noRoom' | undefined {
    if (this.#length === 0 || waiting.lane !== undefined) return undefined;
    const lane = laneOf(waiting);
    const first = this.#forTopic.get(lane)?.[0] ?? waiting;
    if (first !== waiting) return 'noPartition';
    return this.#lanes.has(lane) ? 'noRoom' : undefined;
  }

  /** More is known of the topics. */
  topicsChanged(): void {
    this.#isTopicPassWanted = true;
    this.roomChanged();
  }

  /** Memory came back. */
  roomChanged(): void {
    this.#isPassWanted = true;
    // Whoever is told of its record may do something that changes more: not in the middle of a line that is gone through.
    if (this.#isBusy) return;
    this.#busily(() => {
      while (this.#isPassWanted) {
        this.#isPassWanted = false;
        if (this.#isTopicPassWanted) this.#advanceTopics();
        this.#pass();
      }
    });
    this.#tellWaiters();
  }

  #busily(work: () => void): void {
    this.#isBusy = true;
    try {
      work();
    } finally {
      this.#isBusy = false;
    }
  }

  /** The oldest of each lane: where it finds no room, it stops those behind it in its lane. */
  #pass(): void {
    const line = this.#forRoom;
    this.#stopped.clear();
    this.#returned.clear();
    let kept = 0;
    let at = 0;
    for (; at < line.length && this.#stopped.size < this.#lanes.size; at += 1) {
      const waiting = present(line[at], 'the index is below the length');
      if (this.#staysInRoomLine(waiting)) {
        line[kept] = waiting;
        kept += 1;
      }
    }
    if (kept < at) line.splice(kept, at - kept);
  }

  #staysInRoomLine(waiting: Waiting): boolean {
    const lane = present(waiting.lane, 'who waits for room has a lane');
    if (this.#stopped.has(lane)) return true;
    const attempt = waiting.attempt();
    if (attempt === 'noRoom') {
      this.#stopped.add(lane);
      return true;
    }
    this.#leaveLane(waiting);
    if (attempt === 'done') this.#length -= 1;
    else this.#return(waiting, lineOf(waiting, attempt));
    return false;
  }

  /** To those that wait for the topic, which is not known any more: they came later. */
  #return(waiting: Waiting, name: string): void {
    const line = this.#forTopic.get(name) ?? [];
    const before = this.#returned.get(name) ?? 0;
    this.#forTopic.set(name, line);
    this.#returned.set(name, before + 1);
    line.splice(before, 0, waiting);
  }

  /** Resolves when nobody waits. */
  drained(): Promise<void> {
    return this.#gone(Infinity);
  }

  /** Resolves when nobody waits who waits now. */
  passed(): Promise<void> {
    return this.#gone(this.#order);
  }

  #gone(order: number): Promise<void> {
    if (!this.#isAnyBefore(order)) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ order, resolve }));
  }

  #isAnyBefore(order: number): boolean {
    if (this.#length === 0 || order === Infinity) return this.#length > 0;
    const isBefore = (waiting: Waiting): boolean => waiting.order < order;
    const lines = [this.#forRoom, ...this.#forTopic.values()];
    return lines.some((line) => line.some(isBefore));
  }

  #advanceTopics(): void {
    this.#isTopicPassWanted = false;
    for (const [name, line] of this.#forTopic) this.#advanceTopic(name, line);
  }

  #advanceTopic(name: string, line: Waiting[]): void {
    for (let first = line[0]; first !== undefined; first = line[0]) {
      const attempt = first.attempt();
      // Who waits for a partition and finds that the topic is gone stays as well.
      if (attempt === 'noTopic') return;
      if (attempt === 'noPartition' && lineOf(first, attempt) === name) return;
      line.shift();
      this.#length -= 1;
      this.#place(first, attempt);
    }
    this.#forTopic.delete(name);
  }

  #place(waiting: Waiting, attempt: Attempt): void {
    if (attempt === 'done') return;
    if (attempt === 'noRoom') {
      this.#enterLane(waiting);
      this.#stand(this.#forRoom, waiting);
      return;
    }
    const name = lineOf(waiting, attempt);
    const line = this.#forTopic.get(name) ?? [];
    this.#forTopic.set(name, line);
    this.#stand(line, waiting);
  }

  #enterLane(waiting: Waiting): void {
    const lane = laneOf(waiting);
    waiting.lane = lane;
    this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + 1);
  }

  #leaveLane(waiting: Waiting): void {
    const lane = present(waiting.lane, 'who waits for room has a lane');
    const left = present(this.#lanes.get(lane), 'a lane is known as long as somebody waits') - 1;
    if (left === 0) this.#lanes.delete(lane);
    else this.#lanes.set(lane, left);
    waiting.lane = undefined;
  }

  #stand(line: Waiting[], waiting: Waiting): void {
    if (waiting.deadlineMs === Infinity) {
      waiting.deadlineMs = this.#options.nowMs() + this.#options.waitMsMax;
      waiting.order = this.#order;
      this.#order += 1;
      waiting.keep();
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
    const expire = (line: Waiting[], reason: WaitEnd): void => {
      const due = line.filter(({ deadlineMs }) => deadlineMs <= nowMs);
      const left = line.filter(({ deadlineMs }) => deadlineMs > nowMs);
      // First out of the line, then told: whoever is told may send again.
      line.length = 0;
      for (const waiting of left) {
        line.push(waiting);
        nextMs = Math.min(nextMs, waiting.deadlineMs);
      }
      this.#length -= due.length;
      for (const waiting of due) if (waiting.lane !== undefined) this.#leaveLane(waiting);
      for (const waiting of due) waiting.expire(reason);
    };
    this.#busily(() => {
      expire(this.#forRoom, 'noRoom');
      for (const [name, line] of this.#forTopic) {
        expire(line, line[0]?.topic === name ? 'noTopic' : 'noPartition');
        if (line.length === 0) this.#forTopic.delete(name);
      }
    });
    if (nextMs < Infinity) this.#time(nextMs);
    // Whoever stood behind those may have room.
    this.roomChanged();
  }

  #tellWaiters(): void {
    if (this.#length === 0) {
      this.#untime();
      this.#timedMs = Infinity;
    }
    for (const waiter of this.#waiters.splice(0)) {
      if (this.#isAnyBefore(waiter.order)) this.#waiters.push(waiter);
      else waiter.resolve();
    }
  }
}

/** Where it waits. Names of topics have no slash. */
function lineOf(waiting: Waiting, attempt: 'noTopic' | 'noPartition'): string {
  return attempt === 'noTopic' ? waiting.topic : laneOf(waiting);
}

function laneOf({ topic, partition = -1 }: Waiting): string {
  return `${topic}/${partition}`;
}
