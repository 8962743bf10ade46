/** One partition of the simulated cluster: the leader's log, and what each replica remembers of the producers. */
import type { Marker } from './simulated-coordinator.ts';

const REMEMBERED_BATCHES = 5;
/** Left out: records that wait in the sender for longer than brokers remember a producer. Of older ones the state would be gone at once. */
const RECORD_AGE_MAX_MS = 90_000;
export const SEQUENCES = 2 ** 31;

/** The records of a batch in a test: numbers in a row. */
export interface Records {
  readonly from: number;
  readonly count: number;
  /** By the wall clock of the client, when they were made. */
  readonly timestampMs?: number;
}

export interface LogEntry {
  readonly baseOffset: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly records: Records;
  readonly appendedMs: number;
  /** Of its newest record, the clock by which producer state grows old; when it was appended if left out. */
  readonly timestampMs?: number;
  readonly transactional?: boolean;
}

interface ProducerEntry {
  epoch: number;
  lastSequence: number;
  lastTimestampMs: number;
  batches: LogEntry[];
}

export class SimulatedPartition {
  leader: number;
  leaderEpoch = 0;
  log: LogEntry[] = [];
  logEnd = 0;
  watermark = 0;
  /** Followers are stopped: the watermark stays where it is. */
  held = false;
  /** Of transactional batches, once their transaction has ended: whether it was committed. */
  readonly committed = new Map<LogEntry, boolean>();
  /** Producer state of each replica. */
  readonly states = new Map<number, Map<bigint, ProducerEntry>>();

  constructor(leader: number, nodes: Iterable<number>) {
    this.leader = leader;
    for (const node of nodes) this.states.set(node, new Map());
  }

  stateOf(node: number): Map<bigint, ProducerEntry> {
    const state = this.states.get(node) ?? new Map<bigint, ProducerEntry>();
    this.states.set(node, state);
    return state;
  }

  append(entry: LogEntry): void {
    this.log.push(entry);
    this.logEnd += entry.records.count;
    remember(this.stateOf(this.leader), entry, REMEMBERED_BATCHES);
  }

  /** A transaction has ended: its batches are decided, and its epoch is shut out. */
  mark({ producerId, producerEpoch, committed }: Marker): void {
    for (const entry of this.log) {
      const isIts = entry.producerId === producerId && entry.transactional === true;
      if (isIts && !this.committed.has(entry)) this.committed.set(entry, committed);
    }
    const known = this.stateOf(this.leader).get(producerId);
    if (known !== undefined && producerEpoch > known.epoch) {
      const fresh = { epoch: producerEpoch, lastSequence: -1, batches: [] };
      for (const state of this.states.values()) {
        state.set(producerId, { ...fresh, lastTimestampMs: known.lastTimestampMs });
      }
    }
    this.logEnd += 1;
    if (!this.held) this.replicate(this.logEnd);
  }

  /** What a reader of committed transactions sees, in order. */
  get committedRecords(): Records[] {
    return this.log.flatMap((entry) =>
      entry.transactional !== true || this.committed.get(entry) === true ? entry.records : [],
    );
  }

  /** The followers have everything up to `offset`. */
  replicate(offset: number): void {
    const before = this.watermark;
    this.watermark = Math.max(before, Math.min(offset, this.logEnd));
    for (const [node, state] of this.states) {
      if (node === this.leader) continue;
      let first = this.log.length;
      while ((this.log[first - 1]?.baseOffset ?? -1) >= before) first -= 1;
      for (const entry of this.log.slice(first)) {
        if (entry.baseOffset < this.watermark) remember(state, entry, REMEMBERED_BATCHES);
      }
    }
  }

  /** Followers fetch again. */
  release(): void {
    this.held = false;
    this.replicate(this.logEnd);
  }

  /** Another replica leads: it has what was replicated, and nothing else. -1 for nobody. */
  moveTo(node: number): void {
    this.leaderEpoch += 1;
    if (node === this.leader) return;
    this.truncate(this.watermark);
    this.leader = node;
  }

  truncate(offset: number): void {
    if (offset >= this.logEnd) return;
    this.log = this.log.filter(({ baseOffset }) => baseOffset < offset);
    this.logEnd = offset;
    this.watermark = Math.min(this.watermark, offset);
    for (const node of this.states.keys()) this.rebuild(node, REMEMBERED_BATCHES);
  }

  /** The broker was restarted: of each producer it remembers the last batch. */
  rebuild(node: number, batches: number): void {
    const state = new Map<bigint, ProducerEntry>();
    const known = this.stateOf(node);
    for (const entry of this.log) {
      if (entry.baseOffset < this.watermark || node === this.leader) {
        if (known.has(entry.producerId)) remember(state, entry, batches);
      }
    }
    this.states.set(node, state);
  }

  /** producer.id.expiration.ms passed since the newest record of a producer, by the record's own timestamp. */
  expire(node: number, wallMs: number, expirationMs: number): void {
    const state = this.stateOf(node);
    for (const [producerId, { lastTimestampMs }] of state) {
      if (lastTimestampMs + expirationMs < wallMs) state.delete(producerId);
    }
  }

  forgetProducers(): void {
    for (const node of this.states.keys()) this.states.set(node, new Map());
  }
}

function remember(state: Map<bigint, ProducerEntry>, entry: LogEntry, keep: number): void {
  const lastSequence = (entry.baseSequence + entry.records.count - 1) % SEQUENCES;
  const known = state.get(entry.producerId);
  const before = known?.epoch === entry.producerEpoch ? known.batches : [];
  const batches = [...before, entry].slice(-keep);
  const { appendedMs, timestampMs = appendedMs } = entry;
  const lastTimestampMs = Math.max(timestampMs, appendedMs - RECORD_AGE_MAX_MS);
  state.set(entry.producerId, {
    epoch: entry.producerEpoch,
    lastSequence,
    lastTimestampMs,
    batches,
  });
}
