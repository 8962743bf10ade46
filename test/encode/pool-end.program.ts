/** A program that does nothing but encode: its work alone keeps it running, and when the pool is closed nothing does. */
import { seededRandom } from '../support/seeded-random.ts';
import { poolFixture, randomChunks, readPart } from './pool-fixture.ts';
import { behave, workerProgram } from './worker-behaviour.ts';

const CHUNKS = 12;
behave({ delayMsMax: 50 });
const fixture = await poolFixture({
  workers: 2,
  workerFile: workerProgram,
  onPart: (own, part) => {
    readPart(own, part);
    if (part.last && part.chunk.number === CHUNKS) void end();
  },
});
const chunks = randomChunks(CHUNKS, 40_000, 80_000, seededRandom(1));
for (const lines of chunks) fixture.submit(lines);

async function end(): Promise<void> {
  await fixture.pool.idle();
  await fixture.close();
  const isWhole = fixture.values.join('') === Buffer.concat(chunks).toString('latin1');
  process.stdout.write(isWhole ? 'encoded and closed\n' : 'lines are missing\n');
}
