/** Known bugs of clients: what belongs to which transaction, and when one has ended. */
import type { Mutation } from './mutation.ts';

export const bugsOfTransactions: readonly Mutation[] = [
  {
    name: 'late-end-ends-the-next',
    ticket: 'KAFKA-17754, Jepsen: Bufstream 0.1.0',
    bug: 'an EndTxn that is late ends the next transaction, while it is being written',
    file: 'src/send/transaction-step.ts',
    find: '  if (!isHarmless && !v2 && raisesEpoch) state.bumpNeeded = true;',
    replace: '  if (isHarmless === undefined && !v2 && raisesEpoch) state.bumpNeeded = true;',
  },
  {
    name: 'end-before-batches',
    ticket: 'KAFKA-5449',
    bug: 'EndTxn goes out while batches of the transaction have no answer yet',
    file: 'src/send/transaction-requests.ts',
    find: '  if (!isEnding || openBatches > 0) return undefined;',
    replace: '  if (!isEnding || openBatches < 0) return undefined;',
  },
  {
    name: 'commit-without-failed-batch',
    ticket: 'confluent-kafka-dotnet #1568, parallel-consumer PR 261',
    bug: 'a transaction is committed although one of its batches has failed',
    file: 'src/send/batch-outcome.ts',
    find: '  state.batchFailures.push({ error, message: outcome.message, sequenced, fatal: false });',
    replace:
      '  if (sequenced === undefined) state.batchFailures.push({ error, message: outcome.message, sequenced, fatal: false });',
  },
  {
    name: 'abort-keeps-unsent',
    ticket: 'KAFKA-5251, waterdrop #405',
    bug: 'what an aborted transaction had not sent yet goes out in the next one',
    file: 'src/send/sender-transactions.ts',
    find: '  for (const batch of state.accumulator.takeAll()) abandon(state, batch, message, error);',
    replace: '  state.incomplete = 0;',
  },
  {
    name: 'partition-is-not-added',
    ticket: 'franz-go PR 967, KAFKA PR 11372',
    bug: 'a batch goes out before the coordinator knows that its partition belongs to the transaction',
    file: 'src/send/sender-transactions.ts',
    find: `  tellTransactions(state, { type: 'partitionUsed', ...place }, nowMs);
  return isPartitionOpen(transactions, place);`,
    replace: `  tellTransactions(state, { type: 'partitionUsed', ...place }, nowMs);
  return true;`,
  },
  {
    name: 'partitions-stay-added',
    ticket: 'librdkafka #3575',
    bug: 'partitions of the last transaction count as added in the next one, which the coordinator does not know of',
    file: 'src/send/transaction-state.ts',
    find: '  state.partitions.clear();\n  if (state.bumpNeeded) {',
    replace: '  if (state.bumpNeeded) {',
  },
  {
    name: 'offsets-after-the-end',
    ticket: 'librdkafka #3221',
    bug: 'a commit does not wait for offsets that are on their way',
    file: 'src/send/transaction-requests.ts',
    find: '  if (next === undefined) return undefined;\n  const { group,',
    replace:
      "  if (next === undefined || state.phase === 'committing') return undefined;\n  const { group,",
  },
  {
    name: 'epoch-of-the-end-ignored',
    ticket: 'KIP-890',
    bug: 'version 2: the epoch that the answer to EndTxn brings is not taken over',
    file: 'src/send/transaction-answers.ts',
    find: '      if (answer.producerId >= 0n) takeIdentity(state, answer, out);',
    replace: '      if (answer.producerId < -1n) takeIdentity(state, answer, out);',
  },
  {
    name: 'gap-without-new-epoch',
    ticket: 'KAFKA-8805, librdkafka #3575',
    bug: 'version 1: after a batch that failed, the next transaction goes on behind the gap in the sequences',
    file: 'src/send/transaction-step.ts',
    find: '    state.bumpNeeded = true;\n  }\n  failTransaction(',
    replace: '  }\n  failTransaction(',
  },
  {
    name: 'new-epoch-keeps-sequences',
    ticket: 'KAFKA-12152',
    bug: 'partitions go on with their old sequences under the new epoch',
    file: 'src/send/sender-transactions.ts',
    find: '    partition.identity.renew(producerId, producerEpoch);',
    replace: '',
  },
  {
    name: 'lost-end-is-forgotten',
    ticket: 'librdkafka #3041',
    bug: 'a transactional request whose connection is lost is not sent again',
    file: 'src/send/transaction-step.ts',
    find: '      lookUpAgain(state, nowMs);',
    replace: '',
  },
  {
    name: 'coordinator-for-ever',
    ticket: 'confluent-kafka-dotnet #1321',
    bug: 'a coordinator that has moved is not looked up again',
    file: 'src/send/transaction-requests.ts',
    find: "  else if (state.request?.api !== 'FindCoordinator') state.coordinator = undefined;",
    replace: '',
    also: [
      {
        file: 'src/send/sender-transactions.ts',
        find: '  if (transactions.coordinator === node) transactions.coordinator = undefined;',
        replace: '',
      },
    ],
  },
  {
    name: 'concurrent-is-fatal',
    ticket: 'kafkajs #296, #1315, librdkafka #3221',
    bug: 'CONCURRENT_TRANSACTIONS, which passes, is the end of the transaction',
    file: 'src/send/transaction-errors.ts',
    find: '  return table[error.name] ?? (error.retriable ?',
    replace:
      "  return table[error.name] ?? (error.retriable && error.name !== 'CONCURRENT_TRANSACTIONS' ?",
  },
  {
    name: 'abort-of-nothing-is-fatal',
    ticket: 'KAFKA-14799',
    bug: 'an abort of a transaction that perhaps never began is the end of the producer',
    file: 'src/send/transaction-answers.ts',
    find: "  if (isNothingToAbort(state, request, error)) reaction = 'done';",
    replace: '',
  },
  {
    name: 'close-leaves-it-open',
    ticket: 'KIP-98',
    bug: 'a producer that is closed in a transaction does not abort it: readers wait for its timeout',
    file: 'src/send/sender-transactions.ts',
    find: "  if (phase !== 'inTransaction' && phase !== 'abortableError') return;",
    replace: '  if (phase !== undefined) return;',
  },
];
