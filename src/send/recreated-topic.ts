/** A topic that was deleted and created again under its old name: another log, with other partitions. */
import { UNASSIGNED_PARTITION, type ProducerBatch } from '../accumulate/producer-batch.ts';
import { errors } from '../kafka/errors.ts';
import { loseLeader } from './cluster-metadata.ts';
import { unstamp } from './producer-state.ts';
import {
  NO_LEADER_EPOCH,
  NO_NODE,
  report,
  type PartitionState,
  type SenderState,
  type TopicState,
} from './sender-state.ts';
import { isPartitionOpen, type TransactionState } from './transaction-state.ts';

/** What may be in the old one is settled against the new one; sequences start again. Leaders are those of the answer, which is taken next. */
export function recreated(state: SenderState, topic: TopicState): void {
  report(state, { kind: 'topicRecreated', topic: topic.topic });
  topic.formerTopicId = topic.topicId;
  for (const partition of topic.partitions) {
    if (partition === undefined) continue;
    loseLeader(state, partition);
    partition.leaderEpoch = NO_LEADER_EPOCH;
    partition.gateLeaderId = NO_NODE;
    partition.lastAckedOffset = -1n;
    // An answer that is still under way tells of the old log.
    if (partition.floorRequest !== 0) partition.floor = 0n;
    if (!partition.identity.assigned) continue;
    if (state.transactions !== undefined) {
      loseTransaction(state, state.transactions, partition);
      continue;
    }
    partition.floor = 0n;
    partition.bumpPending = true;
  }
  // Only here may there be fewer than before.
  topic.partitionCount = 0;
}

/** What the open transaction has written there is gone. */
function loseTransaction(
  state: SenderState,
  transactions: TransactionState,
  { topic: { topic }, partition }: PartitionState,
): void {
  if (!isPartitionOpen(transactions, { topic, partition })) return;
  const { name } = errors.UNKNOWN_TOPIC_ID;
  const message = `topic ${topic} was deleted and created again while the transaction was open`;
  state.batchFailures.push({ error: name, message, sequenced: true, fatal: false });
}

/** Keyless batches of partitions that are gone with the old topic are given out anew: the log that they may be in is gone, too. */
export function takeBackKeyless(state: SenderState, topic: TopicState): void {
  const back: ProducerBatch[] = [];
  for (const partition of topic.partitions.slice(topic.partitionCount)) {
    // What is in flight comes back refused, and is taken the next time.
    if (partition === undefined || partition.inFlight.length > 0) continue;
    if (partition.splitting !== undefined) continue;
    back.push(...partition.retries.filter(({ keyless }) => keyless));
    back.push(...partition.queue.take(({ keyless }) => keyless));
    leaveBehind(partition);
  }
  if (back.length === 0) return;
  back.sort((a, b) => a.ordinal - b.ordinal);
  for (const batch of back) {
    batch.maybeAppended = false;
    unstamp(batch);
    batch.partition = UNASSIGNED_PARTITION;
    state.accumulator.watch(batch);
  }
  topic.keyless.putBack(back);
  state.keylessTopics.add(topic);
}

function leaveBehind(partition: PartitionState): void {
  partition.retries = partition.retries.filter(({ keyless }) => !keyless);
  if (partition.retries.length > 0) return;
  partition.settle = undefined;
  partition.settleCause = undefined;
}
