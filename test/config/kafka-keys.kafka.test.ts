/** The table of keys against ProducerConfig of the Java client: names, defaults, ranges. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { kafkaKeysNotApplicable } from '../../config/kafka-keys-elsewhere.ts';
import { kafkaKeys } from '../../config/kafka-keys.ts';
import { libraryKeys } from '../../config/library-keys.ts';
import type { Row } from '../../config/rows.ts';
import type { JsonSchema } from '../../config/value-types.ts';
import { runJava } from '../kafka/java-source.ts';

const rows: Readonly<Record<string, Row<unknown>>> = { ...kafkaKeys, ...libraryKeys };

/** Times and sizes end here, where Node's timers do; Java's go on. */
const INT32_MAX = 2_147_483_647;

interface JavaKey {
  readonly type: string;
  readonly preset: string;
  readonly validator: string;
}

/** From the lowest to the highest number that is taken. */
interface Range {
  readonly min: number;
  readonly max: number;
}

const java = new Map<string, JavaKey>();

before(async () => {
  const lines = (await runJava('ProducerKeys.java')).trimEnd().split('\n');
  for (const line of lines) {
    const [name = '', type = '', preset = '', validator = ''] = line.split('\t');
    java.set(name, { type, preset, validator });
  }
  assert.ok(java.size > 90);
});

/** `[0,...,2147483647]`, `[1,...]`; without a validator any number goes. */
function javaRange({ type, validator }: JavaKey): Range | undefined {
  if (type !== 'INT' && type !== 'LONG') return undefined;
  if (validator === '') return { min: -Infinity, max: INT32_MAX };
  const found = /^\[(-?\d+),\.\.\.,?(\d+)?\]( or -1)?$/.exec(validator);
  assert.ok(found !== null, `a validator of another kind: ${validator}`);
  const [, min, max = INT32_MAX, orMinusOne] = found;
  return { min: orMinusOne === undefined ? Number(min) : -1, max: Number(max) };
}

function ourRange(schema: JsonSchema): Range | undefined {
  if (typeof schema['const'] === 'number') return { min: schema['const'], max: schema['const'] };
  if (Array.isArray(schema['anyOf'])) {
    const parts = (schema['anyOf'] as JsonSchema[])
      .map(ourRange)
      .filter((one) => one !== undefined);
    return {
      min: Math.min(...parts.map(({ min }) => min)),
      max: Math.max(...parts.map(({ max }) => max)),
    };
  }
  const { minimum, maximum } = schema;
  if (typeof minimum !== 'number' || typeof maximum !== 'number') return undefined;
  return { min: minimum, max: maximum };
}

/** `[all, -1, 0, 1]`, `(case insensitive) [PLAINTEXT, SSL]`. */
function words(text: string): string[] {
  const [, list = ''] = /\[([^\]]*)\]/.exec(text) ?? [];
  return list.toLowerCase().split(', ').sort();
}

function mustSayWhy(name: string, what: string, theirs: unknown, ours: unknown): void {
  const message = `${name}: ${what} is ${JSON.stringify(theirs)} in Java, ${JSON.stringify(ours)} here`;
  assert.notEqual(rows[name]?.differs, undefined, message);
}

test('every key of the Java producer is in the table or has a reason not to be', () => {
  const unknown = [...java.keys()].filter(
    (name) => !Object.hasOwn(rows, name) && !Object.hasOwn(kafkaKeysNotApplicable, name),
  );
  assert.deepEqual(unknown, []);
});

test('every key that Java does not have, or has another default for, says why', () => {
  for (const [name, { presence }] of Object.entries(rows)) {
    const theirs = java.get(name)?.preset;
    const none = presence.kind === 'optional' ? '' : undefined;
    const ours = presence.kind === 'default' ? presence.text : none;
    if (theirs !== ours) mustSayWhy(name, 'the default', theirs, ours);
  }
});

test('every number that Java takes is taken, or the key says why not; and none besides', () => {
  const compared: string[] = [];
  for (const [name, key] of java) {
    const row = rows[name];
    const theirs = javaRange(key);
    if (row === undefined || theirs === undefined) continue;
    const ours = ourRange(row.type.jsonSchema);
    assert.ok(ours !== undefined, `${name} is a number in Java`);
    compared.push(name);
    if (ours.min !== theirs.min || ours.max !== theirs.max)
      mustSayWhy(name, 'the range', theirs, ours);
  }
  assert.ok(compared.length > 20, compared.join());
});

test('every word that Java takes is taken, or the key says why not', () => {
  const compared: string[] = [];
  for (const [name, { type, validator }] of java) {
    const list = rows[name]?.type.jsonSchema['enum'];
    if (!Array.isArray(list) || type !== 'STRING') continue;
    compared.push(name);
    const ours = [...new Set((list as unknown[]).map((word) => String(word).toLowerCase()))].sort();
    const theirs = words(validator);
    if (ours.join() !== theirs.join()) mustSayWhy(name, 'the list of words', theirs, ours);
  }
  assert.deepEqual(compared.sort(), [
    'acks',
    'client.dns.lookup',
    'compression.type',
    'metadata.recovery.strategy',
    'security.protocol',
  ]);
});

test('no key is both ours and not applicable', () => {
  const both = Object.keys(kafkaKeys).filter((name) => Object.hasOwn(kafkaKeysNotApplicable, name));
  assert.deepEqual(both, []);
});
