import { closeSync, openSync, writeSync } from 'node:fs';
import { numberedLines } from '../test/support/numbered-lines.ts';

const SHORTEST_NUMBERED = 110;

/** Fills a file with lines of `lineBytes` bytes, newline included, up to `bytes`; returns how many lines there are. */
export function writeLines(file: string, lineBytes: number, bytes: number): number {
  const descriptor = openSync(file, 'w');
  const total = Math.floor(bytes / lineBytes);
  const step = Math.max(1, Math.floor((4 << 20) / lineBytes));
  for (let from = 0; from < total; from += step) {
    const to = Math.min(total, from + step);
    writeSync(descriptor, lines(lineBytes, from, to));
  }
  closeSync(descriptor);
  return total;
}

function lines(lineBytes: number, from: number, to: number): Buffer {
  if (lineBytes >= SHORTEST_NUMBERED) return numberedLines('bench', from, to, lineBytes - 1);
  const text: string[] = [];
  for (let seq = from; seq < to; seq++) {
    const body = `${seq} GET /orders/${(Math.imul(seq, 2654435761) >>> 12) % 5000} 200 ${seq % 977}us `;
    text.push(body.repeat(Math.ceil(lineBytes / body.length)).slice(-(lineBytes - 1)), '\n');
  }
  return Buffer.from(text.join(''));
}
