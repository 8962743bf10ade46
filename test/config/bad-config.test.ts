import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../../config/load.ts';
import { ConfigError } from '../../src/shared/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
const file = join(folder, 'm.yaml');
after(() => rmSync(folder, { recursive: true }));

/** What is said about a file of these lines, as `line:column: problem`, then `  fix: ...`. */
function saidOf(text: string | Uint8Array, flags: readonly string[] = []): string[] {
  writeFileSync(file, text);
  try {
    loadConfig(file, { kafka: flags });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message.replaceAll(`${file}:`, '').split('\n');
  }
  return [];
}

const good = `
kafka: { bootstrap.servers: localhost }
inputs: [{ stdin: { topic: logs } }]
`;
const withKafka = (keys: string): string =>
  `kafka: { bootstrap.servers: localhost, ${keys} }\ninputs: [{ stdin: { topic: logs } }]\n`;

test('all faults of a file are told at once, each with its place and the fix', () => {
  const said = saidOf(`kafka:
  bootstrap.servers: localhost:99999
  linger.mss: 5
  acks: most
  compression.type: zip
  linger.ms: soon
  key.serializer: org.apache.kafka.common.serialization.StringSerializer
  acks: all
inputs:
  - tail:
      paths: []
      topic: my topic
      from: middle
      max.line.bytes: 5 apples
  - sockets: { path: x }
wrokers: 3
`);
  assert.deepEqual(said, [
    '2:22: kafka.bootstrap.servers: "localhost:99999" has the port "99999", which is not one from 1 to 65535',
    '  fix: write host:port, several with commas between them, such as kafka1:9092,kafka2:9092',
    '3:3: kafka.linger.mss is not a key of millrace',
    '  fix: did you mean linger.ms?',
    '4:9: kafka.acks: "most" is not one of its values',
    '  fix: write all, 1 or 0',
    '5:21: kafka.compression.type: "zip" is not one of its values',
    '  fix: write one of none, gzip, snappy, lz4, zstd',
    '6:14: kafka.linger.ms: "soon" is not a whole number',
    '  fix: write integer from 0 to 2147483647',
    '7:3: kafka.key.serializer does not apply: records have no key, and bytes are sent as they are',
    '  fix: take it out',
    '8:3: acks is written twice',
    '  fix: keep one of them',
    '11:14: inputs.0.tail.paths is an empty list',
    '  fix: write at least one: [/var/log/app/*.log]',
    '12:14: inputs.0.tail.topic: "my topic" is not a name that Kafka allows for a topic: it contains " "',
    '  fix: use 1 to 249 characters out of a-z A-Z 0-9 . _ -',
    '13:13: inputs.0.tail.from: "middle" is not one of its values',
    '  fix: write one of beginning, end',
    '14:23: inputs.0.tail.max.line.bytes: "5 apples" is not a number of bytes',
    '  fix: write bytes, or a size such as 64KiB, from 1 to 67108864',
    '15:5: inputs.1.sockets is not an input',
    '  fix: did you mean socket?',
    '16:1: wrokers is not a key of millrace',
    '  fix: did you mean workers?',
  ]);
});

test('a dotted name at the top is told where it belongs, all wrong brokers are named, and what is far from every key is not guessed', () => {
  const said = saidOf(`kafka.acks: all
log.level: debug
foo: 1
kafka: { bootstrap.servers: "a:x, b:99999, c:9092, d:x" }
inputs: [{ stdin: { topic: .. } }]
`);
  const example =
    'write host:port, several with commas between them, such as kafka1:9092,kafka2:9092';
  const port = 'which is not one from 1 to 65535';
  assert.deepEqual(said, [
    '1:1: kafka.acks is not a key of millrace',
    '  fix: put acks under kafka:',
    '2:1: log.level is not a key of millrace',
    '  fix: put level under log:',
    '3:1: foo is not a key of millrace',
    '  fix: docs/CONFIGURATION.md lists all keys',
    `4:29: kafka.bootstrap.servers: "a:x" has the port "x", ${port}; "b:99999" has the port "99999", ${port}; "d:x" has the port "x", ${port}`,
    `  fix: ${example}`,
    '5:28: inputs.0.stdin.topic: ".." is not a name that Kafka allows for a topic: . and .. are names of folders',
    '  fix: choose another name',
  ]);
});

test('one path that is written in two ways is still one path', () => {
  const tail = (path: string): string => `- tail: { paths: ["${path}"], topic: a }`;
  const socket = (path: string): string => `- socket: { path: "${path}", topic: a }`;
  const inputs = [tail('/x/a.log'), tail('/x//./a.log'), socket('/x/s'), socket('/x/./s')];
  // For another topic a file may be read once more.
  inputs.push('- tail: { paths: ["/x/a.log"], topic: b }');
  const said = saidOf(`kafka: { bootstrap.servers: k }\ninputs:\n  ${inputs.join('\n  ')}\n`);
  assert.deepEqual(
    said.filter((line) => !line.startsWith('  fix')),
    [
      '4:20: inputs.1.tail.paths reads /x/a.log for topic a, which inputs.0.tail.paths reads already',
      '6:21: inputs.3.socket.path reads /x/s, which inputs.2.socket.path reads already',
    ],
  );
});

test('settings that contradict each other are refused, all of them, wherever they come from', () => {
  const conflicts = [
    '1:46: kafka.acks=1 contradicts enable.idempotence=true',
    '  fix: write acks: all, or enable.idempotence: false, with which retries can double and reorder records',
    '1:58: kafka.retries=0 contradicts enable.idempotence=true',
    '  fix: write retries over 0, or enable.idempotence: false, with which retries can double and reorder records',
    '1:100: kafka.max.in.flight.requests.per.connection=6 contradicts enable.idempotence=true',
    '  fix: write max.in.flight.requests.per.connection of 5 or less, or enable.idempotence: false, with which retries can double and reorder records',
    '1:124: kafka.delivery.timeout.ms=30000 is less than linger.ms=5 and request.timeout.ms=30000 together',
    '  fix: write delivery.timeout.ms: 30005 or more',
  ];
  const keys =
    'acks: 1, retries: 0, max.in.flight.requests.per.connection: 6, delivery.timeout.ms: 30000';
  assert.deepEqual(saidOf(withKafka(keys)), conflicts);
  assert.deepEqual(saidOf(withKafka(`${keys}, enable.idempotence: true`)), conflicts);
  assert.deepEqual(saidOf(withKafka('acks: 1, retries: 0, enable.idempotence: false')), []);
  assert.deepEqual(saidOf(good, ['acks=0']), [
    '-X acks=0: kafka.acks=0 contradicts enable.idempotence=true',
    '  fix: write acks: all, or enable.idempotence: false, with which retries can double and reorder records',
  ]);
});

test('memory and sizes that do not fit together are refused', () => {
  assert.deepEqual(saidOf(`${withKafka('buffer.memory: 20000000')}workers: 4\n`), [
    '1:55: kafka.buffer.memory=20000000 is too little for workers=4',
    '  fix: write buffer.memory: 33554432 or more, or have fewer workers',
  ]);
  assert.deepEqual(saidOf(withKafka('buffer.memory: 2147483648')), [
    '1:55: kafka.buffer.memory: 2147483648 is above 2080374784',
    '  fix: write integer from 14680064 to 2080374784',
  ]);
  assert.deepEqual(saidOf(withKafka('batch.size: 2000000')), [
    '1:52: kafka.batch.size=2000000 is more than max.request.size=1048576',
    '  fix: write batch.size: 1048576 or less, or raise max.request.size',
  ]);
  assert.deepEqual(
    saidOf(
      'kafka: { bootstrap.servers: k }\ninputs: [{ stdin: { topic: t, max.line.bytes: 2MiB } }]',
    ),
    [
      '2:47: inputs.0.stdin.max.line.bytes=2097152 does not fit kafka.max.request.size=1048576',
      '  fix: write max.line.bytes: 1044480 or less, or raise max.request.size',
    ],
  );
  assert.deepEqual(saidOf(`${withKafka('max.request.size: 16777216')}workers: 2\n`), [
    '1:58: kafka.max.request.size=16777216 is too much for buffer.memory=33554432 with workers=2',
    '  fix: write buffer.memory: 127926272 or more, or a smaller max.request.size',
  ]);
});

test('what cannot be had yet, or ever, is refused with the reason', () => {
  assert.deepEqual(
    saidOf(
      withKafka(
        'security.protocol: SASL_SSL, compression.lz4.level: 4, send.buffer.bytes: 131072, transactional.id: a',
      ),
    ),
    [
      '1:59: kafka.security.protocol: SASL_SSL is not supported: TLS and SASL come in a later version',
      '  fix: write PLAINTEXT, or leave the key out',
      '1:92: kafka.compression.lz4.level: "4" is not supported: the slow compressor (LZ4 HC), which the other levels mean, is not there',
      '  fix: write 9, or leave the key out',
      '1:114: kafka.send.buffer.bytes: "131072" is not supported: Node.js cannot set SO_SNDBUF of a TCP socket',
      '  fix: write -1, or leave the key out',
      '1:122: kafka.transactional.id does not apply: transactions are begun and committed by a program, with the library (docs/PRODUCER.md)',
      '  fix: take it out',
    ],
  );
});

test('a topic name that Kafka does not allow says what is wrong with it', () => {
  const topics: [string, string][] = [
    ['"logs/app"', '"logs/app" is not a name that Kafka allows for a topic: it contains "/"'],
    ['..', '".." is not a name that Kafka allows for a topic: . and .. are names of folders'],
    ['""', '"" is not a name that Kafka allows for a topic: it is empty'],
    [
      'x'.repeat(250),
      `"${'x'.repeat(57)}..." is not a name that Kafka allows for a topic: it has 250 characters`,
    ],
  ];
  for (const [topic, problem] of topics) {
    const [said] = saidOf(
      `kafka: { bootstrap.servers: k }\ninputs: [{ stdin: { topic: ${topic} } }]`,
    );
    assert.equal(said, `2:28: inputs.0.stdin.topic: ${problem}`);
  }
});

test('a file that is not YAML says where, and what is wrong', () => {
  const files: [string | Uint8Array, string[]][] = [
    [
      '',
      [
        '1:1: the file is empty',
        '  fix: begin with kafka: and inputs:, as in config/examples/tail.yaml',
      ],
    ],
    [
      'bootstrap.servers=localhost:9092\nacks=all\n',
      [
        '1:1: this looks like a Java properties file, not like YAML',
        '  fix: write `kafka:` and below it, indented, each line as `name: value`',
      ],
    ],
    [
      '<html>hello</html>',
      [
        '1:1: the file has to be a mapping of keys in YAML, and is the text "<html>hello</html>"',
        '  fix: begin with kafka: and inputs:, as in config/examples/tail.yaml',
      ],
    ],
    [
      'kafka:\n\tacks: all\n',
      ['2:1: this is not YAML: tabs are not allowed as indentation', '  fix: indent with spaces'],
    ],
    [
      'kafka: {acks: all\n',
      [
        '2:1: this is not YAML: flow map in block collection must be sufficiently indented and end with a }',
        '  fix: let all keys of one mapping begin in the same column, and close every bracket',
      ],
    ],
    [
      'kafka: "x\n',
      [
        '2:1: this is not YAML: missing closing "quote',
        '  fix: close the quote or bracket that was opened',
      ],
    ],
    [
      `${good}---\n${good}`,
      [
        '4:1: this is not YAML: a second document begins',
        '  fix: keep one document: take out the line ---',
      ],
    ],
    [
      Uint8Array.of(0xff, 0xfe, 0x80),
      [' is not text in UTF-8', '  fix: name the right file with -c, or save it as UTF-8'],
    ],
  ];
  for (const [text, said] of files) assert.deepEqual(saidOf(text), said);
});

test('a file that cannot be read says why', () => {
  const failure = (path: string): string => {
    try {
      loadConfig(path);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const missing = join(folder, 'missing.yaml');
  assert.equal(
    failure(missing),
    `${missing}: there is no such file\n  fix: name the configuration with -c FILE`,
  );
  assert.equal(failure(folder), `${folder}: is a folder\n  fix: name a file with -c FILE`);
  if (userInfo().uid !== 0) {
    const locked = join(folder, 'locked');
    mkdirSync(locked);
    writeFileSync(join(locked, 'm.yaml'), good);
    chmodSync(locked, 0o000);
    assert.match(
      failure(join(locked, 'm.yaml')),
      /permission to read it is denied\n {2}fix: let the user /,
    );
    chmodSync(locked, 0o700);
  }
});

test('what is missing is named where it should stand', () => {
  assert.deepEqual(saidOf('workers: 2\n'), [
    '1:1: kafka.bootstrap.servers is missing',
    '  fix: write bootstrap.servers: localhost:9092',
    '1:1: inputs is missing: nothing to read',
    '  fix: write a list whose entries begin with - tail: or - socket: or - stdin:',
  ]);
  assert.deepEqual(
    saidOf('kafka:\n  bootstrap.servers:\n  acks:\ninputs:\n  - socket: {}\n  - stdin:\n'),
    [
      '2:21: kafka.bootstrap.servers has no value',
      '  fix: write bootstrap.servers: localhost:9092',
      '3:8: kafka.acks has no value',
      '  fix: write all (or -1), 1, 0, or take it out',
      '5:13: inputs.0.socket.path is missing',
      '  fix: write path: /run/millrace/ingest.sock',
      '5:13: inputs.0.socket.topic is missing',
      '  fix: write topic: logs',
      '6:11: inputs.1.stdin.topic is missing',
      '  fix: write topic: logs',
    ],
  );
});

test('a key in the wrong place, or of the wrong shape, says where it belongs', () => {
  assert.deepEqual(saidOf(`${good}linger.ms: 5\n`).slice(0, 2), [
    '4:1: linger.ms is not a key of millrace',
    '  fix: it is a key of Kafka: put it under kafka:',
  ]);
  assert.deepEqual(saidOf('kafka: localhost\ninputs: { tail: { topic: x } }\n'), [
    '1:8: kafka has to be a mapping of keys, and is a single value',
    '  fix: write bootstrap.servers: below it, indented',
    '2:9: inputs has to be a list, and is a mapping of keys',
    '  fix: write a list whose entries begin with - tail: or - socket: or - stdin:',
  ]);
  assert.deepEqual(
    saidOf('kafka: { bootstrap.servers: k }\ninputs:\n  - stdin:\n    topic: logs\n'),
    [
      '3:11: inputs.0.stdin.topic is missing',
      '  fix: write topic: logs',
      '4:5: inputs.0.topic is not an input',
      '  fix: indent it further, below the input',
    ],
  );
});

test('two inputs never read the same thing', () => {
  const inputs =
    '[{stdin: {topic: a}}, {stdin: {topic: b}}, {socket: {path: /s, topic: a}}, {socket: {path: /s, topic: b}}]';
  assert.deepEqual(saidOf(`kafka: {bootstrap.servers: k}\ninputs: ${inputs}\n`), [
    '2:32: inputs.1.stdin reads standard input, which inputs.0.stdin reads already',
    '  fix: take one of them out',
    '2:100: inputs.3.socket.path reads /s, which inputs.2.socket.path reads already',
    '  fix: take one of them out',
  ]);
});

test('hostile YAML ends with a message, not with the memory', () => {
  assert.match(saidOf('a: &x [*x]\n').join('\n'), /nested over 32 levels/);
  assert.match(saidOf('a: *nowhere\n').join('\n'), /the alias \*nowhere has no anchor/);
  assert.match(saidOf('? {a: b}\n: c\n').join('\n'), /a key has to be a name/);
  assert.deepEqual(saidOf(withKafka('constructor: 1')).slice(0, 2), [
    '1:40: kafka.constructor is not a key of millrace',
    '  fix: docs/CONFIGURATION.md lists all keys',
  ]);
  assert.match(
    saidOf('__proto__: { workers: 3 }\nconstructor: 1\n').join('\n'),
    /constructor is not a key of millrace/,
  );
});
