/** One transactional producer and its coordinator in a world of virtual time, without the sender: every call runs until nothing is left to do. */
import assert from 'node:assert/strict';
import type { KafkaErrorName } from '../../src/kafka/errors.ts';
import type {
  ConsumerGroup,
  OffsetToCommit,
  TransactionApi,
  TransactionCall,
  TransactionEffect,
  TransactionEvent,
  TransactionFault,
  TransactionRequest,
} from '../../src/send/transaction-events.ts';
import {
  nextTransactionRequest,
  transactionRequestSent,
} from '../../src/send/transaction-requests.ts';
import { createTransactions, type TransactionState } from '../../src/send/transaction-state.ts';
import { stepTransaction } from '../../src/send/transaction-step.ts';
import { refusal, SimulatedCoordinator } from './simulated-coordinator.ts';

/** What goes wrong with a request: it is lost on the way there, or its answer is, or it is refused unread. */
export type RequestFault = 'lostBefore' | 'lostAfter' | KafkaErrorName;

/** A call that says nothing but its name. */
export type PlainCall = Exclude<TransactionCall['call'], 'sendOffsetsToTransaction'>;

export class TransactionDriver {
  nowMs = 0;
  readonly coordinator: SimulatedCoordinator;
  readonly state: TransactionState;
  readonly requests: TransactionRequest[] = [];
  readonly effects: TransactionEffect[] = [];
  openBatches = 0;
  fault: (request: TransactionRequest) => RequestFault | undefined = () => undefined;
  #nextOperation = 1;

  constructor(
    options: { transactionVersion?: number; coordinator?: SimulatedCoordinator; id?: string } = {},
  ) {
    this.coordinator = options.coordinator ?? new SimulatedCoordinator(options);
    const settings = {
      transactionalId: options.id ?? 'shop',
      transactionTimeoutMs: 60_000,
      retryBackoffMs: 100,
      retryBackoffMaxMs: 1000,
    };
    this.state = createTransactions(settings, () => 0.5);
    this.learn();
  }

  /** Initialized, ready for a first transaction. */
  static ready(options: ConstructorParameters<typeof TransactionDriver>[0] = {}) {
    const driver = new TransactionDriver(options);
    assert.equal(driver.call('initTransactions'), undefined);
    return driver;
  }

  /** What a broker's ApiVersions answer says. */
  learn(): void {
    const { transactionVersion } = this.coordinator;
    const epoch = this.state.featuresEpoch + 1n;
    this.step({ type: 'featuresLearned', epoch, transactionVersion });
  }

  /** @returns the fault that the call ended with, undefined when it succeeded, 'pending' when it has not ended */
  call(call: PlainCall): TransactionFault | 'pending' | undefined {
    return this.#outcome({ call, operation: this.#nextOperation++ });
  }

  sendOffsets(group: ConsumerGroup, offsets: readonly OffsetToCommit[]) {
    const operation = this.#nextOperation++;
    return this.#outcome({ call: 'sendOffsetsToTransaction', operation, group, offsets });
  }

  /** Without letting anything happen: what the call is answered at once. */
  start(call: TransactionCall): void {
    this.step(call);
  }

  nextOperation(): number {
    return this.#nextOperation++;
  }

  outcomeOf(operation: number): TransactionFault | 'pending' | undefined {
    const answers = this.effects.filter(
      (effect) => effect.type === 'callEnded' && effect.operation === operation,
    );
    assert.ok(answers.length <= 1, 'a call is answered once');
    const [answer] = answers;
    return answer?.type === 'callEnded' ? answer.fault : 'pending';
  }

  #outcome(call: TransactionCall): TransactionFault | 'pending' | undefined {
    this.step(call);
    this.run();
    return this.outcomeOf(call.operation);
  }

  /** A batch goes to the partition, and is written. */
  write(topic: string, partition: number): void {
    this.step({ type: 'partitionUsed', topic, partition });
    this.run();
    const { producerId, producerEpoch, settings } = this.state;
    const identity = { transactionalId: settings.transactionalId, producerId, producerEpoch };
    assert.equal(this.coordinator.admit(identity, { topic, partition }), 'NONE');
  }

  fail(options: { sequenced: boolean; fatal?: boolean }): void {
    const fatal = options.fatal ?? false;
    const failure = { error: 'INVALID_RECORD', message: 'a record was refused', fatal };
    this.step({ type: 'batchFailed', ...failure, sequenced: options.sequenced });
    this.run();
  }

  step(event: TransactionEvent): void {
    this.effects.push(...stepTransaction(this.state, event, this.nowMs));
  }

  /** Until nothing is to be sent, whatever time that takes. */
  run(): void {
    for (let sent = 0; sent < 1000; sent++) {
      this.nowMs = Math.max(this.nowMs, this.state.retryAtMs);
      if (!this.sendNext()) return;
    }
    assert.fail('it goes round for ever');
  }

  /** @returns whether there was something to send */
  sendNext(): boolean {
    const { raisesEpoch } = this.coordinator;
    this.step({ type: 'coordinatorConnected', raisesEpoch });
    const next = nextTransactionRequest(this.state, this.openBatches, this.nowMs, this.effects);
    if (next === undefined) return false;
    const { request, node } = next;
    transactionRequestSent(this.state, request);
    this.requests.push(request);
    this.nowMs += 1;
    const fault = this.fault(request);
    if (fault === 'lostBefore') {
      this.step({ type: 'requestLost' });
    } else if (fault === undefined || fault === 'lostAfter') {
      const answer = this.coordinator.answer(node ?? this.coordinator.node, request);
      this.step(fault === undefined ? { type: 'answered', answer } : { type: 'requestLost' });
    } else {
      this.step({ type: 'answered', answer: refusal(request, fault) });
    }
    return true;
  }

  /** The next requests of that API go wrong like this, one after the other. */
  next(api: TransactionApi, ...faults: RequestFault[]): void {
    this.fault = (request) => (request.api === api ? faults.shift() : undefined);
  }

  apis(): TransactionApi[] {
    return this.requests.map(({ api }) => api);
  }

  count(api: TransactionApi): number {
    return this.apis().filter((one) => one === api).length;
  }

  last<Type extends TransactionEffect['type']>(type: Type) {
    const found = this.effects.findLast((effect) => effect.type === type);
    return found as Extract<TransactionEffect, { type: Type }> | undefined;
  }
}

/** The call ended with that error, and says to do that next. */
export function assertFault(
  outcome: TransactionFault | 'pending' | undefined,
  error: string,
  next: TransactionFault['next'],
): void {
  if (typeof outcome !== 'object') assert.fail(`a fault, not ${outcome ?? 'success'}`);
  assert.deepEqual([outcome.error, outcome.next], [error, next], outcome.message);
}

/** A group of which only the id is known. */
export function groupOf(groupId: string, memberId = ''): ConsumerGroup {
  return { groupId, generationId: -1, memberId, groupInstanceId: null };
}

export function offsetsOf(topic: string, ...offsets: readonly bigint[]): OffsetToCommit[] {
  return offsets.map((offset, partition) => ({
    ...{ topic, partition, offset },
    leaderEpoch: -1,
    metadata: '',
  }));
}
