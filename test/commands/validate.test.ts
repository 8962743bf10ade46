import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startEmbeddedBroker } from '../../src/broker/embedded-broker.ts';
import { Daemon } from '../support/daemon.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-validate-'));
const file = join(folder, 'm.yaml');
after(() => rmSync(folder, { recursive: true }));

async function validate(
  ...args: string[]
): Promise<{ code: number | NodeJS.Signals; said: string }> {
  const daemon = new Daemon(['validate', '-c', file, ...args]);
  return { code: await daemon.ended(), said: daemon.output.replaceAll(folder, '') };
}

function write(bootstrap: string, more = ''): void {
  const inputs =
    '[{tail: {paths: [a/*.log, /b], topic: logs}}, {socket: {path: s, topic: events}}]';
  writeFileSync(file, `kafka: {bootstrap.servers: "${bootstrap}"${more}}\ninputs: ${inputs}\n`);
}

test('a valid file is summed up, with notes, and without asking any broker', async () => {
  write('nowhere.invalid', ', queue.buffering.max.ms: 9');
  assert.deepEqual(await validate(), {
    code: 0,
    said: `/m.yaml: valid
  tail /a/*.log, /b -> logs
  socket /s -> events
  note: /m.yaml:1:47: queue.buffering.max.ms is librdkafka's name for linger.ms, and is taken as that
`,
  });
});

test('a group that is not there is noted: the file may be for another machine', async () => {
  const socket = '{socket: {path: /s, topic: events, group: nosuch}}';
  writeFileSync(file, `kafka: {bootstrap.servers: k}\ninputs: [${socket}]\n`);
  const { code, said } = await validate();
  assert.equal(code, 0);
  assert.match(said, /\n {2}note: socket \/s: there is no group nosuch in \/etc\/group\. Fix: /);
});

test('a file with faults ends with 78', async () => {
  write('k', ', linger.ms: never');
  assert.deepEqual(await validate('--connect'), {
    code: 78,
    said: `millrace: the configuration has a fault:
/m.yaml:1:44: kafka.linger.ms: "never" is not a whole number
  fix: write integer from 0 to 2147483647
`,
  });
});

test('--connect looks at brokers and topics too', async (t) => {
  const cluster = await startEmbeddedBroker({ topics: { logs: 2 }, autoCreate: false });
  t.after(() => cluster.close());
  write(cluster.bootstrap, ', allow.auto.create.topics: false');
  const { code, said } = await validate('--connect');
  assert.equal(code, 69, said);
  assert.match(said, /ok: topic logs: 2 partitions, all with a leader\n/);
  assert.match(said, /FAULT: topic events: does not exist\n {4}fix: create it: .*\n1 fault\n$/);

  cluster.createTopic('events', { partitions: 1 });
  const again = await validate('--connect');
  assert.equal(again.code, 0, again.said);
});

test('--connect asks for a producer id, unless enable.idempotence=false', async (t) => {
  const cluster = await startEmbeddedBroker();
  t.after(() => cluster.close());
  write(cluster.bootstrap);
  const { code, said } = await validate('--connect');
  assert.equal(code, 0, said);
  assert.match(said, /ok: enable\.idempotence: the cluster hands out producer ids\n/);
  assert.equal(cluster.requests('InitProducerId').length, 1);

  write(cluster.bootstrap, ', enable.idempotence: false');
  const without = await validate('--connect');
  assert.equal(without.code, 0, without.said);
  assert.doesNotMatch(without.said, /enable\.idempotence/);
  assert.equal(cluster.requests('InitProducerId').length, 1);
});

test('--connect to a port that nobody listens on ends with 69', async () => {
  write('127.0.0.1:1');
  const { code, said } = await validate('--connect');
  assert.equal(code, 69, said);
  assert.match(said, /FAULT: 127\.0\.0\.1:1: /);
});
