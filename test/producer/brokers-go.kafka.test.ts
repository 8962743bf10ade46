/** A producer while the brokers of a real cluster are stopped, killed, and too few; then its word is held against what kcat reads. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TimeoutError, type KafkaNode } from '../../src/index.ts';
import { startKafka, type KafkaCluster } from '../support/kafka-cluster.ts';
import { nothingWrong, SentRecords } from '../support/sent-records.ts';
import { until } from '../support/until.ts';
import { heard, keyedAndKeyless, newProducer } from './scene.ts';

const PACE = { count: 40, everyMs: 20 };
let kafka: KafkaCluster;

before(async () => {
  kafka = await startKafka({ brokers: 3 });
});
after(() => kafka.stop());

test('each broker is stopped and started again in turn while records flow: none fails', async (t) => {
  const topic = 'rolling';
  await kafka.createTopic(topic, { partitions: 6, config: { 'min.insync.replicas': '2' } });
  const sender = newProducer(t, kafka, { 'compression.type': 'lz4', 'request.timeout.ms': 5000 });
  const sent = new SentRecords(sender, kafka.bootstrap, topic);
  await sent.flowDuring(PACE, keyedAndKeyless, async () => {
    for (const id of kafka.nodeIds) {
      await kafka.signal(id, 'SIGTERM');
      await kafka.startNode(id);
      await kafka.ready();
      await kafka.untilInSync();
    }
    await until(() => sent.count >= 30_000);
  });
  await sender.flush();
  assert.deepEqual(sent.errors, []);
  assert.deepEqual(await sent.verdict(), nothingWrong);
  t.diagnostic(`${sent.count} records, ${sent.placeless} of them acknowledged without a place`);
});

test('too few replicas: records wait and are written when the brokers are back, or time out as not sent', async (t) => {
  const config = { 'min.insync.replicas': '3' };
  const assignment = [
    [1, 2, 3],
    [2, 3, 1],
    [3, 1, 2],
  ];
  for (const topic of ['waits', 'times-out']) {
    await kafka.createTopic(topic, { assignment, config });
  }
  const patient = newProducer(t, kafka);
  const hasty = newProducer(t, kafka, { 'delivery.timeout.ms': 3000, 'request.timeout.ms': 1000 });
  const waits = new SentRecords(patient, kafka.bootstrap, 'waits');
  const timesOut = new SentRecords(hasty, kafka.bootstrap, 'times-out');
  for (const sent of [waits, timesOut]) sent.send(300, keyedAndKeyless);
  await Promise.all([patient.flush(), hasty.flush()]);

  // Two of three would leave the controllers without a majority, and nobody could say that replicas are missing.
  await kafka.signal(3, 'SIGKILL');
  for (const sent of [waits, timesOut]) sent.send(300, keyedAndKeyless);
  await until(async () => (await kafka.underMinIsr()) >= 6);
  for (const { partition, leader, ...told } of await newProducer(t, kafka).partitionsFor('waits')) {
    assert.deepEqual(idsOf(told.replicas), assignment[partition]);
    assert.deepEqual([...idsOf(told.inSyncReplicas)].sort(), [1, 2]);
    assert.deepEqual(idsOf(told.offlineReplicas), [3]);
    assert.ok(leader !== null && leader.id < 3, 'one that is there leads');
  }
  const refused = timesOut.count;
  timesOut.send(300, keyedAndKeyless);
  const sinceMs = performance.now();
  await until(() => timesOut.errors.length >= 300 && timesOut.isSettled(refused));
  assert.ok(performance.now() - sinceMs < 6000, 'delivery.timeout.ms is kept');
  for (let number = refused; number < timesOut.count; number += 1) {
    const error = timesOut.error(number);
    assert.ok(error instanceof TimeoutError, error.message);
    assert.equal(error.fate, 'notSent');
  }
  assert.equal(waits.acked.length, 300, 'nothing is acknowledged that too few have');

  await kafka.startNode(3);
  await kafka.ready();
  await kafka.untilInSync();
  const again = timesOut.count;
  timesOut.send(300, keyedAndKeyless);
  await Promise.all([patient.flush(), hasty.flush()]);
  assert.ok(timesOut.acked.filter((number) => number >= again).length === 300, 'it goes on');
  assert.deepEqual(waits.errors, []);
  assert.equal(waits.acked.length, 600);
  assert.ok(timesOut.isSettled(0));
  assert.deepEqual(await waits.verdict(), nothingWrong);
  assert.deepEqual(await timesOut.verdict(), nothingWrong);
});

test('an unclean leader: only what it acknowledged alone is lost, and that is said', async (t) => {
  const assignment = [[1, 2]];
  const unclean = { 'unclean.leader.election.enable': 'true' };
  const of = (minIsr: string): Readonly<Record<string, string>> => ({
    ...unclean,
    'min.insync.replicas': minIsr,
  });
  await kafka.createTopic('acks-1', { assignment, config: of('1') });
  await kafka.createTopic('alone', { assignment, config: of('1') });
  await kafka.createTopic('safe', { assignment, config: of('2') });
  const careless = newProducer(t, kafka, { acks: 1, 'enable.idempotence': false });
  const careful = newProducer(t, kafka);
  // Of its own: a request is answered when all its partitions are, and the one that too few have never is.
  const strict = newProducer(t, kafka);
  const [said, saidOfStrict] = [heard(careful), heard(strict)];
  const acksOne = new SentRecords(careless, kafka.bootstrap, 'acks-1');
  const alone = new SentRecords(careful, kafka.bootstrap, 'alone');
  const safe = new SentRecords(strict, kafka.bootstrap, 'safe');
  const all = [acksOne, alone, safe];
  const send = (): void => {
    for (const sent of all) sent.send(100, keyedAndKeyless);
  };
  send();
  await Promise.all([careless.flush(), careful.flush(), strict.flush()]);

  await kafka.signal(2, 'SIGKILL');
  send();
  await until(() => acksOne.acked.length === 200 && alone.acked.length === 200);
  assert.equal(
    safe.acked.length,
    100,
    'min.insync.replicas=2: the leader alone acknowledges nothing',
  );
  await kafka.signal(1, 'SIGKILL');
  await kafka.startNode(2);
  await kafka.ready();
  send();
  await until(() => acksOne.acked.length === 300 && alone.acked.length === 300, 60_000);
  await kafka.startNode(1);
  await kafka.ready();
  await Promise.all([careless.flush(), careful.flush(), strict.flush()]);

  const gone = Array.from({ length: 100 }, (_, index) => 100 + index);
  const loss = [...said, ...saidOfStrict].filter(({ code }) => code === 'dataLossSuspected');
  assert.deepEqual(
    loss.map(({ fields }) => [fields['topic'], fields['recordsMax']]),
    [['alone', 100]],
  );
  for (const sent of [acksOne, alone]) {
    assert.deepEqual(sent.errors, []);
    assert.deepEqual(await sent.verdict(), { ...nothingWrong, lost: gone }, sent.topic);
  }
  assert.deepEqual(safe.errors, []);
  assert.deepEqual(await safe.verdict(), nothingWrong, 'what two had is there');
});

function idsOf(nodes: readonly KafkaNode[]): number[] {
  return nodes.map(({ id }) => id);
}
