import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DecodedRecord } from '../../src/kafka/record.ts';
import { projectRoot } from '../support/project.ts';

/** A batch that the Java client wrote, and what is in it: test/golden/README.md. */
export interface GoldenBatch {
  readonly name: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly baseTimestamp: number;
  readonly bytes: Buffer;
  readonly records: readonly DecodedRecord[];
}

type RecordLine = readonly [key: number, value: number, timestampDelta: number, headers: number[]];

interface BatchLine {
  readonly name: string;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly baseTimestamp: number;
  readonly count: number;
  readonly records: readonly RecordLine[];
  readonly batch: string;
}

export const goldenBatches: readonly GoldenBatch[] = readFileSync(
  join(projectRoot, 'test/golden/batches.jsonl'),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((text) => {
    const { count, records, batch, ...line } = JSON.parse(text) as BatchLine;
    return {
      ...line,
      producerId: BigInt(line.producerId),
      bytes: Buffer.from(batch, 'base64'),
      records: Array.from({ length: count }, (_, n) => recordOf(records[n % records.length], n)),
    };
  });

function recordOf(line: RecordLine = [-1, -1, 0, []], n: number): DecodedRecord {
  const [key, value, timestampDelta, headers] = line;
  return {
    timestampDelta,
    offsetDelta: n,
    key: pattern(n, key),
    value: pattern(n, value),
    headers: headers.map((length, h) => ({ key: `header${h}`, value: pattern(n, length) })),
  };
}

function pattern(n: number, length: number): Buffer | null {
  if (length === -1) return null;
  return Buffer.from(Array.from({ length }, (_, i) => 97 + ((n + i) % 26)));
}
