import type { PartitionInfo, TopicView } from '../send/topic-view.ts';
import { IllegalArgumentError, type KafkaError } from './errors.ts';
import { checkTopicName, kindOf } from './record.ts';
import { refusalOf, type PermissionWait } from './topic-refusal.ts';
import type { WaitEnd, WaitingLine } from './waiting-line.ts';

export interface TopicQuestion {
  readonly topic: string;
  /** Why nothing can be asked any more. */
  readonly end: () => KafkaError | undefined;
  readonly known: () => TopicView | undefined;
  readonly late: (reason: WaitEnd) => KafkaError;
}

/** The partitions of a topic: waits in the line as a record does. @throws {KafkaError} as a rejection */
export async function partitionsFor(
  line: WaitingLine,
  question: TopicQuestion,
): Promise<PartitionInfo[]> {
  const { topic, end, known, late } = question;
  checkAsked(topic);
  const permission: PermissionWait = { answersBefore: undefined };
  return await new Promise<PartitionInfo[]>((resolve, reject) => {
    line.enter({
      ...{ topic, partition: undefined, lane: undefined, deadlineMs: Infinity, order: 0 },
      keep: () => undefined,
      attempt: () => {
        const view = known();
        const refusal = end() ?? refusalOf(topic, view, permission);
        if (refusal !== undefined) reject(refusal);
        else if (view === undefined || view.partitionCount === 0) return 'noTopic';
        else resolve(view.partitions());
        return 'done';
      },
      expire: (reason) => {
        reject(late(reason));
      },
    });
  });
}

/** Callers without types ask for anything. */
function checkAsked(topic: unknown): void {
  if (typeof topic === 'string') {
    checkTopicName(topic);
    return;
  }
  throw new IllegalArgumentError(
    `partitionsFor: write the name of a topic, as text, not ${kindOf(topic)}`,
  );
}
