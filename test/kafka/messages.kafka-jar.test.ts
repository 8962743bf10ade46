import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { messageSpecs } from '../../src/kafka/messages/registry.ts';
import { Writer } from '../../src/kafka/wire.ts';
import { arbitraryMessage, versionsOf } from './arbitrary-message.ts';
import { runJava } from './java-source.ts';

const MESSAGES_EACH = 10;
const SEED = 20_261_121;

test('the Java client reads every message of every version and writes the same bytes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-messages-'));
  try {
    const ours = messageSpecs.flatMap((spec) =>
      versionsOf(spec.versions).flatMap((version) =>
        (['request', 'response'] as const).flatMap((kind) => {
          const messages = arbitraryMessage(spec[kind].fields, version);
          return fc.sample(messages, { numRuns: MESSAGES_EACH, seed: SEED }).map((value) => {
            const writer = new Writer();
            spec[kind].write(writer, version, value);
            const hex = Buffer.concat(writer.finish()).toString('hex');
            return { head: `${spec.apiKey} ${version} ${kind}`, hex };
          });
        }),
      ),
    );
    const file = join(folder, 'messages.txt');
    writeFileSync(file, ours.map(({ head, hex }) => `${head} ${hex}`).join('\n'));
    const theirs = (await runJava('EchoMessages.java', [file])).trimEnd().split('\n');
    assert.equal(theirs.length, ours.length);
    for (const [index, { head, hex }] of ours.entries()) assert.equal(theirs[index], hex, head);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
