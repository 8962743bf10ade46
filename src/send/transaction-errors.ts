/**
 * What an error code asks for, for each API of transactions: one table. Pure: no clock, socket, timer or randomness.
 * Source: KIP-98, KIP-588 (PRODUCER_FENCED), KIP-890 (TRANSACTION_ABORTABLE), KIP-1050; the behaviour is the Java client's.
 */
import { errorOf, errors, type KafkaError, type KafkaErrorName } from '../kafka/errors.ts';
import type {
  NextStep,
  TopicPartition,
  TransactionAnswer,
  TransactionApi,
  TransactionFault,
  TransactionRequest,
} from './transaction-events.ts';

/**
 * - `done`: no error.
 * - `retry`: the same request again, after a while.
 * - `lookUp`: another broker is the coordinator: find it, then the same request again.
 * - `abort`: the transaction cannot be committed any more; it can be aborted.
 * - `abortAndBump`: besides, the epoch has to be raised.
 * - `refused`: nothing has begun; the application may initialize again when the cause is mended.
 * - `fenced`: another producer has the transactional id.
 * - `fatal`: no transaction will work any more.
 */
export type Reaction =
  'done' | 'retry' | 'lookUp' | 'abort' | 'abortAndBump' | 'refused' | 'fenced' | 'fatal';

type Reactions = Readonly<Partial<Record<KafkaErrorName, Reaction>>> & {
  /** To errors that are neither named nor retriable. */
  readonly otherwise: Reaction;
};

const movedCoordinator = {
  COORDINATOR_NOT_AVAILABLE: 'lookUp',
  NOT_COORDINATOR: 'lookUp',
} as const;

/** Coordinators before KIP-588 (Kafka 2.7) say INVALID_PRODUCER_EPOCH. */
const fencing = {
  INVALID_PRODUCER_EPOCH: 'fenced',
  PRODUCER_FENCED: 'fenced',
} as const;

const reactions: Readonly<Record<TransactionApi, Reactions>> = {
  FindCoordinator: {
    GROUP_AUTHORIZATION_FAILED: 'abort',
    TRANSACTION_ABORTABLE: 'abort',
    otherwise: 'fatal',
  },
  InitProducerId: {
    ...movedCoordinator,
    ...fencing,
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'refused',
    CLUSTER_AUTHORIZATION_FAILED: 'refused',
    TRANSACTION_ABORTABLE: 'refused',
    otherwise: 'fatal',
  },
  AddPartitionsToTxn: {
    ...movedCoordinator,
    ...fencing,
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'fatal',
    INVALID_TXN_STATE: 'fatal',
    INVALID_PRODUCER_ID_MAPPING: 'fatal',
    UNKNOWN_PRODUCER_ID: 'abortAndBump',
    otherwise: 'abort',
  },
  AddOffsetsToTxn: {
    ...movedCoordinator,
    ...fencing,
    GROUP_AUTHORIZATION_FAILED: 'abort',
    UNKNOWN_PRODUCER_ID: 'abortAndBump',
    TRANSACTION_ABORTABLE: 'abort',
    otherwise: 'fatal',
  },
  TxnOffsetCommit: {
    ...movedCoordinator,
    ...fencing,
    REQUEST_TIMED_OUT: 'lookUp',
    GROUP_AUTHORIZATION_FAILED: 'abort',
    FENCED_INSTANCE_ID: 'abort',
    UNKNOWN_MEMBER_ID: 'abort',
    ILLEGAL_GENERATION: 'abort',
    TRANSACTION_ABORTABLE: 'abort',
    otherwise: 'fatal',
  },
  EndTxn: {
    ...movedCoordinator,
    ...fencing,
    UNKNOWN_PRODUCER_ID: 'abortAndBump',
    TRANSACTION_ABORTABLE: 'abort',
    otherwise: 'fatal',
  },
};

export function reactionTo(api: TransactionApi, error: KafkaError): Reaction {
  if (error === errors.NONE) return 'done';
  const table = reactions[api];
  return table[error.name] ?? (error.retriable ? 'retry' : table.otherwise);
}

const nextText: Readonly<Record<NextStep, string>> = {
  abort: 'abort the transaction, then go on',
  initialize: 'when it is mended, call initTransactions again',
  close: 'close this producer',
  correctCall: 'nothing has changed',
};

/** @param what happened, as a clause */
export function faultOf(error: string, what: string, next: NextStep): TransactionFault {
  return { error, message: `${what}; ${nextText[next]}`, next };
}

/** A fault that a broker's answer is the cause of. */
export function answerFault(
  request: TransactionRequest,
  errorCode: number,
  next: NextStep,
): TransactionFault {
  const { name, meaning } = errorOf(errorCode);
  const permission = permissionFor(request, name);
  const what = permission === undefined ? meaning : `${meaning}: allow its user ${permission}`;
  return faultOf(name, `${request.api} was answered ${name}: ${what}`, next);
}

/** An answer after which the request is sent again. */
export function lastAnswer(answer: TransactionAnswer, { code, name, meaning }: KafkaError): string {
  const partitions = 'partitions' in answer ? answer.partitions : [];
  const refused = partitions.find(({ errorCode }) => errorCode === code);
  const place = refused === undefined ? '' : ` for ${refused.topic}-${String(refused.partition)}`;
  return `was last answered ${name}${place}: ${meaning}`;
}

/** The ACL that is missing, as kafka-acls has it. */
function permissionFor(request: TransactionRequest, error: KafkaErrorName): string | undefined {
  if (error === 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED') {
    const id = request.api === 'FindCoordinator' ? request.key : request.transactionalId;
    return `Write and Describe on TransactionalId ${id}`;
  }
  if (error === 'GROUP_AUTHORIZATION_FAILED') return `Read on Group ${groupOf(request)}`;
  if (error !== 'TOPIC_AUTHORIZATION_FAILED') return undefined;
  if (request.api === 'TxnOffsetCommit') return `Read on ${topicsOf(request.offsets)}`;
  return `Write on ${topicsOf('partitions' in request ? request.partitions : [])}`;
}

function groupOf(request: TransactionRequest): string {
  if (request.api === 'FindCoordinator') return request.key;
  if (request.api === 'TxnOffsetCommit') return request.group.groupId;
  return request.api === 'AddOffsetsToTxn' ? request.groupId : '';
}

function topicsOf(places: readonly TopicPartition[]): string {
  return `Topic ${[...new Set(places.map(({ topic }) => topic))].join(', ')}`;
}

export const abortedFault: TransactionFault = {
  error: 'TRANSACTION_ABORTED',
  message: 'the transaction was aborted',
  next: 'correctCall',
};

/** The first EndTxn had no answer, and the next one came too late to tell. */
export function unsureOf(fault: TransactionFault): TransactionFault {
  const message = `whether the transaction was committed is not known: ${fault.message}`;
  return { ...fault, message };
}

export function fencedFault(transactionalId: string): TransactionFault {
  const { name } = errors.PRODUCER_FENCED;
  const what = `another producer with transactional.id ${transactionalId} has been started since, or this one was silent for longer than transaction.timeout.ms`;
  return faultOf(name, what, 'close');
}
