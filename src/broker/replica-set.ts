import { assert, present } from '../shared/assert.ts';
import { BrokerProducerState } from './broker-producer-state.ts';
import type { LogBatch, PartitionLog } from './partition-log.ts';

/** Leader of a partition that has none. */
export const NO_LEADER = -1;

interface Replica {
  readonly nodeId: number;
  readonly producers: BrokerProducerState;
  /** This replica has shown its producer state the batches below this offset. */
  replicatedTo: number;
  up: boolean;
  /** As a node that was sent SIGSTOP: neither replicates nor truncates, yet answers with what it knew. */
  frozen: boolean;
  /** The log was cut below `replicatedTo` while this replica was not looking. */
  diverged: boolean;
}

/**
 * The replicas of one partition: who leads, in which epoch, and what each of them remembers of the producers. There is one
 * log, the leader's; a follower is its offset in it and its own producer state.
 */
export class ReplicaSet {
  readonly #log: PartitionLog;
  #replicas: Replica[];
  #leaderId: number;
  #leaderEpoch = 0;

  constructor(log: PartitionLog, nodeIds: readonly number[]) {
    this.#log = log;
    this.#replicas = nodeIds.map((nodeId) => emptyReplica(nodeId));
    this.#leaderId = present(nodeIds[0], 'a partition has a replica');
  }

  get leaderId(): number {
    return this.#leaderId;
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  get nodeIds(): number[] {
    return this.#replicas.map((replica) => replica.nodeId);
  }

  /** Replicas whose node is up: a dead node leaves the in-sync set at once, a frozen one stays in it for a while. */
  get inSync(): number[] {
    return this.#replicas.filter((replica) => replica.up).map((replica) => replica.nodeId);
  }

  /** What the leader remembers. */
  get leaderProducers(): BrokerProducerState {
    return this.#replica(this.#leaderId).producers;
  }

  /** What that node remembers, leader or not, right or stale; undefined where it has no replica. */
  producersAt(nodeId: number): BrokerProducerState | undefined {
    return this.#replicas.find((replica) => replica.nodeId === nodeId)?.producers;
  }

  /** The leader has appended `batch` to the log. */
  recordAppend(batch: LogBatch): void {
    const leader = this.#replica(this.#leaderId);
    leader.producers.record(batch);
    leader.replicatedTo = batch.lastOffset + 1;
  }

  /** Lets the followers that are up and not frozen fetch what lies below `offset`. */
  replicateTo(offset: number): void {
    for (const replica of this.#replicas) {
      if (replica.up && !replica.frozen) this.#catchUp(replica, offset);
    }
  }

  freeze(nodeId: number): void {
    this.#replica(nodeId).frozen = true;
  }

  /** Goes on replicating from the next append on. */
  thaw(nodeId: number): void {
    this.#replica(nodeId).frozen = false;
  }

  /** The node has gone; leadership passes to a follower that has all below the high watermark, or to nobody. */
  nodeDown(nodeId: number, highWatermark: number): void {
    const replica = this.#replicas.find((candidate) => candidate.nodeId === nodeId);
    if (replica === undefined) return;
    replica.up = false;
    if (this.#leaderId === nodeId) this.#electOrNobody(highWatermark);
  }

  /** The node is back, with what a restart leaves of its producer state at `nowMs`. */
  nodeUp(
    nodeId: number,
    highWatermark: number,
    nowMs: number,
    producerIdExpirationMs: number,
  ): void {
    const replica = this.#replicas.find((candidate) => candidate.nodeId === nodeId);
    if (replica === undefined) return;
    replica.up = true;
    replica.frozen = false;
    replica.producers.forgetAllButLastBatch();
    replica.producers.expire(nowMs, producerIdExpirationMs);
    if (this.#log.isEmptied) replica.producers.clear();
    if (this.#leaderId === NO_LEADER) this.#electOrNobody(highWatermark);
  }

  /**
   * Makes the node the leader in a new epoch. If it does not have all of the log, the log ends where its own does: an
   * unclean election, which loses what was above.
   */
  lead(nodeId: number): void {
    const replica = this.#replica(nodeId);
    assert(replica.up, `node ${String(nodeId)} is up before it leads`);
    replica.frozen = false;
    if (replica.diverged) this.#rebuild(replica);
    if (replica.replicatedTo < this.#log.endOffset) this.#truncateTo(replica.replicatedTo);
    this.#leaderId = nodeId;
    this.#leaderEpoch += 1;
  }

  /** Moves the partition to these nodes, which all must be up; new replicas learn from what the log still holds. */
  reassign(nodeIds: readonly number[]): void {
    this.#replicas = nodeIds.map((nodeId) => {
      const known = this.#replicas.find((replica) => replica.nodeId === nodeId);
      if (known !== undefined) return known;
      const replica = emptyReplica(nodeId);
      this.#rebuild(replica);
      return replica;
    });
    if (!nodeIds.includes(this.#leaderId)) this.#electOrNobody(this.#log.endOffset);
  }

  forEachProducerState(visit: (producers: BrokerProducerState) => void): void {
    for (const replica of this.#replicas) visit(replica.producers);
  }

  #electOrNobody(highWatermark: number): void {
    const eligible = this.#replicas.find(
      (replica) =>
        replica.up && !replica.frozen && !replica.diverged && replica.replicatedTo >= highWatermark,
    );
    if (eligible !== undefined) this.lead(eligible.nodeId);
    else this.#leaderId = NO_LEADER;
  }

  #truncateTo(offset: number): void {
    this.#log.truncateTo(offset);
    for (const replica of this.#replicas) {
      if (replica.replicatedTo > offset) replica.diverged = true;
    }
  }

  #catchUp(replica: Replica, offset: number): void {
    if (replica.diverged) this.#rebuild(replica);
    if (replica.replicatedTo >= offset) return;
    for (const batch of this.#log.batchesFrom(replica.replicatedTo)) {
      if (batch.lastOffset >= offset) break;
      replica.producers.record(batch);
    }
    replica.replicatedTo = offset;
  }

  #rebuild(replica: Replica): void {
    replica.producers.rebuild(this.#log.batches);
    replica.replicatedTo = this.#log.endOffset;
    replica.diverged = false;
  }

  #replica(nodeId: number): Replica {
    const replica = this.#replicas.find((candidate) => candidate.nodeId === nodeId);
    return present(replica, `node ${String(nodeId)} has a replica`);
  }
}

function emptyReplica(nodeId: number): Replica {
  return {
    nodeId,
    producers: new BrokerProducerState(),
    replicatedTo: 0,
    up: true,
    frozen: false,
    diverged: false,
  };
}
