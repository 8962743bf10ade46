import { logLines } from '../support/log-lines.ts';

type Random = (below: number) => number;

export function randomBytes(random: Random, length: number, symbols: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random(symbols)));
}

/** Runs and repeats at random distances: what finds faults in match search and in the ends of blocks. */
export function repetitive(random: Random, length: number): Buffer {
  const output = Buffer.alloc(length);
  let at = 0;
  while (at < length) {
    const run = Math.min(length - at, 1 + random(400));
    const distance = 1 + random(Math.max(1, Math.min(at, 70_000)));
    for (let index = 0; index < run; index += 1) {
      const copied = at + index - distance;
      output[at + index] = copied >= 0 && random(40) > 0 ? (output[copied] ?? 0) : random(256);
    }
    at += run;
  }
  return output;
}

/** What a compressor must take: tiny and large, of noise, repeats and logs, with the borders of blocks. */
export function samples(random: Random): readonly (readonly [string, Buffer])[] {
  const tiny = Array.from(
    { length: 40 },
    (_, length) => [`tiny ${length}`, randomBytes(random, length, 2)] as const,
  );
  return [
    ...tiny,
    ['zeros', Buffer.alloc(200_000)],
    ['zeros, one block and a byte', Buffer.alloc(65_537)],
    ['noise', randomBytes(random, 200_000, 256)],
    ['noise of four symbols', randomBytes(random, 150_000, 4)],
    ['repeats', repetitive(random, 300_000)],
    ['logs', logLines({ bytes: 500_000, lineBytes: 228, seed: 6 })],
    ['short logs', logLines({ bytes: 100_000, lineBytes: 10, seed: 6 })],
    [
      'logs, then noise',
      Buffer.concat([
        logLines({ bytes: 70_000, lineBytes: 100, seed: 7 }),
        randomBytes(random, 70_000, 256),
      ]),
    ],
    ['a block exactly', repetitive(random, 65_536)],
  ];
}
