/** What a text means as a value, at the ends of what is taken and one beyond. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerList } from '../../config/broker-list.ts';
import {
  acks,
  boolean,
  byteSize,
  choice,
  duration,
  excludePattern,
  fileMode,
  INT32_MAX,
  integer,
  integerOrNever,
  onlyNumber,
  path,
  socketPath,
  text,
  topicName,
  type ValueType,
} from '../../config/value-types.ts';

/** The value, or what is said of the text instead. */
function valueOf(type: ValueType<unknown>, written: string): unknown {
  const parsed = type.parse(written, '/etc/millrace');
  return 'value' in parsed ? parsed.value : parsed.problem;
}

function expectAll(type: ValueType<unknown>, expected: Readonly<Record<string, unknown>>): void {
  const found = Object.keys(expected).map((written) => [written, valueOf(type, written)]);
  assert.deepEqual(Object.fromEntries(found), expected);
}

test('a time is in milliseconds, or has a unit', () => {
  expectAll(duration(0, INT32_MAX), {
    '0': 0,
    '250': 250,
    '250ms': 250,
    '5s': 5000,
    '5 s': 5000,
    '2m': 120_000,
    '1h': 3_600_000,
    '596h': 2_145_600_000,
    '597h': '597h is above 2147483647',
    '-1': '-1 is below 0',
    '1d': '"1d" is not a number of milliseconds',
    '1H': '"1H" is not a number of milliseconds',
    '1.5s': '"1.5s" is not a number of milliseconds',
    '5  s': '"5  s" is not a number of milliseconds',
    '': '"" is not a number of milliseconds',
    s: '"s" is not a number of milliseconds',
  });
});

test('a size is in bytes, or has a decimal or a binary unit', () => {
  expectAll(byteSize(1, INT32_MAX), {
    '1': 1,
    '7B': 7,
    '64KB': 64_000,
    '64 KB': 64_000,
    '3MB': 3_000_000,
    '2GB': 2_000_000_000,
    '64KiB': 65_536,
    '3MiB': 3_145_728,
    '1GiB': 1_073_741_824,
    '2GiB': '2GiB is above 2147483647',
    '0': '0 is below 1',
    '64kb': '"64kb" is not a number of bytes',
    '64K': '"64K" is not a number of bytes',
  });
});

test('a number goes from the lowest to the highest that is named, and -1 is never where that can be', () => {
  expectAll(integer(5, 10), {
    '4': '4 is below 5',
    '5': 5,
    '10': 10,
    '11': '11 is above 10',
    '5ms': '"5ms" is not a whole number',
    '0x5': '"0x5" is not a whole number',
  });
  expectAll(integer(-3, 9), { '-4': '-4 is below -3', '-3': -3 });
  expectAll(integerOrNever(1000, 2000), {
    '-1': -1,
    '-2': '-2 is below 1000',
    '0': '0 is below 1000',
    '999': '999 is below 1000',
    '1000': 1000,
    '2000': 2000,
  });
  expectAll(onlyNumber(9, 'why'), { '9': 9, '8': '"8" is not supported: why' });
});

test('words are taken in any case, and no others', () => {
  expectAll(boolean, {
    true: true,
    FALSE: false,
    True: true,
    yes: '"yes" is neither true nor false',
    '1': '"1" is neither true nor false',
    '': '"" is neither true nor false',
  });
  expectAll(choice(['zstd', 'none'], { brotli: 'why' }), {
    ZSTD: 'zstd',
    none: 'none',
    Brotli: 'Brotli is not supported: why',
    zst: '"zst" is not one of its values',
  });
  expectAll(acks, { all: -1, '-1': -1, '0': 0, '1': 1, '2': '"2" is not one of its values' });
});

test('a text has at least one character unless it may be empty, and at most as many as are named', () => {
  expectAll(text(3), { '': 'is empty', abc: 'abc', abcd: 'is 4 characters long' });
  expectAll(text(3, { empty: true }), { '': '' });
  const longest = 'x'.repeat(249);
  assert.equal(valueOf(topicName, longest), longest);
  assert.match(String(valueOf(topicName, `${longest}x`)), /it has 250 characters/);
});

test('a relative path starts at the folder, and an absolute one keeps its .. and its patterns', () => {
  expectAll(path, {
    'a/*.log': '/etc/millrace/a/*.log',
    './a': '/etc/millrace/a',
    '/a/../b': '/a/../b',
    '/a//.//./b/./c': '/a/b/c',
    '//a': '/a',
    '/a/.b/c': '/a/.b/c',
    '': 'is empty',
    'a\0b': 'contains a NUL',
  });
});

test('an exclude pattern without a slash is one of names in any folder, with one it is a path', () => {
  expectAll(excludePattern, {
    '*.gz': '/**/*.gz',
    'app.log': '/**/app.log',
    './*.gz': '/etc/millrace/*.gz',
    'old/*.gz': '/etc/millrace/old/*.gz',
    '/var/log/*.gz': '/var/log/*.gz',
    '': 'is empty',
  });
});

test('the path of a socket may have the 107 bytes that the system takes, counted in full and as bytes', () => {
  const longest = `/${'x'.repeat(106)}`;
  assert.equal(valueOf(socketPath, longest), longest);
  const fault = (bytes: number): RegExp => new RegExp(` has ${String(bytes)} bytes, and .* 107 `);
  assert.match(String(valueOf(socketPath, `${longest}x`)), fault(108));
  assert.match(String(valueOf(socketPath, `/${'ü'.repeat(54)}`)), fault(109));
  assert.match(String(valueOf(socketPath, 'x'.repeat(94))), fault(108));
  expectAll(socketPath, { ['x'.repeat(93)]: `/etc/millrace/${'x'.repeat(93)}` });
});

test('a file mode is three octal digits, with or without what says that they are', () => {
  expectAll(fileMode, {
    '0660': 0o660,
    '660': 0o660,
    '0o600': 0o600,
    '000': 0,
    '0777': 0o777,
    '0680': '"0680" is not a file mode',
    '60': '"60" is not a file mode',
    '01660': '"01660" is not a file mode',
  });
});

test('the address of a broker has a host and a port from 1 to 65535, or 9092 when it has none', () => {
  const port = (written: string): string =>
    `"k:${written}" has the port "${written}", which is not one from 1 to 65535`;
  expectAll(brokerList, {
    k: [{ host: 'k', port: 9092 }],
    'k:1': [{ host: 'k', port: 1 }],
    'k:65535': [{ host: 'k', port: 65_535 }],
    'k:0': port('0'),
    'k:65536': port('65536'),
    'k:-1': port('-1'),
    'k:': port(''),
    'plaintext://k:9': [{ host: 'k', port: 9 }],
    'SSL://k:9': '"SSL://k:9" asks for SSL, and only PLAINTEXT can be had yet',
    '[::1]': [{ host: '::1', port: 9092 }],
    '::1': '"::1" is not the address of a broker',
    ' a:1 ,, b:2, ': [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ],
    ' , ': 'names no broker',
  });
});
