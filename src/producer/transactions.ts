/**
 * The transactions of a producer, as a program calls them: which call is allowed when, what a record that fails means for its transaction, and
 * how long a call waits. What is asked of the brokers is the sender's.
 * Source: org.apache.kafka.clients.producer.KafkaProducer, TransactionManager (states, and calls that timed out).
 */
import type { TransactionWish } from '../send/network-client.ts';
import type { TransactionFault } from '../send/transaction-events.ts';
import type { TransactionPhase } from '../send/transaction-state.ts';
import {
  IllegalStateError,
  TimeoutError,
  TransactionAbortedError,
  type KafkaError,
  type TransactionNext,
} from './errors.ts';
import { transactionError } from './outcome-error.ts';
import {
  consumerGroup,
  offsetsToCommit,
  type ConsumerGroupMetadata,
  type TopicPartitionOffset,
} from './transaction-offsets.ts';

/** What transactions need of the engine. */
export interface TransactionEngine {
  /** Where the sender is. */
  readonly transactionPhase: TransactionPhase | undefined;
  /** What a call waits for that has not ended. */
  readonly whyCallWaits: string;
  handOver(): Promise<void>;
  dropOpen(): void;
  transact(call: TransactionWish): Promise<TransactionFault | undefined>;
}

export interface TransactionsOptions {
  readonly maxBlockMs: number;
  /** Undefined when it cannot start: `fatal` says why. */
  readonly started: () => Promise<TransactionEngine | undefined>;
  /** Resolves when what was sent until now is in batches, or has failed. */
  readonly passed: () => Promise<void>;
  /** What waits has to be looked at again. */
  readonly changed: () => void;
  readonly fatal: () => KafkaError | undefined;
}

type Phase = 'uninitialized' | 'ready' | 'open' | 'committing' | 'aborting';

type LongCall = 'initTransactions' | 'commitTransaction' | 'abortTransaction';

/** One call at a time: whoever makes it again waits for the same end. */
interface Pending {
  readonly call: LongCall;
  readonly end: Promise<KafkaError | undefined>;
}

export class Transactions {
  readonly #options: TransactionsOptions;
  #engine: TransactionEngine | undefined;
  #phase: Phase = 'uninitialized';
  /** Why the open transaction cannot be committed. */
  #failure: KafkaError | undefined;
  #pending: Pending | undefined;
  #handedOver: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  /** @throws {KafkaError} as a rejection */
  async init(): Promise<void> {
    await this.#await('initTransactions', 'uninitialized', async () => {
      this.#engine = await this.#options.started();
      const fault = await this.#engine?.transact({ call: 'initTransactions' });
      if (fault !== undefined) return transactionError(fault);
      if (this.#engine === undefined) return this.#options.fatal();
      this.#phase = 'ready';
      return undefined;
    });
  }

  /** @throws {KafkaError} */
  begin(): void {
    this.#check('beginTransaction', 'ready');
    this.#phase = 'open';
    this.#failure = undefined;
    // The sender takes it at once; should it refuse, the transaction has failed.
    void this.#engine?.transact({ call: 'beginTransaction' }).then((fault) => {
      if (fault !== undefined) this.#fail(transactionError(fault));
    });
  }

  /** @throws {KafkaError} as a rejection */
  async sendOffsets(
    offsets: Iterable<TopicPartitionOffset>,
    group: string | ConsumerGroupMetadata,
  ): Promise<void> {
    const call = 'sendOffsetsToTransaction';
    const wish = { group: consumerGroup(group), offsets: offsetsToCommit(offsets) };
    this.#check(call, 'open');
    const failed = this.#failed(call);
    if (failed !== undefined) throw failed;
    if (wish.offsets.length === 0 || this.#engine === undefined) return;
    const fault = await this.#withinTime(call, this.#engine.transact({ call, ...wish }));
    if (fault === undefined) return;
    const error = transactionError(fault);
    if (fault.next === 'abort') this.#fail(error);
    throw error;
  }

  /** @throws {KafkaError} as a rejection */
  async commit(): Promise<void> {
    await this.#await('commitTransaction', 'open', async () => {
      const early = this.#failed('commitTransaction');
      if (early !== undefined) return early;
      this.#phase = 'committing';
      await this.#handOver();
      const late = this.#failed('commitTransaction');
      if (late === undefined) return await this.#end('commitTransaction');
      this.#phase = 'open';
      return late;
    });
  }

  /** @throws {KafkaError} as a rejection */
  async abort(): Promise<void> {
    await this.#await('abortTransaction', 'open', async () => {
      this.#phase = 'aborting';
      this.#engine?.dropOpen();
      this.#options.changed();
      await this.#handOver();
      return await this.#end('abortTransaction');
    });
  }

  /** Why `send` takes no record now. */
  refusal(): KafkaError | undefined {
    const end = this.#fatal('notSent');
    if (end !== undefined) return end;
    if (this.#phase !== 'open') return illegal('send', this.#phase, 'notSent');
    return this.#failed('send', 'notSent');
  }

  /** Why a record that was taken before does not go on. */
  obstacle(): KafkaError | undefined {
    if (this.#phase !== 'aborting') return this.#failed('send', 'notSent');
    return new TransactionAbortedError('the transaction was aborted', { fate: 'notSent' });
  }

  /** A record will not be written: the transaction that lacks it must not be committed, whoever sees its error. */
  recordFailed(error: KafkaError): void {
    // It was never taken.
    if (error instanceof IllegalStateError) return;
    if (this.#phase === 'open' || this.#phase === 'committing') this.#fail(error);
  }

  /** No call is taken any more. Whether a transaction is open, which the sender will abort. */
  close(): boolean {
    this.#isClosed = true;
    return this.#phase === 'open';
  }

  /** Resolves when a call that is under way is with the sender, which sees to its end. */
  handedOver(): Promise<void> {
    return this.#handedOver;
  }

  /** What was sent before comes to the sender before the end of its transaction, which it waits for. */
  async #handOver(): Promise<void> {
    const { passed } = this.#options;
    const engine = this.#engine;
    this.#handedOver = passed().then(() => engine?.handOver());
    await this.#handedOver;
  }

  async #end(call: 'commitTransaction' | 'abortTransaction'): Promise<KafkaError | undefined> {
    const fault = await this.#engine?.transact({ call });
    if (fault === undefined) {
      // It may have to be initialized again before the next transaction.
      this.#phase = this.#engine?.transactionPhase === 'ready' ? 'ready' : 'uninitialized';
      this.#failure = undefined;
      return undefined;
    }
    const error = transactionError(fault);
    this.#phase = 'open';
    this.#fail(error);
    return error;
  }

  /** The transaction has failed already. */
  #failed(call: string, fate?: 'notSent'): KafkaError | undefined {
    const fatal = this.#fatal(fate);
    const failure = this.#failure;
    if (fatal !== undefined || failure === undefined) return fatal;
    const [then, next] = this.#isClosed
      ? (['the producer is closed: make another one', 'close'] as const)
      : (['can only be aborted', 'abort'] as const);
    const why = `the transaction has failed and ${then}: ${failure.message}`;
    return repeated(failure, `${call}: ${why}`, { fate, next });
  }

  /** Why no transaction will work any more. */
  #fatal(fate?: 'notSent'): KafkaError | undefined {
    const fatal = this.#options.fatal();
    return fatal && repeated(fatal, fatal.message, { fate, next: 'close' });
  }

  #fail(error: KafkaError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    // Not now: a record that fails may be looked at because something changed.
    queueMicrotask(() => {
      this.#options.changed();
    });
  }

  async #await(
    call: LongCall,
    phase: Phase,
    begin: () => Promise<KafkaError | undefined>,
  ): Promise<void> {
    if (this.#pending?.call !== call) {
      this.#check(call, phase);
      // Before it begins: whoever hears of a record that fails with it may make the same call.
      let follow: (end: Promise<KafkaError | undefined>) => void = () => undefined;
      this.#pending = { call, end: new Promise((resolve) => (follow = resolve)) };
      follow(begin());
    } else this.#checkClosed(call);
    const pending = this.#pending;
    const error = await this.#withinTime(call, pending.end);
    if (this.#pending === pending) this.#pending = undefined;
    if (error !== undefined) throw error;
  }

  #checkClosed(call: string): void {
    if (!this.#isClosed) return;
    throw new IllegalStateError(`${call}: the producer is closed: make another one`, {
      next: 'close',
    });
  }

  /** @throws {KafkaError} */
  #check(call: string, phase: Phase): void {
    this.#checkClosed(call);
    const fatal = this.#fatal();
    if (fatal !== undefined) throw fatal;
    if (this.#pending !== undefined) {
      const { call: earlier } = this.#pending;
      throw new IllegalStateError(
        `${call} cannot be called before ${earlier} has ended: await it, and call it again when it times out`,
        { next: 'correctCall' },
      );
    }
    if (this.#phase !== phase) throw illegal(call, this.#phase);
  }

  async #withinTime<T>(call: string, work: Promise<T>): Promise<T> {
    const { maxBlockMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const late = `${call} took longer than max.block.ms=${maxBlockMs}, and goes on: call it again to wait for its end`;
        const why = this.#engine === undefined ? '' : `; ${this.#engine.whyCallWaits}`;
        reject(new TimeoutError(`${late}${why}`, { next: 'retry' }));
      }, maxBlockMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const whyNot: Readonly<Record<Phase, string>> = {
  uninitialized: 'before initTransactions has succeeded',
  ready: 'outside a transaction: begin one first',
  open: 'in an open transaction: commit or abort it first',
  committing: 'while the transaction is being committed: wait for commitTransaction',
  aborting: 'while the transaction is being aborted: wait for abortTransaction',
};

function illegal(call: string, phase: Phase, fate?: 'notSent'): IllegalStateError {
  const why = phase === 'ready' && call === 'initTransactions' ? 'twice' : whyNot[phase];
  return new IllegalStateError(`${call} cannot be called ${why}`, { fate, next: 'correctCall' });
}

/** Another error of the same class and code. */
function repeated(
  error: KafkaError,
  message: string,
  about: { readonly fate?: 'notSent' | undefined; readonly next: TransactionNext },
): KafkaError {
  const { topic, partition, kafkaName } = error;
  const Class = error.constructor as typeof KafkaError;
  return new Class(message, { topic, partition, ...about, cause: error }, kafkaName);
}
