import { createReadStream } from 'node:fs';
import { CALL_BYTES, RECORD_OVERHEAD_BYTES } from '../load-shape.ts';

/** The lines of a file as arrays of Buffers of about a million bytes: what a careful user of a Node client would hand it. */
export async function* lineBatches(file: string): AsyncGenerator<Buffer[]> {
  let lines: Buffer[] = [];
  let bytes = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const part of createReadStream(file, {
    highWaterMark: 1 << 20,
  }) as AsyncIterable<Buffer>) {
    const chunk = rest.length === 0 ? part : Buffer.concat([rest, part]);
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      lines.push(chunk.subarray(from, end));
      bytes += end - from + RECORD_OVERHEAD_BYTES;
      from = end + 1;
      if (bytes < CALL_BYTES) continue;
      yield lines;
      lines = [];
      bytes = 0;
    }
    rest = chunk.subarray(from);
  }
  if (rest.length > 0) lines.push(rest);
  if (lines.length > 0) yield lines;
}
