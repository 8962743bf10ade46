/**
 * A transaction coordinator and a group coordinator without bytes, threads or time, by the rules of Kafka's TransactionCoordinator: both versions
 * of the protocol (KIP-890), fencing, the retries it recognizes, and what it says to requests out of turn.
 */
import { errors, type KafkaErrorName } from '../../src/kafka/errors.ts';
import type {
  TopicPartition,
  TransactionAnswer,
  TransactionIdentity,
  TransactionRequest,
} from '../../src/send/transaction-events.ts';

const EPOCH_MAX = 32_767;

interface TransactionalId {
  producerId: bigint;
  epoch: number;
  /** Of before the last raise, so that a repeated request is recognized; -1 after a fence. */
  lastEpoch: number;
  lastProducerId: bigint;
  state: 'empty' | 'ongoing' | 'committed' | 'aborted';
  readonly partitions: Map<string, TopicPartition>;
  /** Offsets by group and partition that count when the transaction commits. */
  readonly groups: Map<string, Map<string, bigint>>;
}

/** Everything an end writes to one partition. */
export interface Marker extends TopicPartition {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly committed: boolean;
}

export class SimulatedCoordinator {
  /** Where both coordinators are. */
  node: number;
  /** Finalized level of transaction.version. */
  transactionVersion: number;
  /** From Kafka 2.5. */
  raisesEpoch = true;
  readonly markers: Marker[] = [];
  /** Of groups, by partition. */
  readonly committedOffsets = new Map<string, Map<string, bigint>>();
  /** Members that were put out of their group. */
  readonly fencedMembers = new Set<string>();
  onMarker: (marker: Marker) => void = () => undefined;
  readonly #ids = new Map<string, TransactionalId>();
  /** The epoch that a new id is handed out with. */
  firstEpoch = 0;
  #nextProducerId = 5000n;

  constructor(options: { node?: number; transactionVersion?: number } = {}) {
    this.node = options.node ?? 0;
    this.transactionVersion = options.transactionVersion ?? 2;
  }

  get isV2(): boolean {
    return this.transactionVersion >= 2;
  }

  stateOf(transactionalId: string): TransactionalId['state'] | undefined {
    return this.#ids.get(transactionalId)?.state;
  }

  epochOf(transactionalId: string): number | undefined {
    return this.#ids.get(transactionalId)?.epoch;
  }

  /** The epoch of the identity is nearly used up. */
  ageTo(transactionalId: string, epoch: number): void {
    const known = this.#ids.get(transactionalId);
    if (known !== undefined) known.epoch = epoch;
  }

  /** transaction.timeout.ms has passed: the coordinator aborts, and fences whoever was slow. */
  timeOut(transactionalId: string): void {
    const known = this.#ids.get(transactionalId);
    if (known?.state === 'ongoing') this.#fence(known);
  }

  /** What the coordinator at `node` answers. */
  answer(node: number, request: TransactionRequest): TransactionAnswer {
    if (request.api === 'FindCoordinator') {
      const at = { nodeId: this.node, host: `b${String(this.node)}`, port: 9092 };
      return { api: 'FindCoordinator', errorCode: 0, ...at };
    }
    if (node !== this.node) return refusal(request, 'NOT_COORDINATOR');
    switch (request.api) {
      case 'InitProducerId':
        return this.#initProducerId(request);
      case 'AddPartitionsToTxn':
        return this.#addPartitions(request);
      case 'AddOffsetsToTxn': {
        const error = this.#join(request);
        const known = this.#ids.get(request.transactionalId);
        if (error === 'NONE') join(known, request.groupId);
        return { api: 'AddOffsetsToTxn', errorCode: errors[error].code };
      }
      case 'TxnOffsetCommit':
        return this.#commitOffsets(request);
      case 'EndTxn':
        return this.#endTxn(request);
    }
  }

  /** Whether a transactional batch may be appended; with version 2 it joins the transaction by that. */
  admit(identity: TransactionIdentity, at: TopicPartition): KafkaErrorName {
    const known = this.#ids.get(identity.transactionalId);
    if (known?.producerId !== identity.producerId) return 'INVALID_PRODUCER_ID_MAPPING';
    if (known.epoch !== identity.producerEpoch) return 'INVALID_PRODUCER_EPOCH';
    const key = keyOf(at);
    if (this.isV2) {
      known.state = 'ongoing';
      known.partitions.set(key, at);
    }
    const isIn = known.state === 'ongoing' && known.partitions.has(key);
    return isIn ? 'NONE' : 'INVALID_TXN_STATE';
  }

  #initProducerId(
    request: Extract<TransactionRequest, { readonly api: 'InitProducerId' }>,
  ): TransactionAnswer {
    const known = this.#ids.get(request.transactionalId);
    if (known === undefined) {
      const created = { ...newId(this.#nextProducerId++), epoch: this.firstEpoch };
      this.#ids.set(request.transactionalId, created);
      return identityAnswer('InitProducerId', created);
    }
    const expected = request.producerId < 0n ? undefined : request;
    const isStranger = expected !== undefined && expected.producerId !== known.producerId;
    if (isStranger && expected.producerId !== known.lastProducerId) {
      return refusal(request, 'PRODUCER_FENCED');
    }
    if (known.state === 'ongoing') {
      this.#fence(known);
      return refusal(request, 'CONCURRENT_TRANSACTIONS');
    }
    if (expected === undefined || expected.producerEpoch === known.epoch) {
      this.#raise(known);
      if (expected === undefined) known.lastEpoch = -1;
      return identityAnswer('InitProducerId', known);
    }
    return expected.producerEpoch === known.lastEpoch
      ? identityAnswer('InitProducerId', known)
      : refusal(request, 'PRODUCER_FENCED');
  }

  #addPartitions(
    request: Extract<TransactionRequest, { readonly api: 'AddPartitionsToTxn' }>,
  ): TransactionAnswer {
    const error = this.#join(request);
    if (error !== 'NONE') return refusal(request, error);
    const known = this.#ids.get(request.transactionalId);
    for (const at of request.partitions) known?.partitions.set(keyOf(at), at);
    return refusal(request, 'NONE');
  }

  #commitOffsets(
    request: Extract<TransactionRequest, { readonly api: 'TxnOffsetCommit' }>,
  ): TransactionAnswer {
    const { group, offsets } = request;
    const known = this.#ids.get(request.transactionalId);
    if (this.fencedMembers.has(group.memberId)) return refusal(request, 'UNKNOWN_MEMBER_ID');
    let error = request.v2 ? this.#join(request) : this.#check(request);
    if (error === 'NONE' && request.v2) join(known, group.groupId);
    const pending = known?.groups.get(group.groupId);
    if (error === 'NONE' && pending === undefined) error = 'INVALID_TXN_STATE';
    if (error !== 'NONE') return refusal(request, error);
    for (const one of offsets) pending?.set(keyOf(one), one.offset);
    return refusal(request, 'NONE');
  }

  #endTxn(request: Extract<TransactionRequest, { readonly api: 'EndTxn' }>): TransactionAnswer {
    const known = this.#ids.get(request.transactionalId);
    if (known === undefined) return refusal(request, 'INVALID_PRODUCER_ID_MAPPING');
    const { v2, committed, producerId, producerEpoch } = request;
    const ended = committed ? 'committed' : 'aborted';
    const isOld = producerId === known.lastProducerId && producerEpoch === known.lastEpoch;
    if (v2 && isOld && known.state === ended) return identityAnswer('EndTxn', known);
    if (producerId !== known.producerId) return refusal(request, 'INVALID_PRODUCER_ID_MAPPING');
    if (producerEpoch !== known.epoch) return refusal(request, 'PRODUCER_FENCED');
    const isEmptyAbort = v2 && !committed;
    if (known.state !== 'ongoing' && !isEmptyAbort) {
      const isRepeated = !v2 && known.state === ended;
      return refusal(request, isRepeated ? 'NONE' : 'INVALID_TXN_STATE');
    }
    if (v2) this.#raise(known);
    // In version 2 the marker carries the next epoch: it shuts out what is late.
    this.#end(known, committed, { producerId, producerEpoch: producerEpoch + (v2 ? 1 : 0) });
    return v2 ? identityAnswer('EndTxn', known) : refusal(request, 'NONE');
  }

  /** A request of the open transaction: begins it if need be. */
  #join(request: TransactionIdentity): KafkaErrorName {
    const error = this.#check(request);
    const known = this.#ids.get(request.transactionalId);
    if (error === 'NONE' && known !== undefined) known.state = 'ongoing';
    return error;
  }

  #check({ transactionalId, producerId, producerEpoch }: TransactionIdentity): KafkaErrorName {
    const known = this.#ids.get(transactionalId);
    if (known?.producerId !== producerId) return 'INVALID_PRODUCER_ID_MAPPING';
    return known.epoch === producerEpoch ? 'NONE' : 'PRODUCER_FENCED';
  }

  #fence(known: TransactionalId): void {
    known.epoch += 1;
    known.lastEpoch = -1;
    this.#end(known, false, { producerId: known.producerId, producerEpoch: known.epoch });
  }

  #raise(known: TransactionalId): void {
    known.lastEpoch = known.epoch;
    known.lastProducerId = known.producerId;
    if (known.epoch < EPOCH_MAX - 1) {
      known.epoch += 1;
      return;
    }
    known.producerId = this.#nextProducerId++;
    known.epoch = 0;
  }

  #end(
    known: TransactionalId,
    committed: boolean,
    whose: { readonly producerId: bigint; readonly producerEpoch: number },
  ): void {
    for (const at of known.partitions.values()) {
      const marker = { ...at, ...whose, committed };
      this.markers.push(marker);
      this.onMarker(marker);
    }
    for (const [group, offsets] of known.groups) {
      const kept = this.committedOffsets.get(group) ?? new Map<string, bigint>();
      if (committed) for (const [key, offset] of offsets) kept.set(key, offset);
      this.committedOffsets.set(group, kept);
    }
    known.partitions.clear();
    known.groups.clear();
    known.state = committed ? 'committed' : 'aborted';
  }
}

/** The group is part of the transaction, if it was not before. */
function join(known: TransactionalId | undefined, groupId: string): void {
  if (known?.groups.has(groupId) === false) known.groups.set(groupId, new Map());
}

function newId(producerId: bigint): TransactionalId {
  return {
    producerId,
    epoch: 0,
    lastEpoch: -1,
    lastProducerId: -1n,
    state: 'empty',
    partitions: new Map(),
    groups: new Map(),
  };
}

function identityAnswer(
  api: 'InitProducerId' | 'EndTxn',
  { producerId, epoch: producerEpoch }: TransactionalId,
): TransactionAnswer {
  return { api, errorCode: 0, producerId, producerEpoch };
}

/** An answer with that error everywhere. */
export function refusal(request: TransactionRequest, error: KafkaErrorName): TransactionAnswer {
  const errorCode = errors[error].code;
  switch (request.api) {
    case 'FindCoordinator':
      return { api: 'FindCoordinator', errorCode, nodeId: -1, host: '', port: -1 };
    case 'InitProducerId':
    case 'EndTxn':
      return { api: request.api, errorCode, producerId: -1n, producerEpoch: -1 };
    case 'AddOffsetsToTxn':
      return { api: 'AddOffsetsToTxn', errorCode };
    case 'AddPartitionsToTxn': {
      const partitions = request.partitions.map((at) => ({ ...at, errorCode }));
      return { api: request.api, partitions };
    }
    case 'TxnOffsetCommit': {
      const partitions = request.offsets.map(({ topic, partition }) => ({
        ...{ topic, partition, errorCode },
      }));
      return { api: request.api, partitions };
    }
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${String(partition)}`;
}
