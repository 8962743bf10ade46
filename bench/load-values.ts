/** What the producer bench sends: the same values to every client, again and again, since making them must not be what is measured. */
import { logLines } from '../test/support/log-lines.ts';

const VALUES = 1000;

/** Of so many bytes each, ASCII, cut out of log lines. */
export function loadValues(valueBytes: number): Buffer[] {
  const bytes = (valueBytes + 1) * (VALUES + 200) * 2;
  const text = logLines({ bytes, lineBytes: valueBytes + 1, seed: 7 });
  return Array.from({ length: VALUES }, (_, index) =>
    Buffer.from(text.subarray(index * valueBytes, (index + 1) * valueBytes)),
  );
}
