/**
 * The words of transactions: what the application calls, what the coordinators are asked, what becomes of a call.
 * Source: KIP-98, KIP-447 (consumer group metadata), KIP-890 (transaction.version 2), KIP-1050 (which errors ask for what).
 */

/** What the application has to do about a fault before anything else works. */
export type NextStep =
  /** Abort the transaction, then go on with another. */
  | 'abort'
  /** Mend what the message names, then initialize again. */
  | 'initialize'
  /** Close the producer: it is of no use any more. */
  | 'close'
  /** Nothing has changed: the call came at the wrong time. */
  | 'correctCall';

export interface TransactionFault {
  /** Kafka's name of the error; ILLEGAL_STATE for a call out of turn. */
  readonly error: string;
  readonly message: string;
  readonly next: NextStep;
}

/** A call of the application. `operation` is its number: the answer carries it. */
export type TransactionCall =
  | { readonly call: 'initTransactions'; readonly operation: number }
  | { readonly call: 'beginTransaction'; readonly operation: number }
  | { readonly call: 'commitTransaction'; readonly operation: number }
  | { readonly call: 'abortTransaction'; readonly operation: number }
  | SendOffsetsToTransaction;

export interface SendOffsetsToTransaction {
  readonly call: 'sendOffsetsToTransaction';
  readonly operation: number;
  readonly group: ConsumerGroup;
  readonly offsets: readonly OffsetToCommit[];
}

/** Who consumes: a coordinator refuses the offsets of a member that was put out of its group (KIP-447). */
export interface ConsumerGroup {
  readonly groupId: string;
  /** -1 and '' when only the id is known: nothing is checked then. */
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface OffsetToCommit extends TopicPartition {
  /** Of the next record to consume. */
  readonly offset: bigint;
  /** Of the last record consumed; -1 when it is not known. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}

/** What the sender tells about a batch of the open transaction that will not be written. */
export interface BatchFailure {
  readonly error: string;
  readonly message: string;
  /** It had a sequence: the partition now has a gap, which only a new epoch heals. */
  readonly sequenced: boolean;
  /** No transaction will ever work again. */
  readonly fatal: boolean;
}

export const coordinatorTypes = { group: 0, transaction: 1 } as const;

/** Identity of the producer, in every request but FindCoordinator. */
export interface TransactionIdentity {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** A question for a coordinator, or about one. */
export type TransactionRequest =
  | { readonly api: 'FindCoordinator'; readonly keyType: 0 | 1; readonly key: string }
  | (TransactionIdentity & {
      /** Producer id and epoch are -1 at the first time; then they prove that nobody has come between (KIP-360). */
      readonly api: 'InitProducerId';
      readonly transactionTimeoutMs: number;
    })
  | (TransactionIdentity & {
      readonly api: 'AddPartitionsToTxn';
      readonly partitions: readonly TopicPartition[];
    })
  | (TransactionIdentity & { readonly api: 'AddOffsetsToTxn'; readonly groupId: string })
  | (TransactionIdentity & {
      readonly api: 'TxnOffsetCommit';
      readonly group: ConsumerGroup;
      readonly offsets: readonly OffsetToCommit[];
      /** transaction.version 2: the request adds the group to the transaction (v5); otherwise at most v4. */
      readonly v2: boolean;
    })
  | (TransactionIdentity & {
      readonly api: 'EndTxn';
      readonly committed: boolean;
      /** transaction.version 2: the answer brings the next epoch (v5); otherwise at most v4. */
      readonly v2: boolean;
    });

export type TransactionApi = TransactionRequest['api'];

interface PartitionError extends TopicPartition {
  readonly errorCode: number;
}

export type TransactionAnswer =
  | {
      readonly api: 'FindCoordinator';
      readonly errorCode: number;
      readonly nodeId: number;
      readonly host: string;
      readonly port: number;
    }
  | {
      /** EndTxn before v5 has no identity: -1n and -1. */
      readonly api: 'InitProducerId' | 'EndTxn';
      readonly errorCode: number;
      readonly producerId: bigint;
      readonly producerEpoch: number;
    }
  | { readonly api: 'AddOffsetsToTxn'; readonly errorCode: number }
  | {
      readonly api: 'AddPartitionsToTxn' | 'TxnOffsetCommit';
      readonly partitions: readonly PartitionError[];
    };

export type TransactionEvent =
  | TransactionCall
  /** A batch waits that would go to this partition. */
  | ({ readonly type: 'partitionUsed' } & TopicPartition)
  | ({ readonly type: 'batchFailed' } & BatchFailure)
  /** From the ApiVersions answer of any broker: `epoch` orders what was learned, the latest counts. */
  | {
      readonly type: 'featuresLearned';
      readonly epoch: bigint;
      readonly transactionVersion: number;
    }
  | { readonly type: 'answered'; readonly answer: TransactionAnswer }
  /** There will be no answer: the connection was lost, or could not be made. */
  | { readonly type: 'requestLost' }
  /** Whether the coordinator knows InitProducerId v3: only then the epoch can be raised without losing the identity. */
  | { readonly type: 'coordinatorConnected'; readonly raisesEpoch: boolean };

export type TransactionEffect =
  /** The end of a call; `fault` undefined: it succeeded. */
  | {
      readonly type: 'callEnded';
      readonly operation: number;
      readonly fault: TransactionFault | undefined;
    }
  /** Every partition begins at sequence 0 under this identity. Nothing is in flight. */
  | {
      readonly type: 'identityChanged';
      readonly producerId: bigint;
      readonly producerEpoch: number;
    }
  /** Batches that waited for it may go out. */
  | { readonly type: 'partitionsAdded'; readonly partitions: readonly TopicPartition[] }
  /** The transaction will be aborted: what is not on the wire need not go out. */
  | { readonly type: 'batchesUnwanted'; readonly fault: TransactionFault }
  | {
      readonly type: 'coordinatorFound';
      readonly nodeId: number;
      readonly host: string;
      readonly port: number;
    }
  /** Nothing can be sent any more. */
  | { readonly type: 'transactionsEnded'; readonly fault: TransactionFault };
