/** A sender with a transactional id in the simulated world, and what an application does with it. */
import assert from 'node:assert/strict';
import type { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import type { SenderConfig } from '../../src/send/sender-config.ts';
import type { TransactionCall, TransactionFault } from '../../src/send/transaction-events.ts';
import type { Records } from './simulated-partition.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { groupOf, offsetsOf } from './transaction-driver.ts';

type Call = Exclude<TransactionCall['call'], 'sendOffsetsToTransaction'>;

export class TransactionalWorld {
  readonly world: SimulatedWorld;
  #operation = 0;

  constructor(options: {
    /** Level of transaction.version. */
    version: number;
    nodes?: number;
    seed?: number;
    partitions?: number;
    config?: Partial<SenderConfig>;
    firstEpoch?: number;
  }) {
    const transactions = { transactionalId: 'shop', transactionTimeoutMs: 60_000 };
    this.world = new SimulatedWorld({
      nodes: options.nodes ?? 1,
      seed: options.seed ?? 1,
      config: { ...options.config, transactions },
    });
    this.world.cluster.coordinator.transactionVersion = options.version;
    this.world.cluster.coordinator.firstEpoch = options.firstEpoch ?? 0;
    this.world.cluster.createTopic('logs', options.partitions ?? 2);
    this.world.start();
    assert.equal(this.call('initTransactions'), undefined);
  }

  /** Begins a call; its end is looked up by the number. */
  start(call: Call): number {
    this.#operation += 1;
    this.world.step({ type: 'transactionCalled', call: { call, operation: this.#operation } });
    return this.#operation;
  }

  call(call: Call): TransactionFault | undefined {
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
    const found = this.world.effects.find(
      (effect) => effect.type === 'transactionCallEnded' && effect.operation === operation,
    );
    return found?.type === 'transactionCallEnded' ? found : undefined;
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
