/** Each option of `millrace broker`, by what clients find. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Producer } from '../../src/index.ts';
import { listOffsets, offsetSpecs } from '../../src/kafka/messages/02-list-offsets.ts';
import { describeProducers } from '../../src/kafka/messages/61-describe-producers.ts';
import { RawClient } from '../broker/raw-client.ts';
import { batchOf } from '../broker/test-batches.ts';
import { Daemon } from '../support/daemon.ts';
import { freePorts } from '../support/kafka-cluster.ts';
import { until } from '../support/until.ts';

interface Running {
  readonly daemon: Daemon;
  readonly bootstrap: string;
  readonly producer: Producer;
  /** A connection to the first node. */
  readonly client: RawClient;
}

async function start(t: TestContext, ...args: string[]): Promise<Running> {
  const daemon = new Daemon(['broker', ...args]);
  t.after(() => daemon.signal('SIGKILL'));
  const [, bootstrap = ''] = await daemon.says(/embedded broker at (\S+), /);
  const producer = new Producer({ 'bootstrap.servers': bootstrap, 'max.block.ms': 1000 });
  t.after(() => producer.close(0));
  const [host = '', port = ''] = (bootstrap.split(',')[0] ?? '').split(':');
  const socket = connect(Number(port), host);
  await once(socket, 'connect');
  t.after(() => socket.destroy());
  return { daemon, bootstrap, producer, client: new RawClient(socket) };
}

/** First offset and end of partition 0. */
async function offsetsOf(client: RawClient, name: string): Promise<bigint[]> {
  const offsets: bigint[] = [];
  for (const timestamp of [offsetSpecs.earliest, offsetSpecs.latest]) {
    const partitions = [{ partitionIndex: 0, timestamp }];
    const request = { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions }] };
    const { topics } = await client.ask(listOffsets, 8, request);
    offsets.push(topics[0]?.partitions[0]?.offset ?? -1n);
  }
  return offsets;
}

async function producersOf(client: RawClient, name: string): Promise<bigint[]> {
  const request = { topics: [{ name, partitionIndexes: [0] }] };
  const { topics } = await client.ask(describeProducers, 0, request);
  const active = topics[0]?.partitions[0]?.activeProducers ?? [];
  return active.map(({ producerId }) => producerId);
}

/** The first of two ports that are free side by side. */
async function freePair(): Promise<number> {
  const [port = 0] = await freePorts(1);
  const probe = connect(port + 1, '127.0.0.1');
  const isTaken = await Promise.race([
    once(probe, 'connect').then(() => true),
    once(probe, 'error').then(() => false),
  ]).catch(() => false);
  probe.destroy();
  return isTaken ? freePair() : port;
}

test('nodes listen on one port after the other, topics have so many partitions as was said, and SIGTERM ends it in good order', async (t) => {
  const port = await freePair();
  const topics = ['--partitions', '3', '--topic', 'logs:2', '--topic', 'others'];
  const at = ['--port', String(port), '--nodes', '2'];
  const { daemon, bootstrap, producer, client } = await start(t, ...at, ...topics);
  assert.equal(bootstrap, `127.0.0.1:${port},127.0.0.1:${port + 1}`);
  assert.equal((await producer.partitionsFor('logs')).length, 2);
  assert.equal((await producer.partitionsFor('others')).length, 3);
  assert.equal((await producer.partitionsFor('made-when-asked-for')).length, 3);
  await producer.send({ topic: 'logs', partition: 0, value: 'one' });
  assert.deepEqual(await offsetsOf(client, 'logs'), [0n, 1n], 'what it has can be read');
  assert.equal(await daemon.stop('SIGTERM'), 0, daemon.output);
});

test('with --no-auto-create a topic that is not there stays so, and --discard keeps no record', async (t) => {
  const options = ['--no-auto-create', '--discard', '--topic', 'logs'];
  const { producer, client } = await start(t, '--port', '0', ...options);
  const { offset } = await producer.send({ topic: 'logs', value: 'one' });
  assert.equal(offset, 0n);
  assert.deepEqual(await offsetsOf(client, 'logs'), [1n, 1n], 'counted, and not kept');
  await assert.rejects(producer.partitionsFor('missing'), { name: 'TimeoutError' });
});

test('a producer that wrote nothing for a day is forgotten, a later one is not', async (t) => {
  const { client } = await start(t, '--port', '0', '--topic', 'logs');
  const dayAndHourMs = 25 * 3_600_000;
  const stale = batchOf({ producerId: 8n, timestampMs: Date.now() - dayAndHourMs });
  const fresh = batchOf({ producerId: 9n, timestampMs: Date.now() });
  for (const batch of [stale, fresh]) {
    assert.equal((await client.produce('logs', 0, batch)).errorCode, 0);
  }
  await until(async () => (await producersOf(client, 'logs')).length < 2, 10_000);
  assert.deepEqual(await producersOf(client, 'logs'), [9n]);
});
