/** Kafka's keys that mean something in the library alone: the daemon refuses them with the reason. */
import { setting, type Section, type ValueOf } from './rows.ts';
import { boolean, integer } from './value-types.ts';

export const libraryKeys = {
  'partitioner.ignore.keys': setting(boolean, 'false', {
    importance: 'medium',
    doc: 'Keys do not decide: the default partitioner takes all records for keyless.',
  }),
  'max.block.ms': setting(integer(0, 2_147_483_647), '60000', {
    importance: 'medium',
    doc: 'How long a record waits for its topic to be known, and for memory; then it fails with a TimeoutError.',
  }),
  'max.block.records': setting(integer(1, 2_147_483_647), '10000', {
    importance: 'medium',
    doc: 'Records that may wait so at once; one more fails at once with a BufferExhaustedError.',
    differs: 'Java has none: a thread that waits sends nothing more.',
  }),
} as const;

export type LibraryConfig = ValueOf<Section<typeof libraryKeys>>;
