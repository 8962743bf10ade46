import type { TopicView } from '../send/topic-view.ts';
import type { TopicPartitions } from './partitioners.ts';

/** What partitioners may know: which partitions have a leader is found out when one asks. */
export class KnownPartitions implements TopicPartitions {
  readonly #topic: TopicView;

  constructor(topic: TopicView) {
    this.#topic = topic;
  }

  get count(): number {
    return this.#topic.partitionCount;
  }

  get available(): readonly number[] {
    return this.#topic.available();
  }
}
