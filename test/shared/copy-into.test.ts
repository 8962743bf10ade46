import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyInto } from '../../src/shared/copy-into.ts';

test('bytes of every length come to their place in shared memory, and nothing beside it changes', () => {
  const memory = Buffer.from(new SharedArrayBuffer(8192));
  const bytes = Buffer.from(Array.from({ length: 4000 }, (_, index) => 1 + (index % 251)));
  for (const length of [0, 1, 7, 8, 255, 256, 257, 1000, 4000]) {
    for (const at of [0, 1, 8, 61, 8192 - length]) {
      memory.fill(0);
      const part = bytes.subarray(3, 3 + length);
      copyInto(memory, part, at);
      const wanted = Buffer.alloc(8192);
      wanted.set(part, at);
      assert.ok(memory.equals(wanted), `${part.length} bytes at ${at}`);
    }
  }
});

test('more bytes than there is room for are refused, and never cut in silence', () => {
  const memory = Buffer.from(new SharedArrayBuffer(1000));
  for (const length of [200, 900]) {
    assert.throws(() => {
      copyInto(memory, Buffer.alloc(length, 1), 1001 - length);
    }, RangeError);
  }
});
