import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { SerializationError } from '../../src/producer/errors.ts';
import type { Headers } from '../../src/producer/record.ts';
import {
  serialize,
  serializers,
  type Serialized,
  type Serializer,
  type TypeOf,
} from '../../src/producer/serializers.ts';
import { projectRoot } from '../support/project.ts';
import { thrown } from '../support/thrown.ts';

interface Golden {
  readonly serializer: 'int32' | 'int64' | 'float64' | 'uuid' | 'string';
  readonly value: string;
  readonly bytes: string;
}

const golden = readFileSync(join(projectRoot, 'test/golden/serializers.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden);

function bytesOf(serialized: Serialized | Promise<Serialized>): Buffer {
  assert.ok(serialized !== null && !(serialized instanceof Promise));
  return Buffer.from(serialized as Uint8Array);
}

function now<T>(serializer: Serializer<T>, value: T): Buffer {
  return bytesOf(serialize(serializer, value, 'value', 'orders', []));
}

function fault<T>(serializer: Serializer<T>, value: unknown): string {
  const error = thrown(SerializationError, () =>
    serialize(serializer, value as T, 'value', 'orders', []),
  );
  assert.equal(error.fate, 'notSent');
  assert.equal(error.topic, 'orders');
  return error.message;
}

test('every serializer of Kafka makes the bytes that the Java client makes', () => {
  const names = new Set<string>();
  for (const { serializer, value, bytes } of golden) {
    names.add(serializer);
    assert.equal(
      serializedText(serializer, value).toString('hex'),
      bytes,
      `${serializer} ${value}`,
    );
  }
  assert.deepEqual([...names].sort(), ['float64', 'int32', 'int64', 'string', 'uuid']);
});

function serializedText(name: Golden['serializer'], text: string): Buffer {
  switch (name) {
    case 'int32':
      return now(serializers.int32, Number(text));
    case 'int64':
      return now(serializers.int64, BigInt(text));
    case 'float64':
      return now(serializers.float64, Number(text));
    case 'uuid':
    case 'string':
      return now(serializers[name], text);
  }
}

test('numbers read back as they were written', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.double(),
      (int, long, double) => {
        assert.equal(now(serializers.int32, int).readInt32BE(), int);
        assert.equal(now(serializers.int64, long).readBigInt64BE(), long);
        assert.ok(Object.is(now(serializers.float64, double).readDoubleBE(), double));
      },
    ),
  );
});

test('every NaN is the one that Java writes, whatever bits the engine gave it', () => {
  const odd = new BigUint64Array([0xfff8_0000_0000_0001n, 0x7ff0_0000_0000_0001n]);
  for (const value of new Float64Array(odd.buffer)) {
    assert.equal(now(serializers.float64, value).toString('hex'), '7ff8000000000000');
  }
});

test('text and JSON read back as they were written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.jsonValue(), (text, value) => {
      assert.equal(now(serializers.string, text).toString(), text);
      if (value === null) return;
      assert.equal(now(serializers.json, value).toString(), JSON.stringify(value));
    }),
  );
});

test('bytes are sent as they are, without a copy', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  assert.equal(serialize(serializers.bytes, bytes, 'value', 'orders', []), bytes);
  assert.equal(serialize(serializers.textOrBytes, bytes, 'value', 'orders', []), bytes);
  assert.equal(serialize(serializers.textOrBytes, 'text', 'value', 'orders', []), 'text');
});

test('null and undefined are null in every serializer, and are never given to one', () => {
  const never: Serializer<string> = () => assert.fail('was given null');
  const all = [...Object.values(serializers), never] as readonly Serializer<unknown>[];
  for (const serializer of all) {
    assert.equal(serialize(serializer, null, 'key', 'orders', []), null);
    assert.equal(serialize(serializer, undefined, 'key', 'orders', []), null);
  }
});

test('a value of the wrong type or range is refused, with what it is and what it has to be', () => {
  const wrong: readonly (readonly [keyof typeof serializers, unknown, RegExp])[] = [
    ['string', 5, /^the value of a record for orders: it has to be text, not the number 5$/],
    ['string', Buffer.from('x'), /an object of Buffer/],
    ['bytes', 'text', /it has to be a Uint8Array, not the text "text"/],
    ['bytes', new Uint16Array(2), /an object of Uint16Array/],
    ['textOrBytes', { a: 1 }, /text or a Uint8Array, not an object of Object/],
    ['int32', 2 ** 31, /an integer from -2147483648 to 2147483647, not the number 2147483648/],
    ['int32', -(2 ** 31) - 1, /not the number -2147483649/],
    ['int32', 1.5, /not the number 1.5/],
    ['int32', NaN, /not the number NaN/],
    ['int32', 1n, /not the bigint 1/],
    ['int64', 1, /a bigint, such as 5n, not the number 1/],
    ['int64', 2n ** 63n, /a bigint of 64 bits, not the bigint 9223372036854775808/],
    ['float64', '1.5', /a number, not the text "1.5"/],
    ['uuid', '123e4567e89b12d3a456426614174000', /a UUID, 32 hexadecimal digits in groups/],
    ['uuid', `x${'0'.repeat(35)}`, /a UUID/],
    ['void', 'something', /it has to be null, not the text "something"/],
    ['json', () => 1, /a value that JSON knows, not a function/],
    ['json', { big: 1n }, /BigInt/],
  ];
  for (const [name, value, message] of wrong) {
    assert.match(fault(serializers[name] as Serializer<unknown>, value), message, name);
  }
});

test('a serializer of one own gets value, topic and headers, and may add headers', () => {
  const headers: Headers = [['own', '1']];
  const serializer: Serializer<number> = (value, topic, list) => {
    list.push(['schema', `${topic}-value`]);
    return Buffer.from([value]);
  };
  const made = serialize(serializer, 7, 'value', 'orders', headers);
  assert.deepEqual(bytesOf(made), Buffer.from([7]));
  assert.deepEqual(headers, [
    ['own', '1'],
    ['schema', 'orders-value'],
  ]);
});

test('a serializer that throws, gives something else or adds what is no header is a SerializationError with its cause', () => {
  const cause = new Error('no schema');
  const thrower: Serializer<string> = () => {
    throw cause;
  };
  assert.throws(() => serialize(thrower, 'x', 'key', 'orders', []), {
    name: 'SerializationError',
    message: 'the key of a record for orders: no schema',
    cause,
  });
  assert.match(
    fault((() => 5) as unknown as Serializer<string>, 'x'),
    /the serializer gave the number 5; it must give bytes, text or null$/,
  );
  assert.match(fault((() => undefined) as unknown as Serializer<string>, 'x'), /gave undefined/);
  const badHeader: Serializer<string> = (value, _topic, headers) => {
    headers.push(['count', 5 as unknown as string]);
    return value;
  };
  assert.match(fault(badHeader, 'x'), /header "count" .* is the number 5/);
});

test('a header that a serializer gives undefined for a value has null', async () => {
  const adds = (headers: Headers): void => {
    headers.push(['parent', undefined as unknown as null], ['trace', 'x']);
  };
  const atOnce: Headers = [];
  const quick: Serializer<string> = (value, _topic, headers) => {
    adds(headers);
    return value;
  };
  assert.equal(serialize(quick, 'x', 'key', 'a', atOnce), 'x');
  const later: Headers = [];
  const slow: Serializer<string> = async (value, _topic, headers) => {
    await Promise.resolve();
    adds(headers);
    return value;
  };
  await serialize(slow, 'x', 'value', 'a', later);
  for (const headers of [atOnce, later]) {
    assert.deepEqual(headers, [
      ['parent', null],
      ['trace', 'x'],
    ]);
  }
});

test('an async serializer is waited for, and its rejection is a SerializationError too', async () => {
  const later = (made: unknown): Serializer<string> =>
    (() => Promise.resolve(made)) as unknown as Serializer<string>;
  const run = async (serializer: Serializer<string>): Promise<Serialized> =>
    serialize(serializer, 'x', 'value', 'orders', []);
  assert.deepEqual(await run(later(Buffer.from('done'))), Buffer.from('done'));
  assert.equal(await run(later(null)), null);
  await assert.rejects(run(later(5)), { name: 'SerializationError', message: /the number 5/ });
  const cause = new Error('registry is down');
  await assert.rejects(
    run(() => Promise.reject(cause)),
    {
      name: 'SerializationError',
      message: 'the value of a record for orders: registry is down',
      cause,
    },
  );
  const thenable = { then: (resolve: (made: string) => void) => resolve('from afar') };
  assert.equal(await run((() => thenable) as unknown as Serializer<string>), 'from afar');
});

test('the types of keys and values follow from the serializers', () => {
  const long: TypeOf<typeof serializers.int64> = 5n;
  const text: TypeOf<typeof serializers.string> = 'text';
  const order: Serializer<{ id: number }> = serializers.json;
  assert.deepEqual(now(serializers.int64, long).length, 8);
  assert.deepEqual(now(serializers.string, text).toString(), 'text');
  assert.deepEqual(now(order, { id: 1 }).toString(), '{"id":1}');
});
