/** What the sender core tells people: log lines and counters are made of these. */
import type { Endpoint } from './sender-config.ts';

/** Why a connection never became ready. */
export type ConnectFailure =
  | 'unresolved'
  | 'refused'
  | 'timeout'
  | 'closed'
  | 'notKafka'
  | 'tooOld'
  | 'authentication'
  | 'tls'
  | 'other';

export type TopicProblem =
  /** Kafka does not have it and will not make it. */
  | 'missing'
  /** No permission: Describe or Write for this topic. */
  | 'notAuthorized'
  /** The name is not legal. */
  | 'invalidName'
  /** The topic is there, but not the partition that a batch names. */
  | 'noSuchPartition';

/** Behind "topic x". */
export const problemText: Record<TopicProblem, string> = {
  missing: 'does not exist',
  notAuthorized: 'is not permitted',
  invalidName: 'has an illegal name',
  noSuchPartition: 'has no such partition',
};

/** Something happened that an operator wants to know. Each is said once when it begins, and once when it is over. */
export type SenderReport =
  | { readonly kind: 'brokersUnreachable'; readonly attempts: readonly BrokerAttempt[] }
  | { readonly kind: 'brokersReachable'; readonly afterMs: number }
  | {
      readonly kind: 'brokerLost';
      readonly node: number;
      readonly host: string;
      readonly port: number;
      readonly message: string;
    }
  | {
      readonly kind: 'brokerBack';
      readonly node: number;
      readonly host: string;
      readonly port: number;
      readonly afterMs: number;
    }
  | { readonly kind: 'rebootstrapped'; readonly message: string }
  | {
      readonly kind: 'topicProblem';
      readonly topic: string;
      readonly problem: TopicProblem;
      readonly message: string;
    }
  | { readonly kind: 'topicUsable'; readonly topic: string; readonly partitions: number }
  | { readonly kind: 'topicRecreated'; readonly topic: string }
  | {
      readonly kind: 'requestTimedOut';
      readonly node: number;
      readonly api: string;
      readonly afterMs: number;
    }
  | { readonly kind: 'throttled'; readonly node: number; readonly throttleMs: number }
  | {
      readonly kind: 'batchRetried';
      readonly topic: string;
      readonly partition: number;
      readonly error: string;
      readonly attempts: number;
    }
  | {
      readonly kind: 'partitionParked';
      readonly topic: string;
      readonly partition: number;
      readonly error: string;
      readonly message: string;
    }
  /** What waits for a producer id has failed; the next batch asks again. */
  | { readonly kind: 'producerIdDenied'; readonly error: string; readonly message: string }
  | { readonly kind: 'producerIdGranted'; readonly afterMs: number }
  | { readonly kind: 'partitionResumed'; readonly topic: string; readonly partition: number }
  /** Batches whose fate is not known: asking the broker has begun. */
  | {
      readonly kind: 'settleStarted';
      readonly topic: string;
      readonly partition: number;
      readonly batches: number;
      readonly cause: string;
    }
  | {
      readonly kind: 'settleStalled';
      readonly topic: string;
      readonly partition: number;
      readonly message: string;
    }
  | {
      readonly kind: 'settled';
      readonly topic: string;
      readonly partition: number;
      readonly duplicates: number;
      readonly resent: number;
      readonly afterMs: number;
    }
  /** Acknowledged records are not in the log any more: unclean election, or a broker that lost its disk. */
  | {
      readonly kind: 'dataLossSuspected';
      readonly topic: string;
      readonly partition: number;
      readonly recordsMax: number;
      readonly message: string;
    }
  /** The sender has stopped for good; all its batches are abandoned. */
  | { readonly kind: 'fatal'; readonly error: string; readonly message: string };

export interface BrokerAttempt extends Endpoint {
  readonly reason: ConnectFailure;
  readonly message: string;
}
