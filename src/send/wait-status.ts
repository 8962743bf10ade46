/** Which partitions wait, and for what: for the status page, and for the message of a batch that waited too long. */
import {
  hasWork,
  NO_NODE,
  type PartitionState,
  type SenderState,
  type TopicState,
} from './sender-state.ts';
import { isPartitionOpen } from './transaction-state.ts';

export interface Waiting {
  readonly topic: string;
  /** -1 for keyless batches without a partition. */
  readonly partition: number;
  readonly batches: number;
  readonly why: string;
}

/** Everything that is not done, with its reason. */
export function waiting(state: SenderState): Waiting[] {
  const all: Waiting[] = [];
  for (const topic of state.topics.values()) {
    if (topic.keyless.length > 0) {
      const { length: batches } = topic.keyless;
      all.push({ topic: topic.topic, partition: -1, batches, why: whyKeyless(state, topic) });
    }
    for (const partition of topic.partitions) {
      if (partition === undefined) continue;
      const { queue, retries, inFlight, splitting } = partition;
      const here = splitting === undefined ? 0 : 1;
      const batches = queue.length + retries.length + inFlight.length + here;
      if (batches === 0) continue;
      const why = whyWaiting(state, partition);
      all.push({ topic: topic.topic, partition: partition.partition, batches, why });
    }
  }
  return all;
}

/** What a call of transactions waits for. */
export function whyCallWaits(state: SenderState): string {
  const setback = state.transactions?.setback;
  if (setback !== undefined) return `${setback.api} ${setback.what}`;
  if (state.metadata.answeredCount === 0) return whyNoMetadata(state);
  if (state.unreachableSinceMs !== undefined) return 'no broker can be reached';
  const [first] = waiting(state);
  if (first === undefined) return 'its coordinator has not answered yet';
  return `batches of ${first.topic}-${String(first.partition)} have no outcome yet: ${first.why}`;
}

export function whyKeyless(state: SenderState, topic: TopicState): string {
  const led = topic.partitions.some((one) => one !== undefined && one.leaderId !== NO_NODE);
  return led ? 'no partition can take a batch now' : whyUnled(state, topic);
}

export function whyWaiting(state: SenderState, partition: PartitionState): string {
  const { settle, parked } = partition;
  const node = state.nodes.get(partition.leaderId);
  if (settle !== undefined) return `settling (${settle.phase}): ${settle.cause}`;
  if (parked !== undefined) return `parked: ${parked}`;
  if (node === undefined) return whyUnled(state, partition.topic);
  if (node.status !== 'ready') return `leader ${String(node.id)} is not connected${whyNot(node)}`;
  if (partition.splitting !== undefined) return 'a batch is being split';
  if (state.config.enableIdempotence && !partition.identity.assigned) return 'no producer id yet';
  if (partition.inFlight.length > 0 && !hasWork(partition)) return 'in flight';
  if (isBeingAdded(state, partition)) return 'its partition is not part of the transaction yet';
  if (partition.refusals > 0) return `refused ${String(partition.refusals)} times, tried again`;
  return 'its turn';
}

function isBeingAdded({ transactions }: SenderState, partition: PartitionState): boolean {
  const place = { topic: partition.topic.topic, partition: partition.partition };
  return transactions !== undefined && !isPartitionOpen(transactions, place);
}

function whyNot({ failure }: { readonly failure: { readonly message: string } | undefined }) {
  return failure === undefined ? '' : `: ${failure.message}`;
}

function whyUnled(state: SenderState, topic: TopicState): string {
  if (state.unreachableSinceMs !== undefined) return 'no broker can be reached';
  if (topic.reported !== undefined) return `the topic cannot be used: ${topic.reported}`;
  return topic.known ? 'the partition has no leader' : whyNoMetadata(state);
}

export function whyNoMetadata({ metadata, config }: SenderState): string {
  if (metadata.answeredCount > 0) return 'no metadata of the topic yet';
  const servers = config.bootstrapServers.map(({ host, port }) => `${host}:${String(port)}`);
  return `no broker has answered yet. Check bootstrap.servers: ${servers.join(', ')}`;
}
