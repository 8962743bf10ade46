/** A sender with a transactional id in the simulated world, and what an application does with it. */
import assert from 'node:assert/strict';
import type { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import type { TransactionFault } from '../../src/send/transaction-events.ts';
import type { Records } from './simulated-partition.ts';
import { SimulatedWorld, type WorldOptions } from './simulated-world.ts';
import { groupOf, offsetsOf, type PlainCall } from './transaction-driver.ts';

interface TransactionalOptions extends WorldOptions {
  /** Level of transaction.version. */
  readonly version: number;
  readonly partitions?: number;
  readonly firstEpoch?: number;
}

export class TransactionalWorld {
  readonly world: SimulatedWorld;
  #operation = 0;

  constructor({ version, partitions = 2, firstEpoch = 0, ...options }: TransactionalOptions) {
    const transactions = { transactionalId: 'shop', transactionTimeoutMs: 60_000 };
    this.world = new SimulatedWorld({ ...options, config: { ...options.config, transactions } });
    this.world.cluster.coordinator.transactionVersion = version;
    this.world.cluster.coordinator.firstEpoch = firstEpoch;
    this.world.cluster.createTopic('logs', partitions);
    this.world.start();
    assert.equal(this.call('initTransactions'), undefined);
  }

  /** Begins a call; its end is looked up by the number. */
  start(call: PlainCall): number {
    this.#operation += 1;
    this.world.step({ type: 'transactionCalled', call: { call, operation: this.#operation } });
    return this.#operation;
  }

  call(call: PlainCall): TransactionFault | undefined {
    return this.wait(this.start(call));
  }

  sendOffsets(...offsets: bigint[]): number {
    this.#operation += 1;
    this.world.step({
      type: 'transactionCalled',
      call: {
        ...{ call: 'sendOffsetsToTransaction', operation: this.#operation },
        ...{ group: groupOf('readers'), offsets: offsetsOf('input', ...offsets) },
      },
    });
    return this.#operation;
  }

  wait(operation: number, forMs = 300_000): TransactionFault | undefined {
    const isEnded = (): boolean => this.ended(operation) !== undefined;
    assert.ok(this.world.run(forMs, isEnded), `call ${String(operation)} ends`);
    return this.ended(operation)?.fault;
  }

  ended(operation: number) {
    return this.world.callsEnded.get(operation);
  }

  /** What a reader of committed transactions gets of a partition. */
  committed(partition: number): Records[] {
    return this.world.cluster.partition('logs', partition).committedRecords;
  }

  outcomes(...batches: ProducerBatch[]): (string | undefined)[] {
    return batches.map((batch) => this.world.outcomes.get(batch)?.type);
  }

  /** Appended, in a transaction or not. */
  logged(partition: number): number {
    return this.world.cluster.partition('logs', partition).log.length;
  }

  count(api: string): number {
    return this.world.effects.filter(
      (effect) => effect.type === 'sendTransactionRequest' && effect.content.api === api,
    ).length;
  }
}

export function recordsOf(...batches: readonly ProducerBatch[]): Records[] {
  return batches.map(({ payload }) => payload as Records);
}
