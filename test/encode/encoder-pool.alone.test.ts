import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { extname } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type CodecName, codecs } from '../../src/kafka/compression.ts';
import { node24 } from '../support/project.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { encodeAll, poolFixture, randomChunks } from './pool-fixture.ts';
import { behave } from './worker-behaviour.ts';

const LIMIT = { timeout: 300_000 };
const run = promisify(execFile);
const runtimes = [...new Set([process.execPath, node24])];

/** Fails, with what was printed, when the program ends with another code than 0. */
async function outputOf(runtime: string, name: string, ...args: string[]): Promise<string> {
  const url = new URL(`./${name}.program${extname(import.meta.url)}`, import.meta.url);
  const { stdout } = await run(runtime, [fileURLToPath(url), ...args]);
  return stdout;
}

for (const runtime of runtimes) {
  test(
    `a program runs as long as something is being encoded, and ends with code 0 after close (${runtime})`,
    LIMIT,
    async () => {
      for (let round = 0; round < 3; round += 1) {
        assert.equal(await outputOf(runtime, 'pool-end'), 'encoded and closed\n');
      }
    },
  );
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

for (const codec of Object.keys(codecs) as CodecName[]) {
  test(`${codec}: memory stays flat over 200 MB`, LIMIT, async (context) => {
    const samples = JSON.parse(
      await outputOf(process.execPath, 'pool-memory', codec),
    ) as readonly number[];
    const early = middle(samples.slice(5, 10));
    const late = middle(samples.slice(-5));
    context.diagnostic(`${codec}: ${samples.join(' ')} MB`);
    // Output that is not collected came to 500 MB here. What is left is the noise of collections.
    assert.ok(late - early < 40, `${early} MB after 60 to 100 MB, ${late} MB after 160 to 200 MB`);
  });
}

test('two idle workers cost next to nothing', LIMIT, async (context) => {
  behave({});
  const fixture = await poolFixture({ workers: 2, kernel: 'release' });
  await encodeAll(fixture, randomChunks(8, 40_000, 80_000, seededRandom(1)));
  let least = 100;
  for (let round = 0; round < 3 && least > 1; round += 1) {
    await sleep(200);
    const before = process.cpuUsage();
    await sleep(1000);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1e4);
  }
  context.diagnostic(`idle: ${least.toFixed(2)} % of a core`);
  assert.ok(least < 2, `${least} % of a core`);
  await fixture.close();
});
