/** Encodes some 200 MB with the codec that is its argument and prints the memory of the process after each 10 MB. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CodecName } from '../../src/kafka/compression.ts';
import { present } from '../../src/shared/assert.ts';
import { logLines } from '../support/log-lines.ts';
import { poolFixture } from './pool-fixture.ts';

const MEGABYTE = 1e6;
const TOTAL_BYTES = 200 * MEGABYTE;
const SAMPLE_BYTES = 10 * MEGABYTE;

const chunks = [1, 2, 3, 4].map((seed) => logLines({ bytes: 900_000, lineBytes: 228, seed }));
const fixture = await poolFixture({
  workers: 2,
  codec: process.argv[2] as CodecName,
  kernel: 'release',
  onPart: ({ arena }, { sealed }) => {
    if (sealed !== undefined) arena.free(sealed.run);
  },
});
const samples: number[] = [];
let submitted = 0;
for (let next = 0; submitted < TOTAL_BYTES; next += 1) {
  const lines = present(chunks[next % chunks.length], 'the index is below the length');
  while (fixture.pool.openChunks.length > 5 || !fixture.submit(lines)) await sleep(1);
  submitted += lines.length;
  if (submitted >= (samples.length + 1) * SAMPLE_BYTES) {
    samples.push(Math.round(process.memoryUsage.rss() / MEGABYTE));
  }
}
await fixture.pool.idle();
await fixture.close();
process.stdout.write(`${JSON.stringify(samples)}\n`);
