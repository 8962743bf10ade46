/** What is known about a batch that will not be tried again: it is in the log, it is not, or nobody can tell. */
export type Written = 'yes' | 'no' | 'perhaps';

/** A record that the broker named as the culprit of a refusal (KIP-467). */
export interface RecordFault {
  /** Position of the record in its batch, from 0. */
  readonly index: number;
  readonly message: string;
}

interface At {
  readonly topic: string;
  /** -1 when a keyless batch never got one. */
  readonly partition: number;
}

/** The broker has it, as far as `acks` asks: done. */
export interface Acked extends At {
  readonly type: 'acked';
  readonly written: 'yes';
  /** Offset of its first record; -1 when nobody told: acks=0, a duplicate that the broker no longer remembers, or a batch that settling could not place. */
  readonly baseOffset: bigint;
  /** When the broker appended it, in ms since the epoch, on a LogAppendTime topic; -1 otherwise. */
  readonly logAppendTimeMs: number;
  /** An earlier attempt was found to be in, by the answer to a resend or by settling: it is in once. */
  readonly duplicate: boolean;
}

/** The broker refused it for good: it is not in the log. */
export interface Rejected extends At {
  readonly type: 'rejected';
  readonly written: 'no';
  /** Kafka's name of the error. */
  readonly error: string;
  readonly message: string;
  readonly recordFaults: readonly RecordFault[];
}

/** delivery.timeout.ms passed before it could be written: it is not in the log. */
export interface Expired extends At {
  readonly type: 'expired';
  readonly written: 'no';
  readonly waitedMs: number;
  /** What it was waiting for. */
  readonly message: string;
}

/** Given up: without idempotence, with `retries` used up, or because somebody waits and time is up before its fate is known. */
export interface Failed extends At {
  readonly type: 'failed';
  readonly written: 'no' | 'perhaps';
  readonly error: string;
  readonly message: string;
}

/** The sender stopped: its identity is not its own any more, the cluster shut it out, or it was closed before the end. */
export interface Abandoned extends At {
  readonly type: 'abandoned';
  readonly written: 'no' | 'perhaps';
  /** Kafka's name of what came between; TRANSACTION_ABORTED and ILLEGAL_STATE are ours. Undefined when it was closed. */
  readonly error: string | undefined;
  readonly message: string;
}

/** The end of a batch. Each batch gets exactly one. */
export type ProduceOutcome = Acked | Rejected | Expired | Failed | Abandoned;
