/** The partition of a keyless batch that was not drained yet: it is chosen when the batch goes out. */
export const UNASSIGNED_PARTITION = -1;
/** `baseSequence` of a batch that was never drained, and of every batch without idempotence (as on the wire). */
export const NO_SEQUENCE = -1;
/** `producerId` and `producerEpoch` of a batch without idempotence (as on the wire). */
export const NO_PRODUCER_ID = -1n;
export const NO_PRODUCER_EPOCH = -1;

export interface ProducerBatchOptions<Payload> {
  /** Unique in its sender; later batches have greater ids. */
  readonly id: number;
  readonly topic: string;
  /** Undefined for a keyless batch. */
  readonly partition?: number | undefined;
  /** Records in it, at least 1. */
  readonly recordCount: number;
  /** Bytes on the wire, the 61 of the batch header included. */
  readonly batchBytes: number;
  /** Bytes of the records before compression. */
  readonly rawBytes: number;
  /** When its first record came in, on the clock of `step`; delivery.timeout.ms counts from here. */
  readonly createdMs: number;
  /** Its source can yield the same bytes again, so that it never expires. */
  readonly replayable?: boolean;
  readonly payload: Payload;
}

/**
 * One sealed RecordBatch on its way to one partition. Holds no bytes: `payload` is opaque to the sender core, the shell finds the bytes
 * and the ranges of the sources there.
 *
 * The identity (producer id, epoch, base sequence) belongs to the core: it is given when the batch is first drained, and kept as long as the
 * batch may have been appended under it. The shell reads it when it frames a request.
 */
export class ProducerBatch<Payload = unknown> {
  readonly id: number;
  readonly topic: string;
  /** Any partition will do. */
  readonly keyless: boolean;
  partition: number;
  readonly recordCount: number;
  readonly batchBytes: number;
  readonly rawBytes: number;
  readonly createdMs: number;
  readonly replayable: boolean;
  readonly payload: Payload;

  producerId = NO_PRODUCER_ID;
  producerEpoch = NO_PRODUCER_EPOCH;
  baseSequence = NO_SEQUENCE;
  /** It belongs to a transaction: the header says so. */
  transactional = false;
  /** Its first record's place in the 64-bit count of the partition; orders batches where sequences wrap. -1 with `NO_SEQUENCE`. */
  counter = -1;
  /** Times it was put into a request. */
  attempts = 0;
  /** Times it was refused in a way that uses up `retries`. */
  refusals = 0;
  /** The answer to at least one attempt is missing, or says "perhaps": it may be in the log under its present identity. */
  maybeAppended = false;
  /** The broker found its checksum wrong once: a second time is a fault of ours. */
  corruptOnce = false;
  /** Its outcome was told when its time was up; what became of it is still to be found out. */
  told = false;
  /** The core is done with it. It has had its one outcome; a second one would be a bug. */
  done = false;
  /** Position in the order of arrival at the sender: flush waits by it. Pieces of a split share that of the whole. */
  ordinal = 0;
  /** Place of its first record in the batch that arrived: 0 but for pieces. */
  firstRecord = 0;

  constructor(options: ProducerBatchOptions<Payload>) {
    this.id = options.id;
    this.topic = options.topic;
    this.keyless = options.partition === undefined;
    this.partition = options.partition ?? UNASSIGNED_PARTITION;
    this.recordCount = options.recordCount;
    this.batchBytes = options.batchBytes;
    this.rawBytes = options.rawBytes;
    this.createdMs = options.createdMs;
    this.replayable = options.replayable ?? false;
    this.payload = options.payload;
  }
}
