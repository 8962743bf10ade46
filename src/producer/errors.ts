/**
 * What `send` and the transaction calls fail with: a class for each error that a producer can meet, under the name of Kafka's Java
 * exception with `Error` for `Exception`. Codes and what may be retried come from the one table, src/kafka/errors.ts.
 * Source: org.apache.kafka.common.errors, org.apache.kafka.common.protocol.Errors 4.1.
 */
import { errors, type KafkaErrorName } from '../kafka/errors.ts';
import type { NextStep } from '../send/transaction-events.ts';

/**
 * What happened to the record:
 * - `notSent`: it is not in the log. It never left, or each attempt was refused. Sending it again doubles nothing.
 * - `possiblyWritten`: an attempt went out and nobody can tell how it ended. Sending it again may double it.
 * - `written`: it is in the log, and something after that failed. No error has it today.
 */
export type RecordFate = 'notSent' | 'possiblyWritten' | 'written';

/**
 * What a transactional producer needs before anything else works:
 * - `retry`: the same call again. It goes on with what the first one began.
 * - `abort`: abortTransaction, then another transaction.
 * - `initialize`: mend what the message names, then initTransactions again.
 * - `close`: it is of no use any more. Make another one.
 * - `correctCall`: the call came at the wrong time, and has changed nothing.
 */
export type TransactionNext = 'retry' | NextStep;

/** What an error is about, as far as it is about a record. */
export interface ErrorAbout {
  readonly topic?: string | undefined;
  /** Left out, or -1, when the record had none yet. */
  readonly partition?: number | undefined;
  readonly fate?: RecordFate | undefined;
  readonly next?: TransactionNext | undefined;
  readonly cause?: unknown;
}

/** Everything that the producer rejects with. What has no class of its own is this one, with Kafka's code and name. */
export class KafkaError extends Error {
  /** Kafka's constant, such as `NOT_LEADER_OR_FOLLOWER`; undefined when the fault was found here and Kafka has no code for it. */
  readonly kafkaName: KafkaErrorName | undefined;
  /** Kafka's number of it. */
  readonly code: number | undefined;
  /** The same call may succeed later. Whether it may double a record, `fate` says. */
  readonly retriable: boolean;
  readonly topic: string | undefined;
  /** -1 when the record had none yet. */
  readonly partition: number | undefined;
  /** Undefined when it is not about a record. */
  readonly fate: RecordFate | undefined;
  /** Of the calls of transactions: what has to be done. Undefined in other errors. */
  readonly next: TransactionNext | undefined;

  constructor(message: string, about: ErrorAbout = {}, kafkaName?: KafkaErrorName) {
    super(message, 'cause' in about ? { cause: about.cause } : undefined);
    const row = kafkaName === undefined ? undefined : errors[kafkaName];
    this.kafkaName = kafkaName;
    this.code = row?.code;
    this.retriable = row?.retriable ?? false;
    this.topic = about.topic;
    this.partition = about.partition;
    this.fate = about.fate;
    this.next = about.next;
  }
}

/** The base of a class: it has code and retriable of its row. */
function row<Name extends KafkaErrorName>(name: Name, Base: typeof KafkaError = KafkaError) {
  return class extends Base {
    static readonly row = name;
    declare readonly kafkaName: Name;

    constructor(message: string, about?: ErrorAbout) {
      super(message, about, name);
    }
  };
}

/** A key or value could not be turned into bytes: the record was not sent. `cause` is what the serializer threw. */
export class SerializationError extends KafkaError {
  declare readonly kafkaName: undefined;
}

/** An argument that no state of the cluster could make right. */
export class IllegalArgumentError extends KafkaError {
  declare readonly kafkaName: undefined;
}

/** A call that the producer does not allow in the state it is in, such as `send` after `close`. */
export class IllegalStateError extends KafkaError {
  declare readonly kafkaName: undefined;
}

/** The transaction of the record was aborted before the record went out. */
export class TransactionAbortedError extends KafkaError {
  declare readonly kafkaName: undefined;
}

/** The group does not take the offsets of `sendOffsetsToTransaction`: its partitions have moved to others. Abort. */
export class CommitFailedError extends KafkaError {
  declare readonly kafkaName: undefined;
}

/** Time is up: `max.block.ms` for what a call waits for, `delivery.timeout.ms` for a record, `request.timeout.ms` for an answer. */
export class TimeoutError extends row('REQUEST_TIMED_OUT') {}

/** `buffer.memory` is full, and as many records wait for it as may. Kafka's is a timeout too. */
export class BufferExhaustedError extends TimeoutError {}

/** Permission is missing; the four below are this one too. */
export class AuthorizationError extends KafkaError {
  declare readonly kafkaName:
    | 'TOPIC_AUTHORIZATION_FAILED'
    | 'GROUP_AUTHORIZATION_FAILED'
    | 'CLUSTER_AUTHORIZATION_FAILED'
    | 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED';
}
export class TopicAuthorizationError extends row(
  'TOPIC_AUTHORIZATION_FAILED',
  AuthorizationError,
) {}
export class GroupAuthorizationError extends row(
  'GROUP_AUTHORIZATION_FAILED',
  AuthorizationError,
) {}
export class ClusterAuthorizationError extends row(
  'CLUSTER_AUTHORIZATION_FAILED',
  AuthorizationError,
) {}
export class TransactionalIdAuthorizationError extends row(
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  AuthorizationError,
) {}

// The record, its batch, its topic.
export class RecordTooLargeError extends row('MESSAGE_TOO_LARGE') {}
export class RecordBatchTooLargeError extends row('RECORD_LIST_TOO_LARGE') {}
export class CorruptRecordError extends row('CORRUPT_MESSAGE') {}
export class InvalidRecordError extends row('INVALID_RECORD') {}
export class InvalidTimestampError extends row('INVALID_TIMESTAMP') {}
export class InvalidTopicError extends row('INVALID_TOPIC_EXCEPTION') {}
export class InvalidRequiredAcksError extends row('INVALID_REQUIRED_ACKS') {}
export class PolicyViolationError extends row('POLICY_VIOLATION') {}
export class UnsupportedCompressionTypeError extends row('UNSUPPORTED_COMPRESSION_TYPE') {}
export class UnsupportedForMessageFormatError extends row('UNSUPPORTED_FOR_MESSAGE_FORMAT') {}

// The cluster.
export class UnknownServerError extends row('UNKNOWN_SERVER_ERROR') {}
export class UnknownTopicOrPartitionError extends row('UNKNOWN_TOPIC_OR_PARTITION') {}
export class UnknownTopicIdError extends row('UNKNOWN_TOPIC_ID') {}
export class InconsistentTopicIdError extends row('INCONSISTENT_TOPIC_ID') {}
export class InconsistentClusterIdError extends row('INCONSISTENT_CLUSTER_ID') {}
export class LeaderNotAvailableError extends row('LEADER_NOT_AVAILABLE') {}
export class NotLeaderOrFollowerError extends row('NOT_LEADER_OR_FOLLOWER') {}
export class ReplicaNotAvailableError extends row('REPLICA_NOT_AVAILABLE') {}
export class ListenerNotFoundError extends row('LISTENER_NOT_FOUND') {}
export class FencedLeaderEpochError extends row('FENCED_LEADER_EPOCH') {}
export class UnknownLeaderEpochError extends row('UNKNOWN_LEADER_EPOCH') {}
export class NotEnoughReplicasError extends row('NOT_ENOUGH_REPLICAS') {}
export class NotEnoughReplicasAfterAppendError extends row('NOT_ENOUGH_REPLICAS_AFTER_APPEND') {}
export class NetworkError extends row('NETWORK_EXCEPTION') {}
export class KafkaStorageError extends row('KAFKA_STORAGE_ERROR') {}
export class ThrottlingQuotaExceededError extends row('THROTTLING_QUOTA_EXCEEDED') {}
export class InvalidRequestError extends row('INVALID_REQUEST') {}
export class UnsupportedVersionError extends row('UNSUPPORTED_VERSION') {}
export class UnsupportedSaslMechanismError extends row('UNSUPPORTED_SASL_MECHANISM') {}
export class IllegalSaslStateError extends row('ILLEGAL_SASL_STATE') {}
export class SaslAuthenticationError extends row('SASL_AUTHENTICATION_FAILED') {}
export class RebootstrapRequiredError extends row('REBOOTSTRAP_REQUIRED') {}

// Identity of the producer, and transactions.
export class OutOfOrderSequenceError extends row('OUT_OF_ORDER_SEQUENCE_NUMBER') {}
export class DuplicateSequenceError extends row('DUPLICATE_SEQUENCE_NUMBER') {}
export class UnknownProducerIdError extends row('UNKNOWN_PRODUCER_ID') {}
export class InvalidProducerEpochError extends row('INVALID_PRODUCER_EPOCH') {}
export class ProducerFencedError extends row('PRODUCER_FENCED') {}
export class InvalidPidMappingError extends row('INVALID_PRODUCER_ID_MAPPING') {}
export class InvalidTxnStateError extends row('INVALID_TXN_STATE') {}
export class InvalidTxnTimeoutError extends row('INVALID_TRANSACTION_TIMEOUT') {}
export class ConcurrentTransactionsError extends row('CONCURRENT_TRANSACTIONS') {}
export class TransactionCoordinatorFencedError extends row('TRANSACTION_COORDINATOR_FENCED') {}
export class TransactionalIdNotFoundError extends row('TRANSACTIONAL_ID_NOT_FOUND') {}
export class TransactionAbortableError extends row('TRANSACTION_ABORTABLE') {}
export class OperationNotAttemptedError extends row('OPERATION_NOT_ATTEMPTED') {}
export class CoordinatorLoadInProgressError extends row('COORDINATOR_LOAD_IN_PROGRESS') {}
export class CoordinatorNotAvailableError extends row('COORDINATOR_NOT_AVAILABLE') {}
export class NotCoordinatorError extends row('NOT_COORDINATOR') {}

// Offsets of a group in a transaction.
export class OffsetMetadataTooLargeError extends row('OFFSET_METADATA_TOO_LARGE') {}
export class InvalidCommitOffsetSizeError extends row('INVALID_COMMIT_OFFSET_SIZE') {}
export class InvalidGroupIdError extends row('INVALID_GROUP_ID') {}
export class IllegalGenerationError extends row('ILLEGAL_GENERATION') {}
export class UnknownMemberIdError extends row('UNKNOWN_MEMBER_ID') {}
export class FencedInstanceIdError extends row('FENCED_INSTANCE_ID') {}
export class FencedMemberEpochError extends row('FENCED_MEMBER_EPOCH') {}
export class StaleMemberEpochError extends row('STALE_MEMBER_EPOCH') {}
export class RebalanceInProgressError extends row('REBALANCE_IN_PROGRESS') {}
export class UnstableOffsetCommitError extends row('UNSTABLE_OFFSET_COMMIT') {}

/** All of them by their names. */
export const errorClasses = {
  KafkaError,
  SerializationError,
  IllegalArgumentError,
  IllegalStateError,
  TransactionAbortedError,
  CommitFailedError,
  TimeoutError,
  BufferExhaustedError,
  AuthorizationError,
  TopicAuthorizationError,
  GroupAuthorizationError,
  ClusterAuthorizationError,
  TransactionalIdAuthorizationError,
  RecordTooLargeError,
  RecordBatchTooLargeError,
  CorruptRecordError,
  InvalidRecordError,
  InvalidTimestampError,
  InvalidTopicError,
  InvalidRequiredAcksError,
  PolicyViolationError,
  UnsupportedCompressionTypeError,
  UnsupportedForMessageFormatError,
  UnknownServerError,
  UnknownTopicOrPartitionError,
  UnknownTopicIdError,
  InconsistentTopicIdError,
  InconsistentClusterIdError,
  LeaderNotAvailableError,
  NotLeaderOrFollowerError,
  ReplicaNotAvailableError,
  ListenerNotFoundError,
  FencedLeaderEpochError,
  UnknownLeaderEpochError,
  NotEnoughReplicasError,
  NotEnoughReplicasAfterAppendError,
  NetworkError,
  KafkaStorageError,
  ThrottlingQuotaExceededError,
  InvalidRequestError,
  UnsupportedVersionError,
  UnsupportedSaslMechanismError,
  IllegalSaslStateError,
  SaslAuthenticationError,
  RebootstrapRequiredError,
  OutOfOrderSequenceError,
  DuplicateSequenceError,
  UnknownProducerIdError,
  InvalidProducerEpochError,
  ProducerFencedError,
  InvalidPidMappingError,
  InvalidTxnStateError,
  InvalidTxnTimeoutError,
  ConcurrentTransactionsError,
  TransactionCoordinatorFencedError,
  TransactionalIdNotFoundError,
  TransactionAbortableError,
  OperationNotAttemptedError,
  CoordinatorLoadInProgressError,
  CoordinatorNotAvailableError,
  NotCoordinatorError,
  OffsetMetadataTooLargeError,
  InvalidCommitOffsetSizeError,
  InvalidGroupIdError,
  IllegalGenerationError,
  UnknownMemberIdError,
  FencedInstanceIdError,
  FencedMemberEpochError,
  StaleMemberEpochError,
  RebalanceInProgressError,
  UnstableOffsetCommitError,
} as const;

// Set here, not by the engine: a bundler that shortens the names of classes leaves the keys of objects alone.
for (const [name, { prototype }] of Object.entries(errorClasses)) {
  Object.defineProperty(prototype, 'name', { value: name, configurable: true, writable: true });
}
