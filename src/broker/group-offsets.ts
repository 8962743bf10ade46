import { partitionKey } from './broker-api.ts';

/** An offset that a consumer group has committed for a partition. */
export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
}

/** Offsets of consumer groups: those that count, and those of open transactions, by producer id (KIP-98). */
export class GroupOffsets {
  readonly #committed = new Map<string, Map<string, CommittedOffset>>();
  readonly #pending = new Map<bigint, Map<string, CommittedOffset[]>>();

  /** They count when the transaction of the producer commits. */
  addPending(producerId: bigint, groupId: string, offsets: readonly CommittedOffset[]): void {
    const groups = this.#pending.get(producerId) ?? new Map<string, CommittedOffset[]>();
    groups.set(groupId, [...(groups.get(groupId) ?? []), ...offsets]);
    this.#pending.set(producerId, groups);
  }

  /** The transaction of the producer has ended. */
  end(producerId: bigint, committed: boolean): void {
    const groups = this.#pending.get(producerId);
    this.#pending.delete(producerId);
    if (!committed || groups === undefined) return;
    for (const [groupId, offsets] of groups) {
      const kept = this.#committed.get(groupId) ?? new Map<string, CommittedOffset>();
      for (const one of offsets) kept.set(partitionKey(one.topic, one.partition), one);
      this.#committed.set(groupId, kept);
    }
  }

  /** What the group has committed, in the order of first commits. */
  of(groupId: string): CommittedOffset[] {
    return [...(this.#committed.get(groupId)?.values() ?? [])];
  }
}
