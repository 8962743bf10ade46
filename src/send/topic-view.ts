import type { TopicProblem } from './reports.ts';
import type { TopicState } from './sender-state.ts';

/** A topic as the brokers say. */
export interface TopicView {
  /** 0 when there is a problem. */
  readonly partitionCount: number;
  /** Partitions with a leader, in ascending order. */
  available(): readonly number[];
  /** Why it cannot be used now. */
  readonly problem: TopicProblem | undefined;
  /** Answers in a row that told of the problem: it may be over since the last. */
  readonly problemAnswers: number;
}

/** What is known of topics. Asked at each record: so it makes nothing before it is asked for more. */
export class TopicViews {
  readonly #topics: ReadonlyMap<string, TopicState>;
  /** Looked at last: mostly the next record is for the same. */
  #last: UsableTopic | undefined;

  /** @param topics whoever is in it stays there */
  constructor(topics: ReadonlyMap<string, TopicState>) {
    this.#topics = topics;
  }

  /** One that can be used now. */
  known(name: string): TopicView | undefined {
    const last = this.#last;
    if (last !== undefined && last.topic.topic === name && last.topic.known) return last;
    const topic = this.#topics.get(name);
    if (topic?.known !== true) return undefined;
    this.#last = new UsableTopic(topic);
    return this.#last;
  }

  /** One that cannot, and why; undefined as long as no broker has said anything of use. */
  missing(name: string): TopicView | undefined {
    const topic = this.#topics.get(name);
    const problem = topic?.reported;
    if (topic === undefined || problem === undefined) return undefined;
    const { missingCount: problemAnswers } = topic;
    return { partitionCount: 0, problem, problemAnswers, available: () => [] };
  }
}

class UsableTopic implements TopicView {
  readonly topic: TopicState;
  readonly problem = undefined;
  readonly problemAnswers = 0;

  constructor(topic: TopicState) {
    this.topic = topic;
  }

  get partitionCount(): number {
    return this.topic.partitionCount;
  }

  available(): readonly number[] {
    const { partitionCount, partitions } = this.topic;
    const all = Array.from({ length: partitionCount }, (_, partition) => partition);
    return all.filter((partition) => (partitions[partition]?.leaderId ?? -1) >= 0);
  }
}
