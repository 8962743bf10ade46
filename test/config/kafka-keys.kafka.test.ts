import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { kafkaKeysNotApplicable } from '../../config/kafka-keys-elsewhere.ts';
import { kafkaKeys } from '../../config/kafka-keys.ts';
import type { Row } from '../../config/rows.ts';
import { kafkaJars } from '../support/kafka-jars.ts';

const rows: Readonly<Record<string, Row<unknown>>> = kafkaKeys;

/** Name to default of every key of the Java producer, as its own documentation prints them. */
async function javaKeys(): Promise<Map<string, string>> {
  const { classpath } = await kafkaJars();
  const main = 'org.apache.kafka.clients.producer.ProducerConfig';
  const { stdout } = await promisify(execFile)('java', ['-cp', classpath, main], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const keys = new Map<string, string>();
  for (const part of stdout.split('<h4>').slice(1)) {
    const name = /id="([^"]+)"/.exec(part)?.[1] ?? '';
    const text = /<th>Default:<\/th><td>([^<]*)<\/td>/.exec(part)?.[1]?.trim() ?? '';
    keys.set(name, text.replace(/ \(.*\)$/, '').replaceAll('"', ''));
  }
  return keys;
}

test('every key of the Java producer is in the table, and every other default says why it differs', async () => {
  const java = await javaKeys();
  assert.ok(java.size > 90);
  const unknown = [...java.keys()].filter(
    (name) => !Object.hasOwn(rows, name) && !Object.hasOwn(kafkaKeysNotApplicable, name),
  );
  assert.deepEqual(unknown, []);
  for (const [name, row] of Object.entries(rows)) {
    const ours = row.presence.kind === 'default' ? row.presence.text : undefined;
    if (java.get(name) === ours) continue;
    assert.notEqual(row.differs, undefined, `${name}: Java has ${String(java.get(name))}`);
  }
});

test('no key is both ours and not applicable', () => {
  const both = Object.keys(rows).filter((name) => Object.hasOwn(kafkaKeysNotApplicable, name));
  assert.deepEqual(both, []);
});
