import assert from 'node:assert/strict';
import { test } from 'node:test';
import { always, editAnswer, type FaultAction } from '../../src/broker/faults.ts';
import { errors } from '../../src/kafka/errors.ts';
import { metadata } from '../../src/kafka/messages/03-metadata.ts';
import { count, embeddedCluster, values } from '../support/embedded-cluster.ts';
import { until } from '../support/until.ts';
import { said, Scene, STARTED, STOPPED } from './scene.ts';

const MISSING =
  'topic logs does not exist: the brokers create none by themselves (auto.create.topics.enable); create it, or correct the name';

test('run waits for a topic that does not exist, says so once, and ships when it is created', async (t) => {
  const cluster = await embeddedCluster(t, { autoCreate: false });
  const scene = new Scene(t);
  const paths = [scene.write('app.log', 'one\ntwo\n')];
  const inputs = [{ tail: { paths, topic: 'logs' } }];
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs });
  await daemon.says(/topicProblem/);
  const asked = cluster.requests('Metadata').length;
  await until(() => cluster.requests('Metadata').length > asked + 1);
  cluster.createTopic('logs', { partitions: 2 });
  await until(() => count(cluster, 'logs') === 2);
  assert.equal(await daemon.stop(), 0);
  assert.deepEqual(said(daemon), [
    STARTED,
    `error topicProblem: ${MISSING}`,
    'info topicUsable: topic logs can be used, 2 partitions',
    STOPPED,
  ]);
});

test('with allow.auto.create.topics=false the reason is that', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const inputs = [{ tail: { paths: [scene.write('app.log', 'one\n')], topic: 'logs' } }];
  const kafka = { 'allow.auto.create.topics': false };
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs, kafka });
  await daemon.says(
    /"topic logs does not exist: allow\.auto\.create\.topics is off here; create it, or correct the name"/,
  );
  cluster.createTopic('logs');
  await until(() => count(cluster, 'logs') === 1);
  assert.equal(await daemon.stop(), 0);
});

test('one input with a topic that does not exist does not hold up the others', async (t) => {
  const cluster = await embeddedCluster(t, { autoCreate: false, topics: { fine: 1 } });
  const scene = new Scene(t);
  const inputs = [
    { tail: { paths: [scene.write('a.log', 'a\n')], topic: 'logs' } },
    { tail: { paths: [scene.write('b.log', 'b\n')], topic: 'fine' } },
  ];
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs, drainTimeoutMs: 100 });
  await daemon.says(/topicProblem/);
  await until(() => count(cluster, 'fine') === 1);
  assert.equal(await daemon.stop(), 75);
  assert.deepEqual(said(daemon), [
    STARTED,
    `error topicProblem: ${MISSING}`,
    'warn stopped: 2 bytes of what was read could not be delivered within drain.timeout.ms (100 ms): files go on from there at the next start',
  ]);
});

test('produce waits 5 s for a topic that does not exist, then ends with 69', async (t) => {
  const cluster = await embeddedCluster(t, { autoCreate: false });
  const scene = new Scene(t);
  const from = Date.now();
  assert.deepEqual(await scene.produce(cluster.bootstrap, 'one\n'), {
    code: 69,
    said: [`error topicProblem: ${MISSING}`, `millrace: ${MISSING} (waited 5 s for it)`],
  });
  assert.ok(Date.now() - from < 9000, 'and does not hang');
});

test('produce goes on when the topic is created while it waits', async (t) => {
  const cluster = await embeddedCluster(t, { autoCreate: false });
  const scene = new Scene(t);
  const produced = scene.produce(cluster.bootstrap, 'one\n');
  await until(() => cluster.requests('Metadata').length >= 4);
  cluster.createTopic('logs');
  assert.deepEqual(await produced, {
    code: 0,
    said: [
      `error topicProblem: ${MISSING}`,
      'info topicUsable: topic logs can be used, 1 partition',
      'info produced: 1 record delivered',
    ],
  });
});

/** Metadata that names every topic with this error. */
function topicError(errorCode: number): FaultAction {
  return editAnswer(metadata, (answer) => {
    for (const topic of answer.topics) Object.assign(topic, { errorCode, partitions: [] });
  });
}

test('produce ends with 77 when it is not permitted to use the topic', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  cluster.control('Metadata', always(topicError(errors.TOPIC_AUTHORIZATION_FAILED.code)));
  const scene = new Scene(t);
  const message = 'topic logs is not permitted: grant Write on it (Describe is part of that)';
  assert.deepEqual(await scene.produce(cluster.bootstrap, 'one\n'), {
    code: 77,
    said: [`error topicProblem: ${message}`, `millrace: ${message} (waited 5 s for it)`],
  });
});

test('a topic name that is not legal is a fault of the configuration', async (t) => {
  const scene = new Scene(t);
  const problem =
    '"a/b" is not a name that Kafka allows for a topic: it contains "/"\n  fix: use 1 to 249 characters out of a-z A-Z 0-9 . _ -\n';
  const produce = scene.start(['produce', '-b', 'localhost', '-t', 'a/b']);
  assert.equal(await produce.ended(), 78);
  assert.equal(
    produce.output,
    `millrace: the configuration has a fault:\n-t a/b: inputs.0.stdin.topic: ${problem}`,
  );
  const inputs = [{ stdin: { topic: 'a/b' } }];
  const run = scene.run({ bootstrap: 'localhost', inputs });
  assert.equal(await run.ended(), 78);
  assert.equal(
    run.output,
    `millrace: the configuration has a fault:\n${scene.path('millrace.yaml')}:8:14: inputs.0.stdin.topic: ${problem}`,
  );
});

test('a topic name that only the brokers refuse is said once, and its records are counted as lost', async (t) => {
  const cluster = await embeddedCluster(t);
  cluster.control('Metadata', always(topicError(errors.INVALID_TOPIC_EXCEPTION.code)));
  const scene = new Scene(t);
  const fix = 'the brokers refuse its name; write 1 to 249 of a-z A-Z 0-9 . _ -';
  assert.deepEqual(await scene.produce(cluster.bootstrap, 'one\ntwo\n'), {
    code: 65,
    said: [
      `error topicProblem: topic logs has an illegal name: ${fix}`,
      `error recordsRejected: 2 records for topic logs lost: the topic name is not valid or is internal: ${fix}`,
      'error produced: 0 records delivered, 2 refused or given up',
    ],
  });
});

const TOO_LARGE = (bytes: number): string =>
  `error recordsRejected: 1 record for topic logs lost: alone in its batch it takes ${String(bytes)} bytes, more than ` +
  'max.message.bytes of the topic; raise that, or lower max.line.bytes';

test('produce loses only the record that the topic finds too large, says which fault it is, and ends with 65', async (t) => {
  const topics = { logs: { partitions: 1, config: { 'max.message.bytes': 2000 } } };
  const cluster = await embeddedCluster(t, { topics });
  const scene = new Scene(t);
  const input = `one\n${'x'.repeat(3000)}\ntwo\nthree\n`;
  const { code, said: lines } = await scene.produce(cluster.bootstrap, input, '-z', 'none');
  assert.equal(code, 65);
  assert.deepEqual(values(cluster, 'logs', 0), ['one', 'two', 'three']);
  assert.deepEqual(
    lines.map((line) => line.replace(/ \(the broker: .*\)$/, '')),
    [TOO_LARGE(3070), 'error produced: 3 records delivered, 1 refused or given up'],
  );
});

test('run counts the record that the topic finds too large as rejected, and goes on behind it', async (t) => {
  const topics = { logs: { partitions: 1, config: { 'max.message.bytes': 2000 } } };
  const cluster = await embeddedCluster(t, { topics });
  const scene = new Scene(t);
  const paths = [scene.write('app.log', `one\n${'x'.repeat(3000)}\ntwo\n`)];
  const inputs = [{ tail: { paths, topic: 'logs' } }];
  const kafka = { 'compression.type': 'none' };
  const settings = { bootstrap: cluster.bootstrap, inputs, kafka };
  const daemon = scene.run(settings);
  await until(() => count(cluster, 'logs') === 2);
  assert.equal(await daemon.stop(), 65);
  assert.deepEqual(values(cluster, 'logs', 0), ['one', 'two']);
  assert.deepEqual(
    said(daemon).map((line) => line.replace(/ \(the broker: .*\)$/, '')),
    [
      STARTED,
      TOO_LARGE(3070),
      `${STOPPED.replace('info', 'warn')}, but for 1 record refused or given up`,
    ],
  );
  const again = scene.run(settings);
  await again.says(/all inputs are being read/);
  assert.equal(await again.stop(), 0);
  assert.deepEqual(said(again), [STARTED, STOPPED], 'it is not tried again at the next start');
});

test('a line over max.line.bytes is split, cut or left out, as long.lines says, which is told and counted', async (t) => {
  const long = 'x'.repeat(25);
  const fix = 'Fix: raise max.line.bytes, and kafka.max.request.size with it';
  const cases: [string, string[], string, number][] = [
    [
      'split',
      ['one', 'x'.repeat(10), 'x'.repeat(10), 'x'.repeat(5), 'two'],
      `info longLines: lines for topic logs are longer than max.line.bytes (10): 2 cuts made several records of them. ${fix}`,
      2,
    ],
    [
      'truncate',
      ['one', 'x'.repeat(10), 'two'],
      `warn longLines: 1 line for topic logs longer than max.line.bytes (10): truncated to that. ${fix}`,
      1,
    ],
    [
      'drop',
      ['one', 'two'],
      `warn longLines: 1 line for topic logs longer than max.line.bytes (10): left out. ${fix}`,
      1,
    ],
  ];
  for (const [policy, expected, told, longLines] of cases) {
    const cluster = await embeddedCluster(t);
    const scene = new Scene(t);
    const limit = '--set=inputs.0.stdin.max.line.bytes=10';
    const policyFlag = `--set=inputs.0.stdin.long.lines=${policy}`;
    const input = `one\n${long}\ntwo\n`;
    const args = ['produce', '-b', cluster.bootstrap, '-t', 'logs', limit, policyFlag];
    const daemon = scene.start(args);
    daemon.child.stdin?.end(input);
    assert.equal(await daemon.ended(), 0, daemon.output);
    assert.deepEqual(values(cluster, 'logs', 0), expected, policy);
    const delivered = `info produced: ${String(expected.length)} records delivered`;
    assert.deepEqual(said(daemon), [told, delivered]);
    assert.match(daemon.output, new RegExp(`"event":"produced".*"longLines":${longLines}`));
  }
});

test('a line that is longer than what is read at a time is told of once, too', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const input = `one\n${'x'.repeat(9_000_000)}\ntwo\n`;
  const drop = '--set=inputs.0.stdin.long.lines=drop';
  const { code, said: lines } = await scene.produce(cluster.bootstrap, input, drop);
  assert.equal(code, 0, lines.join('\n'));
  assert.deepEqual(values(cluster, 'logs', 0), ['one', 'two']);
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /^warn longLines: 1 line for topic logs longer .*: left out\./);
});

test('a source of which every line is left out says so while it runs, and not only at the end', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const path = scene.write('app.log', `${'x'.repeat(9_000_000)}\n`);
  const inputs = [{ tail: { paths: [path], topic: 'logs', 'long.lines': 'drop' } }];
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs });
  await daemon.says(/1 line for topic logs longer than max\.line\.bytes \(\d+\): left out/);
  assert.equal(await daemon.stop(), 0);
});
