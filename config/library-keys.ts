/** Kafka's keys that mean something in the library alone: the daemon refuses them with the reason. */
import { optional, setting, type Section, type ValueOf } from './rows.ts';
import { boolean, choice, INT32_MAX, integer, text } from './value-types.ts';

export const libraryKeys = {
  'transactional.id': optional(text(8191), 'none, and no transactions', {
    importance: 'medium',
    doc: 'Name of this producer for transactions, the same after a restart, and its own: whoever starts with it shuts out the one before. Permission to it is Write and Describe on the TransactionalId.',
  }),
  'transaction.timeout.ms': setting(integer(1, INT32_MAX), '60000', {
    importance: 'medium',
    doc: 'How long a transaction may be open. Then the coordinator aborts it and shuts its producer out. Brokers take at most their transaction.max.timeout.ms, 15 minutes by default.',
    differs: '0 and less, which brokers refuse, is refused here.',
  }),
  'transaction.two.phase.commit.enable': setting(
    choice(['false'], {
      true: 'taking part in the transactions of another system (KIP-939) is not there',
    }),
    'false',
    {
      importance: 'low',
      doc: 'Leaves the end of transactions to another system, for however long that takes.',
      differs: 'Only false can be had.',
    },
  ),
  'partitioner.ignore.keys': setting(boolean, 'false', {
    importance: 'medium',
    doc: 'Keys do not decide: the default partitioner takes all records for keyless.',
  }),
  'max.block.ms': setting(integer(0, INT32_MAX), '60000', {
    importance: 'medium',
    doc: 'How long a record waits for its topic to be known, and for memory; then it fails with a TimeoutError.',
  }),
  'max.block.records': setting(integer(1, INT32_MAX), '10000', {
    importance: 'medium',
    doc: 'Records that may wait so at once; one more fails at once with a BufferExhaustedError.',
    differs: 'Java has none: a thread that waits sends nothing more.',
  }),
} as const;

export type LibraryConfig = ValueOf<Section<typeof libraryKeys>>;
