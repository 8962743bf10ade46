/**
 * The whole talk between the sender core (`step`, pure) and its shell (sockets, timers, bytes).
 *
 * Numbers name things: `node` is a broker id (bootstrap servers are -1, -2, …), `connection` one connection to a node, `request` one request.
 * The core gives all three out. An event about a connection or request that the core has closed is stale, and ignored.
 * Times are ms on the clock of `nowMs`, except `logAppendTimeMs`, which is the broker's. Topic ids are the text the wire tables make of a
 * uuid, '' where the broker's version has none. Error codes are Kafka's, as `kafka/errors.ts` lists them.
 */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import type { ProduceOutcome, RecordFault } from '../ack/produce-outcome.ts';
import type { ConnectFailure, SenderReport } from './reports.ts';
import type { Endpoint } from './sender-config.ts';
import type {
  TransactionAnswer,
  TransactionCall,
  TransactionFault,
  TransactionRequest,
} from './transaction-events.ts';

export type Acks = -1 | 0 | 1;

// ---------------------------------------------------------------- events: shell -> core

export type SenderEvent =
  /** First of all. Asks for metadata and a producer id. */
  | { readonly type: 'started' }
  /** Time has come to the last `wakeAt` (or about). */
  | { readonly type: 'tick' }
  /** Sealed batches, each partition's (and each topic's keyless ones) in order. Everything that came in one turn goes in one event. */
  | { readonly type: 'batchesSealed'; readonly batches: readonly ProducerBatch[] }
  /** Somebody wants to know the partitions of a topic that has no batch yet. */
  | { readonly type: 'topicWanted'; readonly topic: string }
  /** Answered by the effect `flushed` with the same number when every batch sealed before has its outcome. */
  | { readonly type: 'flushRequested'; readonly flush: number }
  /** The application calls; the effect `transactionCallEnded` answers. All batches of the transaction come before the call that ends it. */
  | { readonly type: 'transactionCalled'; readonly call: TransactionCall }
  /** No more batches come. The effect `closed` follows when all have their outcome and the connections are let go. */
  | { readonly type: 'closeRequested' }
  /** Time to close is up: every batch still here is abandoned at once, then `closed`. */
  | { readonly type: 'abandonRequested' }
  /** The connection is ready for requests: TCP, TLS, SASL and ApiVersions are done. */
  | {
      readonly type: 'connected';
      readonly node: number;
      readonly connection: number;
      readonly features: BrokerFeatures;
    }
  /** It never became ready. */
  | {
      readonly type: 'connectFailed';
      readonly node: number;
      readonly connection: number;
      readonly reason: ConnectFailure;
      readonly message: string;
    }
  /**
   * A ready connection is closed: by the broker, by the network, by an answer that could not be read, or by `disconnect`. Comes exactly once
   * for a ready connection, after its socket's 'close'; it is the answer to all its open requests.
   */
  | {
      readonly type: 'connectionLost';
      readonly node: number;
      readonly connection: number;
      readonly message: string;
    }
  /** acks=0: the last byte of the request went to the system. There is no answer. */
  | { readonly type: 'produceWritten'; readonly request: number }
  | ProduceAnswered
  | MetadataAnswered
  | ProducerIdAnswered
  | ProducersDescribed
  | OffsetListed
  | HeadersRead
  | TransactionAnswered
  /** What `splitBatch` asked for: the same records in the same order, in two pieces or more, sequences blank. */
  | {
      readonly type: 'batchSplit';
      readonly batch: ProducerBatch;
      readonly pieces: readonly ProducerBatch[];
    };

/** What the broker can do, from its ApiVersions answer. */
export interface BrokerFeatures {
  /** Left out where nobody asked for transactions. */
  readonly transactions?: TransactionFeatures;
  /** API 61, from Kafka 2.8: the only quick way to ask how far a producer id got. */
  readonly describeProducers: boolean;
}

export interface TransactionFeatures {
  /** Finalized level of the feature transaction.version (KIP-890); 0 before Kafka 3.8. */
  readonly transactionVersion: number;
  /** Of the finalized features: the later one counts. -1n: unknown. */
  readonly featuresEpoch: bigint;
  /** InitProducerId v3 (KIP-360, Kafka 2.5). */
  readonly raisesEpoch: boolean;
}

/** Every answer. Brokers before KIP-219 (Kafka 2.0) have held it back for `throttleMs` already; they are left alone as long again. */
interface Answer {
  readonly request: number;
  readonly throttleMs: number;
}

export interface ProduceAnswered extends Answer {
  readonly type: 'produceAnswered';
  /** In the order of the answer. A partition that is missing or there twice is dealt with by the core. */
  readonly partitions: readonly PartitionProduced[];
  /** KIP-951, tagged field of v10+; empty otherwise. */
  readonly nodeEndpoints: readonly BrokerNode[];
}

export interface PartitionProduced {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** -1n when there is an error. */
  readonly baseOffset: bigint;
  /** -1 for an append to a CreateTime topic; a duplicate carries the stored time there. */
  readonly logAppendTimeMs: number;
  readonly errorMessage: string | undefined;
  readonly recordFaults: readonly RecordFault[];
  /** KIP-951, v10+; undefined when the broker said nothing (leader id or epoch -1). */
  readonly currentLeader: { readonly leaderId: number; readonly leaderEpoch: number } | undefined;
}

export interface BrokerNode extends Endpoint {
  readonly nodeId: number;
  /** broker.rack; null or left out: none. */
  readonly rack?: string | null;
}

export interface MetadataAnswered extends Answer {
  readonly type: 'metadataAnswered';
  /** Of the whole answer (v13+): REBOOTSTRAP_REQUIRED (KIP-1102), or none. */
  readonly errorCode: number;
  readonly clusterId: string | undefined;
  readonly brokers: readonly BrokerNode[];
  readonly topics: readonly TopicMetadata[];
}

export interface TopicMetadata {
  readonly errorCode: number;
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly PartitionMetadata[];
}

export interface PartitionMetadata {
  readonly errorCode: number;
  readonly partition: number;
  /** -1 when there is none. */
  readonly leaderId: number;
  /** -1 where the version has none. */
  readonly leaderEpoch: number;
  /** Left out: nothing new. */
  readonly replicas?: PartitionReplicas;
}

/** Ids of the brokers that have a partition: nothing is decided by them, applications ask. */
export interface PartitionReplicas {
  readonly all: readonly number[];
  readonly inSync: readonly number[];
  readonly offline: readonly number[];
}

export interface ProducerIdAnswered extends Answer {
  readonly type: 'producerIdAnswered';
  readonly errorCode: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export interface ProducersDescribed extends Answer {
  readonly type: 'producersDescribed';
  /** Of the one partition asked. */
  readonly errorCode: number;
  /** Active producers of the partition; those with another id than asked for may be left out. */
  readonly producers: readonly {
    readonly producerId: bigint;
    readonly producerEpoch: number;
    /** -1 when the broker knows the epoch but no batch of it. */
    readonly lastSequence: number;
  }[];
}

export interface OffsetListed extends Answer {
  readonly type: 'offsetListed';
  readonly errorCode: number;
  readonly offset: bigint;
}

export interface TransactionAnswered extends Answer {
  readonly type: 'transactionAnswered';
  readonly answer: TransactionAnswer;
}

export interface HeadersRead extends Answer {
  readonly type: 'headersRead';
  readonly errorCode: number;
  readonly logStartOffset: bigint;
  /** Where to read on: behind the last whole batch of the answer; `fromOffset` itself when nothing was there. */
  readonly nextOffset: bigint;
  /** Of the batches in the answer, in order of offset; those of other producer ids may be left out. */
  readonly headers: readonly BatchHeader[];
}

/** What DescribeProducers is to the last batch, a header is to any: whose it is. */
export interface BatchHeader {
  readonly baseOffset: bigint;
  /** The count of records may be 0 after compaction; this keeps the range of sequences. */
  readonly lastOffsetDelta: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

// ---------------------------------------------------------------- effects: core -> shell

export type SenderEffect =
  | Connect
  /** Close the connection now; `connectionLost` (or `connectFailed`, when it was not ready) comes when its socket is closed. */
  | {
      readonly type: 'disconnect';
      readonly node: number;
      readonly connection: number;
      readonly reason: string;
    }
  | SendProduce
  | SendMetadata
  /** Without transactional id: any broker; producer id and epoch -1, timeout the greatest int32. */
  | {
      readonly type: 'sendInitProducerId';
      readonly node: number;
      readonly connection: number;
      readonly request: number;
    }
  | SendDescribeProducers
  | SendListOffsets
  | ReadHeaders
  | SendTransactionRequest
  /** `fault` undefined: the call succeeded. */
  | {
      readonly type: 'transactionCallEnded';
      readonly operation: number;
      readonly fault: TransactionFault | undefined;
    }
  /** The broker finds it too large: decode it and make pieces of at most `pieceBytesMax` (but at least two pieces), then `batchSplit`. */
  | { readonly type: 'splitBatch'; readonly batch: ProducerBatch; readonly pieceBytesMax: number }
  /**
   * The end of a batch: exactly one for each batch that came in, or for the pieces that came of it. May come long before `release`, when time
   * is up (`outcomesFor`): pieces that such a batch is cut into later have none.
   */
  | { readonly type: 'outcome'; readonly batch: ProducerBatch; readonly outcome: ProduceOutcome }
  /**
   * The core will not send its bytes again. Comes after its outcome, or after its pieces have come. The shell frees them when, besides, the write
   * callbacks of all requests that carried them have run (a closed socket counts).
   */
  | { readonly type: 'release'; readonly batch: ProducerBatch }
  | { readonly type: 'report'; readonly report: SenderReport }
  | { readonly type: 'flushed'; readonly flush: number }
  /** Nothing is left: no batch, no connection. */
  | { readonly type: 'closed' }
  /** Send `tick` at this time; replaces the last one. `Infinity`: no need. */
  | { readonly type: 'wakeAt'; readonly atMs: number };

export interface Connect extends Endpoint {
  readonly type: 'connect';
  readonly node: number;
  readonly connection: number;
  /** Which attempt since the last success, from 0: the shell takes the next address of the name, and a longer set-up timeout (KIP-601). */
  readonly attempt: number;
}

/** Where a request goes. The core never sends to a connection that is not ready. */
interface Request {
  readonly node: number;
  readonly connection: number;
  readonly request: number;
}

export interface SendProduce extends Request {
  readonly type: 'sendProduce';
  readonly acks: Acks;
  /** For the broker: how long it may wait for replicas. */
  readonly timeoutMs: number;
  /** At most one of a partition. */
  readonly entries: readonly ProduceEntry[];
  /** What all of them belong to. `v2`: at least v12 of Produce, which adds the partitions to the transaction; otherwise at most v11. */
  readonly transaction?: { readonly transactionalId: string; readonly v2: boolean };
}

export interface SendTransactionRequest extends Request {
  readonly type: 'sendTransactionRequest';
  readonly content: TransactionRequest;
}

export interface ProduceEntry {
  readonly batch: ProducerBatch;
  readonly topicId: string;
  /**
   * Stamp it with the time of now, not with its own: it may be in the log already, and an old timestamp would be refused before the broker
   * looks for the duplicate.
   */
  readonly freshTimestamp: boolean;
}

export interface SendMetadata extends Request {
  readonly type: 'sendMetadata';
  /** Empty: brokers only. */
  readonly topics: readonly string[];
  readonly allowAutoTopicCreation: boolean;
}

export interface SendDescribeProducers extends Request {
  readonly type: 'sendDescribeProducers';
  readonly topic: string;
  readonly partition: number;
  readonly producerId: bigint;
}

export interface SendListOffsets extends Request {
  readonly type: 'sendListOffsets';
  readonly topic: string;
  readonly partition: number;
  /** -1: the high watermark. -2 (as a debugging consumer): the end of the leader's log. Isolation level 0, timestamp -1 (latest). */
  readonly replicaId: -1 | -2;
  readonly currentLeaderEpoch: number;
}

/** One Fetch as a consumer (replica id -1, read uncommitted, no wait), of which only the batch headers matter. */
export interface ReadHeaders extends Request {
  readonly type: 'readHeaders';
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly fromOffset: bigint;
  readonly currentLeaderEpoch: number;
  readonly producerId: bigint;
}
