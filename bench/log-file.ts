import { closeSync, openSync, writeSync } from 'node:fs';
import { logLines } from '../test/support/log-lines.ts';

const BLOCK_BYTES = 4 << 20;

/** Fills a file with about `bytes` of log lines, `lineBytes` long on average, newline included; returns how many lines there are. */
export function writeLines(file: string, lineBytes: number, bytes: number): number {
  const descriptor = openSync(file, 'w');
  let lines = 0;
  let seed = 1;
  for (let left = bytes; left > 0; seed++) {
    const block = logLines({ bytes: Math.min(left, BLOCK_BYTES), lineBytes, seed });
    writeSync(descriptor, block);
    lines += countLines(block);
    left -= block.length;
    if (left < lineBytes) break;
  }
  closeSync(descriptor);
  return lines;
}

function countLines(block: Buffer): number {
  let lines = 0;
  for (let at = block.indexOf(10); at >= 0; at = block.indexOf(10, at + 1)) lines++;
  return lines;
}
