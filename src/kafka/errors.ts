/**
 * Kafka's error codes: the one table. No error number or name stands anywhere else in millrace.
 * Source: org.apache.kafka.common.protocol.Errors 4.1; the produce actions: KIP-98, KIP-360, KIP-467, KIP-890, KIP-951.
 */

/**
 * What the sender does with a batch that was answered with an error:
 * - `success`: it is in the log, at the offset of the answer.
 * - `duplicate`: it is in the log, at an offset the broker no longer knows.
 * - `retry`: send the identical batch again after the backoff, to the same leader.
 * - `refresh`: ask for new metadata first, then as `retry`, to the leader named there (or in the answer, KIP-951).
 * - `retryThenFatal`: as `retry` once; the same answer to the same batch again means that our own memory is wrong.
 * - `split`: cut it into smaller batches inside its own sequence range; a batch of one record is rejected instead.
 * - `settle`: whether it is in the log must be found out before anything else goes to the partition.
 * - `park`: someone has to change permissions; try the topic again slowly and say so.
 * - `fail`: the broker never takes this batch. Reject it.
 * - `abort`: the transaction has to be aborted; without one as `fatal`.
 * - `fatal`: nothing may be sent any more under this producer identity or configuration.
 *
 * `split`, `fail` and `park` hold only for a batch without an earlier attempt of unknown outcome: brokers refuse for size,
 * timestamp or policy before they look for duplicates, so the answer says nothing about an earlier attempt. Settle then.
 */
export type ProduceAction =
  | 'success'
  | 'duplicate'
  | 'retry'
  | 'refresh'
  | 'retryThenFatal'
  | 'split'
  | 'settle'
  | 'park'
  | 'fail'
  | 'abort'
  | 'fatal';

export interface KafkaError {
  readonly code: number;
  readonly name: KafkaErrorName;
  /** In our own words, for messages to the operator. */
  readonly meaning: string;
  /** The same request may succeed later: the Java client's RetriableException. Holds for every API. */
  readonly retriable: boolean;
  /** The metadata is stale: the Java client's InvalidMetadataException. Holds for every API. */
  readonly refreshMetadata: boolean;
  /** After this answer to this attempt the batch may be in the log all the same. */
  readonly possiblyPersisted: boolean;
  /** What an answer to Produce with this code asks for. */
  readonly action: ProduceAction;
}

interface Row {
  readonly code: number;
  readonly flags: string;
  readonly action: ProduceAction;
  readonly meaning: string;
}

/** @param flags as letters: R retriable, M refreshMetadata, ? possiblyPersisted */
function produce(code: number, flags: string, action: ProduceAction, meaning: string): Row {
  return { code, flags, action, meaning };
}

/** A code that Produce is never answered with. Should it come, it tells as little as UNKNOWN_SERVER_ERROR does. */
function other(code: number, flags: string, meaning: string): Row {
  return { code, flags: `${flags}?`, action: 'retry', meaning };
}

const rows = {
  UNKNOWN_SERVER_ERROR: produce(-1, '?', 'retry', 'the broker failed in a way it has no name for'),
  NONE: produce(0, '', 'success', 'no error'),
  OFFSET_OUT_OF_RANGE: other(1, '', 'the log does not hold this offset'),
  CORRUPT_MESSAGE: produce(
    2,
    'R',
    'retryThenFatal',
    'the checksum or the size of a batch is wrong',
  ),
  UNKNOWN_TOPIC_OR_PARTITION: produce(3, 'RM', 'refresh', 'the broker knows no such partition'),
  INVALID_FETCH_SIZE: other(4, '', 'the fetch size is not valid'),
  LEADER_NOT_AVAILABLE: produce(5, 'RM', 'refresh', 'the partition is electing its leader'),
  NOT_LEADER_OR_FOLLOWER: produce(6, 'RM', 'refresh', 'the partition has another leader'),
  REQUEST_TIMED_OUT: produce(7, 'R?', 'settle', 'the replicas did not answer in time'),
  BROKER_NOT_AVAILABLE: other(8, '', 'the broker is not available'),
  REPLICA_NOT_AVAILABLE: produce(9, 'RM', 'refresh', 'the replica is not there now'),
  MESSAGE_TOO_LARGE: produce(10, '', 'split', 'the batch exceeds max.message.bytes of the topic'),
  STALE_CONTROLLER_EPOCH: other(11, '', 'the controller has moved'),
  OFFSET_METADATA_TOO_LARGE: other(12, '', 'the metadata of the committed offset is too long'),
  /** Made by the client: the connection ended with the request unanswered. */
  NETWORK_EXCEPTION: produce(13, 'RM?', 'settle', 'the connection was lost before the answer'),
  COORDINATOR_LOAD_IN_PROGRESS: produce(14, 'R', 'retry', 'the coordinator is loading its state'),
  COORDINATOR_NOT_AVAILABLE: produce(15, 'R', 'retry', 'the coordinator is not available'),
  NOT_COORDINATOR: produce(16, 'R', 'retry', 'another broker is the coordinator'),
  INVALID_TOPIC_EXCEPTION: produce(17, '', 'fail', 'the topic name is not valid or is internal'),
  RECORD_LIST_TOO_LARGE: produce(18, '', 'fail', 'the batch exceeds segment.bytes of the topic'),
  NOT_ENOUGH_REPLICAS: produce(19, 'R', 'retry', 'fewer replicas in sync than min.insync.replicas'),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: produce(20, 'R?', 'retry', 'appended, but too few replicas'),
  INVALID_REQUIRED_ACKS: produce(21, '', 'fail', 'the broker does not take this value of acks'),
  ILLEGAL_GENERATION: other(22, '', 'the generation of the group is another'),
  INCONSISTENT_GROUP_PROTOCOL: other(23, '', 'the members of the group share no protocol'),
  INVALID_GROUP_ID: other(24, '', 'the group id is not valid'),
  UNKNOWN_MEMBER_ID: other(25, '', 'the coordinator does not know the member'),
  INVALID_SESSION_TIMEOUT: other(26, '', 'the session timeout is outside what the broker allows'),
  REBALANCE_IN_PROGRESS: other(27, '', 'the group is rebalancing'),
  INVALID_COMMIT_OFFSET_SIZE: other(28, '', 'the offsets to commit are too large'),
  TOPIC_AUTHORIZATION_FAILED: produce(29, '', 'park', 'no permission for the topic'),
  GROUP_AUTHORIZATION_FAILED: other(30, '', 'no permission for the group'),
  CLUSTER_AUTHORIZATION_FAILED: produce(31, '', 'fatal', 'no permission for the cluster'),
  INVALID_TIMESTAMP: produce(32, '', 'fail', 'a timestamp is outside what the topic allows'),
  UNSUPPORTED_SASL_MECHANISM: produce(33, '', 'fatal', 'the broker has no such SASL mechanism'),
  ILLEGAL_SASL_STATE: produce(
    34,
    '',
    'fatal',
    'the request does not fit the state of authentication',
  ),
  UNSUPPORTED_VERSION: produce(
    35,
    '',
    'fatal',
    'the broker does not speak this version of the API',
  ),
  TOPIC_ALREADY_EXISTS: other(36, '', 'the topic exists'),
  INVALID_PARTITIONS: other(37, '', 'the number of partitions is not valid'),
  INVALID_REPLICATION_FACTOR: other(
    38,
    '',
    'the replication factor is not valid or brokers are too few',
  ),
  INVALID_REPLICA_ASSIGNMENT: other(39, '', 'the assignment of replicas is not valid'),
  INVALID_CONFIG: other(40, '', 'the configuration of the topic is not valid'),
  NOT_CONTROLLER: other(41, 'R', 'another node is the controller'),
  INVALID_REQUEST: produce(42, '', 'fatal', 'the broker takes the request for malformed'),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: produce(43, '', 'fail', 'the message format is too old for this'),
  POLICY_VIOLATION: produce(44, '', 'fail', 'a policy of the broker refuses it'),
  OUT_OF_ORDER_SEQUENCE_NUMBER: produce(45, '?', 'settle', 'the sequence does not follow the last'),
  DUPLICATE_SEQUENCE_NUMBER: produce(46, '?', 'duplicate', 'the sequence is in the log already'),
  INVALID_PRODUCER_EPOCH: produce(47, '', 'fatal', 'another writer uses our producer id'),
  INVALID_TXN_STATE: produce(48, '', 'abort', 'the transaction is in another state'),
  INVALID_PRODUCER_ID_MAPPING: produce(
    49,
    '',
    'fatal',
    'the transactional id has another producer id',
  ),
  INVALID_TRANSACTION_TIMEOUT: other(
    50,
    '',
    'transaction.timeout.ms is above what the broker allows',
  ),
  CONCURRENT_TRANSACTIONS: produce(51, 'R', 'retry', 'the previous transaction is still ending'),
  TRANSACTION_COORDINATOR_FENCED: other(
    52,
    '',
    'another coordinator has taken the transaction over',
  ),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: produce(
    53,
    '',
    'fatal',
    'no permission for transactional.id',
  ),
  SECURITY_DISABLED: other(54, '', 'the broker runs without security'),
  OPERATION_NOT_ATTEMPTED: other(55, '', 'not tried because another part of the request failed'),
  KAFKA_STORAGE_ERROR: produce(56, 'RM', 'refresh', 'the disk of the leader failed'),
  LOG_DIR_NOT_FOUND: other(57, '', 'the broker has no such log directory'),
  SASL_AUTHENTICATION_FAILED: produce(58, '', 'fatal', 'authentication failed'),
  UNKNOWN_PRODUCER_ID: produce(59, '?', 'settle', 'the broker has forgotten the producer id'),
  REASSIGNMENT_IN_PROGRESS: other(60, '', 'the partition is being reassigned'),
  DELEGATION_TOKEN_AUTH_DISABLED: other(61, '', 'delegation tokens are off'),
  DELEGATION_TOKEN_NOT_FOUND: other(62, '', 'no such delegation token'),
  DELEGATION_TOKEN_OWNER_MISMATCH: other(63, '', 'the delegation token has another owner'),
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: other(64, '', 'no delegation tokens on this connection'),
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: other(65, '', 'no permission for the delegation token'),
  DELEGATION_TOKEN_EXPIRED: other(66, '', 'the delegation token has expired'),
  INVALID_PRINCIPAL_TYPE: other(67, '', 'no such type of principal'),
  NON_EMPTY_GROUP: other(68, '', 'the group has members'),
  GROUP_ID_NOT_FOUND: other(69, '', 'no such group'),
  FETCH_SESSION_ID_NOT_FOUND: other(70, 'R', 'no such fetch session'),
  INVALID_FETCH_SESSION_EPOCH: other(71, 'R', 'the fetch session has another epoch'),
  LISTENER_NOT_FOUND: other(72, 'RM', 'the leader has no listener of this name'),
  TOPIC_DELETION_DISABLED: other(73, '', 'topics may not be deleted'),
  FENCED_LEADER_EPOCH: produce(74, 'RM', 'refresh', 'the leader epoch of the request is too old'),
  UNKNOWN_LEADER_EPOCH: produce(75, 'R', 'retry', 'the broker has not seen this leader epoch yet'),
  UNSUPPORTED_COMPRESSION_TYPE: produce(76, '', 'fail', 'the broker does not take this codec'),
  STALE_BROKER_EPOCH: other(77, '', 'the broker was registered again'),
  OFFSET_NOT_AVAILABLE: other(78, 'R', 'the new leader does not know its high watermark yet'),
  MEMBER_ID_REQUIRED: other(79, '', 'the member has to join with the id it was given'),
  PREFERRED_LEADER_NOT_AVAILABLE: other(80, 'RM', 'the preferred leader is not available'),
  GROUP_MAX_SIZE_REACHED: other(81, '', 'the group is full'),
  FENCED_INSTANCE_ID: other(82, '', 'another member has taken this group.instance.id'),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: other(83, 'RM', 'no replica may become leader'),
  ELECTION_NOT_NEEDED: other(84, 'RM', 'the leader is the wanted one already'),
  NO_REASSIGNMENT_IN_PROGRESS: other(85, '', 'no partition is being reassigned'),
  GROUP_SUBSCRIBED_TO_TOPIC: other(86, '', 'the group reads the topic'),
  INVALID_RECORD: produce(87, '', 'fail', 'the broker refuses a record, or the form of the batch'),
  UNSTABLE_OFFSET_COMMIT: other(88, 'R', 'offsets of an open transaction are pending'),
  THROTTLING_QUOTA_EXCEEDED: produce(89, 'R', 'retry', 'the quota is used up'),
  PRODUCER_FENCED: produce(90, '', 'fatal', 'a newer producer has this transactional.id'),
  RESOURCE_NOT_FOUND: other(91, '', 'no such resource'),
  DUPLICATE_RESOURCE: other(92, '', 'the request names a resource twice'),
  UNACCEPTABLE_CREDENTIAL: other(93, '', 'the credential does not meet the rules'),
  INCONSISTENT_VOTER_SET: other(94, '', 'sender and recipient disagree about the voters'),
  INVALID_UPDATE_VERSION: other(95, '', 'the version of the update is not valid'),
  FEATURE_UPDATE_FAILED: other(96, '', 'the features could not be updated'),
  PRINCIPAL_DESERIALIZATION_FAILURE: other(97, '', 'the brokers disagree about who we are'),
  SNAPSHOT_NOT_FOUND: other(98, '', 'no such snapshot'),
  POSITION_OUT_OF_RANGE: other(99, '', 'the position is outside the snapshot'),
  UNKNOWN_TOPIC_ID: produce(100, 'RM', 'refresh', 'the broker knows no topic of this id'),
  DUPLICATE_BROKER_REGISTRATION: other(101, '', 'the broker id is in use'),
  BROKER_ID_NOT_REGISTERED: other(102, '', 'the broker id is not registered'),
  INCONSISTENT_TOPIC_ID: produce(103, 'RM', 'refresh', 'the topic has another id: made anew'),
  INCONSISTENT_CLUSTER_ID: other(104, '', 'this is another cluster'),
  TRANSACTIONAL_ID_NOT_FOUND: other(105, '', 'no such transactional.id'),
  FETCH_SESSION_TOPIC_ID_ERROR: other(106, 'R', 'the fetch session mixes topic ids and names'),
  INELIGIBLE_REPLICA: other(107, '', 'a replica may not be in sync now'),
  NEW_LEADER_ELECTED: other(108, '', 'the leader changed meanwhile'),
  OFFSET_MOVED_TO_TIERED_STORAGE: other(109, '', 'the offset is in tiered storage'),
  FENCED_MEMBER_EPOCH: other(110, '', 'the coordinator has fenced the member'),
  UNRELEASED_INSTANCE_ID: other(111, '', 'another member still has this instance id'),
  UNSUPPORTED_ASSIGNOR: other(112, '', 'the group does not have this assignor'),
  STALE_MEMBER_EPOCH: other(113, '', 'the epoch of the member is too old'),
  MISMATCHED_ENDPOINT_TYPE: other(114, '', 'the request went to the wrong kind of endpoint'),
  UNSUPPORTED_ENDPOINT_TYPE: other(115, '', 'this kind of endpoint is not supported yet'),
  UNKNOWN_CONTROLLER_ID: other(116, '', 'no such controller'),
  UNKNOWN_SUBSCRIPTION_ID: other(117, '', 'no such subscription to client metrics'),
  TELEMETRY_TOO_LARGE: other(118, '', 'the client metrics are too large'),
  INVALID_REGISTRATION: other(119, '', 'the registration of the broker is not valid'),
  TRANSACTION_ABORTABLE: produce(120, '', 'abort', 'the transaction failed and has to be aborted'),
  INVALID_RECORD_STATE: other(121, '', 'the record cannot be acknowledged in this state'),
  SHARE_SESSION_NOT_FOUND: other(122, 'R', 'no such share session'),
  INVALID_SHARE_SESSION_EPOCH: other(123, 'R', 'the share session has another epoch'),
  FENCED_STATE_EPOCH: other(124, '', 'the state of the share group has another epoch'),
  INVALID_VOTER_KEY: other(125, '', 'the key of the voter is another'),
  DUPLICATE_VOTER: other(126, '', 'the voter is in the set already'),
  VOTER_NOT_FOUND: other(127, '', 'no such voter'),
  INVALID_REGULAR_EXPRESSION: other(128, '', 'the regular expression is not valid'),
  /** Metadata is answered with it (KIP-1102): forget all brokers, start from bootstrap.servers again. */
  REBOOTSTRAP_REQUIRED: other(129, '', 'the client has to bootstrap again'),
  STREAMS_INVALID_TOPOLOGY: other(130, '', 'the streams topology is not valid'),
  STREAMS_INVALID_TOPOLOGY_EPOCH: other(131, '', 'the epoch of the streams topology is not valid'),
  STREAMS_TOPOLOGY_FENCED: other(132, '', 'the epoch of the streams topology is too old'),
  SHARE_SESSION_LIMIT_REACHED: other(133, 'R', 'too many share sessions'),
} as const satisfies Record<string, Row>;

export type KafkaErrorName = keyof typeof rows;

/** Every error by its name: `errors.NOT_LEADER_OR_FOLLOWER.code`. */
export const errors: Readonly<Record<KafkaErrorName, KafkaError>> = named(rows);

const byCode = new Map(Object.values(errors).map((error) => [error.code, error]));

/** The error of a code; UNKNOWN_SERVER_ERROR for one that is not in the table. */
export function errorOf(code: number): KafkaError {
  return byCode.get(code) ?? errors.UNKNOWN_SERVER_ERROR;
}

/** For people: Kafka's name of it, and what it means. */
export function inWords({ name, meaning }: KafkaError): string {
  return `${name}: ${meaning}`;
}

function named<Name extends KafkaErrorName>(table: Record<Name, Row>): Record<Name, KafkaError> {
  const entries = Object.entries<Row>(table).map(([name, row]) => [
    name,
    {
      code: row.code,
      name,
      meaning: row.meaning,
      retriable: row.flags.includes('R'),
      refreshMetadata: row.flags.includes('M'),
      possiblyPersisted: row.flags.includes('?'),
      action: row.action,
    },
  ]);
  return Object.fromEntries(entries) as Record<Name, KafkaError>;
}
