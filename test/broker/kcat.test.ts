import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBatchHeader } from '../../src/kafka/record-batch.ts';
import { count, embeddedCluster, values } from '../support/embedded-cluster.ts';
import { requireProgram, runProgram } from '../support/foreign-programs.ts';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';

const lines = Array.from(
  { length: 5000 },
  (_, index) => `${String(index)} GET /index.html 200 ${'abcdefgh'.repeat(index % 20)}`,
);
const text = lines.join('\n') + '\n';

async function kcat(cluster: EmbeddedCluster, args: string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await runProgram(
    'kcat',
    ['-b', cluster.bootstrap, ...args],
    input,
  );
  assert.equal(code, 0, stderr);
  return stdout;
}

test('kcat -L lists nodes, topics, leaders and replicas', async (t) => {
  if (!requireProgram(t, 'kcat')) return;
  const cluster = await embeddedCluster(t, { nodes: 3, topics: { logs: 4 } });
  const listing = await kcat(cluster, ['-L']);
  assert.match(listing, /3 brokers:/);
  for (const { id, port } of cluster.nodes) {
    assert.ok(listing.includes(`broker ${String(id)} at 127.0.0.1:${String(port)}`), listing);
  }
  assert.match(listing, /topic "logs" with 4 partitions:/);
  assert.match(listing, /partition 1, leader 2, replicas: 2,3,1, isrs: 2,3,1/);
  assert.deepEqual(cluster.complaints, []);
});

const codecIds = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

for (const [codec, id] of Object.entries(codecIds)) {
  test(`kcat -P -z ${codec} writes lines that kcat -C reads back`, async (t) => {
    if (!requireProgram(t, 'kcat')) return;
    const cluster = await embeddedCluster(t, { nodes: 3, topics: { logs: 1 } });
    await kcat(cluster, ['-P', '-t', 'logs', '-z', codec, '-X', 'linger.ms=50'], text);
    assert.deepEqual(values(cluster, 'logs', 0), lines);
    const used = cluster
      .partition('logs', 0)
      .log.batches.map(({ bytes }) => bytes && readBatchHeader(bytes).codec);
    assert.deepEqual([...new Set(used)], [id]);
    assert.equal(
      await kcat(cluster, ['-C', '-t', 'logs', '-e', '-q', '-X', 'check.crcs=true']),
      text,
    );
    assert.deepEqual(cluster.complaints, []);
  });
}

test('kcat -C reads from the beginning, from the end, from an offset, the last five and from a time', async (t) => {
  if (!requireProgram(t, 'kcat')) return;
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  await kcat(cluster, ['-P', '-t', 'logs', '-z', 'lz4'], text);
  const read = async (offset: string): Promise<string[]> => {
    const args = ['-C', '-t', 'logs', '-p', '0', '-o', offset, '-e', '-q'];
    return (await kcat(cluster, args)).split('\n').slice(0, -1);
  };
  assert.deepEqual(await read('beginning'), lines);
  assert.deepEqual(await read('end'), []);
  assert.deepEqual(await read('-5'), lines.slice(-5));
  assert.deepEqual(await read('4321'), lines.slice(4321));
  assert.deepEqual(await read('s@0'), lines);
  assert.equal(count(cluster, 'logs'), lines.length);
});

test('kcat -P with idempotence is recognised as one producer, and topics are created when asked for', async (t) => {
  if (!requireProgram(t, 'kcat')) return;
  const cluster = await embeddedCluster(t, { nodes: 2, defaultPartitions: 3 });
  await kcat(cluster, ['-P', '-t', 'fresh', '-X', 'enable.idempotence=true'], text);
  const read = await kcat(cluster, ['-C', '-t', 'fresh', '-e', '-q']);
  assert.deepEqual(read.split('\n').slice(0, -1).sort(), [...lines].sort());
  const producers = [0, 1, 2].flatMap(
    (partition) => cluster.partition('fresh', partition).describeProducers(1) ?? [],
  );
  assert.deepEqual([...new Set(producers.map(({ producerId }) => producerId))], [1000n]);
  assert.deepEqual(cluster.complaints, []);
});

test('kcat -P is told when the topic is unknown and auto-creation is off', async (t) => {
  if (!requireProgram(t, 'kcat')) return;
  const cluster = await embeddedCluster(t, { autoCreate: false });
  const args = ['-b', cluster.bootstrap, '-P', '-t', 'nowhere', '-X', 'message.timeout.ms=3000'];
  const { stderr } = await runProgram('kcat', args, 'lost\n');
  assert.match(stderr, /Unknown topic|timed out/i);
  assert.deepEqual(cluster.topics, []);
});
