import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { murmur2 } from '../../src/producer/murmur2.ts';
import { partitionForKey } from '../../src/producer/partitioners.ts';
import { runJava } from '../kafka/java-source.ts';
import { seededBelow } from '../support/seeded-random.ts';

const KEYS = 10_000;
const COUNTS = [1, 2, 3, 7, 16, 100, 1000, 65_537];

test('10,000 keys go to the partitions that the Java client sends them to', async () => {
  const keys = [...textKeys(KEYS / 2), ...byteKeys(KEYS / 2)];
  assert.equal(keys.length, KEYS);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-keys-'));
  try {
    const file = join(folder, 'keys.txt');
    writeFileSync(file, keys.map((key) => `${Buffer.from(key).toString('hex')}\n`).join(''));
    const java = (await runJava('PartitionsOfKeys.java', [file, ...COUNTS.map(String)]))
      .trimEnd()
      .split('\n');
    assert.equal(java.length, KEYS);
    for (const [index, key] of keys.entries()) {
      const hash = murmur2(Buffer.from(key));
      const ours = [hash, ...COUNTS.map((count) => partitionForKey(key, count))];
      assert.equal(ours.join(' '), java[index], JSON.stringify(key));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** As applications have them, some of them longer than a kilobyte, and some not ASCII. */
function textKeys(count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    if (n % 500 === 0) return `long-${n}-`.repeat(n / 10);
    if (n % 7 === 0) return `\u00fcser-${n}-\u20ac\ud83d\ude00`;
    return n % 2 === 0 ? String(n) : `customer-${n}/order-${n * 31}`;
  });
}

/** Every length from 0 to 255, any bytes. */
function byteKeys(count: number): Uint8Array[] {
  const random = seededBelow(13);
  return Array.from({ length: count }, (_, n) =>
    Buffer.from(Array.from({ length: n % 256 }, () => random(256))),
  );
}
