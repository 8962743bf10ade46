import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from './scene.ts';

async function runWith(scene: Scene, text: string): Promise<{ code: unknown; said: string }> {
  const daemon = scene.start(['run', '-c', scene.write('millrace.yaml', text)]);
  const code = await daemon.ended();
  return { code, said: daemon.output.replaceAll(scene.folder, '') };
}

test('keys that contradict each other are all listed at once, each with its place and fix', async (t) => {
  const scene = new Scene(t);
  const text = `kafka:
  bootstrap.servers: localhost:9092
  acks: 1
  retries: 0
  max.in.flight.requests.per.connection: 6
  enable.idempotence: true
  delivery.timeout.ms: 1000
  batch.size: 2000000
  buffer.memory: 16777216
  retry.backoff.ms: 2000
inputs:
  - stdin: { topic: logs }
  - stdin: { topic: other, max.line.bytes: 5MiB }
workers: 4
`;
  const without = 'enable.idempotence: false, with which retries can double and reorder records';
  assert.deepEqual(await runWith(scene, text), {
    code: 78,
    said: `millrace: the configuration has 9 faults:
/millrace.yaml:3:9: kafka.acks=1 contradicts enable.idempotence=true
  fix: write acks: all, or ${without}
/millrace.yaml:4:12: kafka.retries=0 contradicts enable.idempotence=true
  fix: write retries over 0, or ${without}
/millrace.yaml:5:42: kafka.max.in.flight.requests.per.connection=6 contradicts enable.idempotence=true
  fix: write max.in.flight.requests.per.connection of 5 or less, or ${without}
/millrace.yaml:7:24: kafka.delivery.timeout.ms=1000 is less than linger.ms=5 and request.timeout.ms=30000 together
  fix: write delivery.timeout.ms: 30005 or more
/millrace.yaml:8:15: kafka.batch.size=2000000 is more than max.request.size=1048576
  fix: write batch.size: 1048576 or less, or raise max.request.size
/millrace.yaml:9:18: kafka.buffer.memory=16777216 is too little for workers=4
  fix: write buffer.memory: 33554432 or more, or have fewer workers
/millrace.yaml:10:21: kafka.retry.backoff.ms=2000 is more than retry.backoff.max.ms=1000
  fix: write retry.backoff.max.ms: 2000 or more
/millrace.yaml:13:5: inputs.1.stdin reads standard input, which inputs.0.stdin reads already
  fix: take one of them out
/millrace.yaml:13:44: inputs.1.stdin.max.line.bytes=5242880 does not fit kafka.max.request.size=1048576
  fix: write max.line.bytes: 1044480 or less, or raise max.request.size
`,
  });
});

test('a config that is not YAML is said with line and column, and the fix', async (t) => {
  const scene = new Scene(t);
  const cases: [string, string][] = [
    [
      'kafka:\n\tacks: all\n',
      ':2:1: this is not YAML: tabs are not allowed as indentation\n  fix: indent with spaces\n',
    ],
    [
      'kafka: {acks: all\n',
      ':2:1: this is not YAML: flow map in block collection must be sufficiently indented and end with a }\n' +
        '  fix: let all keys of one mapping begin in the same column, and close every bracket\n',
    ],
    [
      'bootstrap.servers=localhost:9092\nacks=all\n',
      ':1:1: this looks like a Java properties file, not like YAML\n' +
        '  fix: write `kafka:` and below it, indented, each line as `name: value`\n',
    ],
    [
      '',
      ':1:1: the file is empty\n  fix: begin with kafka: and inputs:, as in config/examples/tail.yaml\n',
    ],
    [
      '\u0000\u0001\u0002',
      ':1:1: the file has to be a mapping of keys in YAML, and is the text "\\u0000\\u0001\\u0002"\n' +
        '  fix: begin with kafka: and inputs:, as in config/examples/tail.yaml\n',
    ],
  ];
  for (const [text, problem] of cases) {
    assert.deepEqual(await runWith(scene, text), {
      code: 78,
      said: `millrace: the configuration has a fault:\n/millrace.yaml${problem}`,
    });
  }
});

test('a config that is missing is said with its name, also when it is the default', async (t) => {
  const scene = new Scene(t);
  const daemon = scene.start(['run', '-c', 'missing.yaml']);
  assert.equal(await daemon.ended(), 78);
  assert.equal(
    daemon.output,
    'millrace: the configuration has a fault:\nmissing.yaml: there is no such file\n  fix: name the configuration with -c FILE\n',
  );
});
