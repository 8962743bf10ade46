import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  always,
  answer,
  closeConnection,
  delayAnswer,
  editAnswer,
  hang,
  loseAnswer,
  once,
  times,
} from '../../../src/broker/faults.ts';
import type { FaultAction } from '../../../src/broker/faults.ts';
import { metadata } from '../../../src/kafka/messages/03-metadata.ts';
import { count, embeddedCluster, values } from '../../support/embedded-cluster.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { unusedPort } from './scripted-broker.ts';
import { endpointsOf, numbered, sending, until } from './sending.ts';

/** All brokers are said to listen there. */
function throughPort(port: number): FaultAction {
  return editAnswer(metadata, (answer) => {
    for (const broker of answer.brokers) broker.port = port;
  });
}

test('batches of many partitions arrive, in order, and all memory is free again', async (t) => {
  const cluster = await embeddedCluster(t, { nodes: 3, topics: { logs: 12 } });
  const { sender, shop, append, outcomes } = sending(t, endpointsOf(cluster));
  const free = shop.arena.freeBytes;
  const expected = new Map<number, string[]>();
  for (let round = 0; round < 20; round += 1) {
    for (let partition = 0; partition < 12; partition += 1) {
      const lines = numbered(round * 50, 50, `p${partition}`);
      expected.set(partition, [...(expected.get(partition) ?? []), ...lines]);
      append('logs', lines, { partition });
    }
  }
  await sender.flush();
  assert.equal(outcomes.length, 240);
  assert.ok(outcomes.every(({ outcome }) => outcome.type === 'acked'));
  for (const [partition, lines] of expected) {
    assert.deepEqual(values(cluster, 'logs', partition), lines);
  }
  assert.equal(shop.arena.freeBytes, free);
  assert.deepEqual(cluster.complaints, []);
  const { stats } = sender;
  assert.equal(stats.outcomes.acked, 240);
  assert.equal(stats.requestsInFlight, 0);
  assert.ok(stats.produceRequestsSent < 240, 'many partitions share a request');
  assert.ok(stats.latencyMs > 0 && stats.bytesSent > 12 * 20 * 50 * 5);
});

test('it is idle while a turn has brought less than a request, and again when all have their outcome', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const { sender, append } = sending(t, endpointsOf(cluster), { maxRequestSize: 20_000 });
  const lines = numbered(0, 1000);
  append('logs', lines);
  assert.ok(sender.isIdle, 'one batch of less than a request');
  append('logs', lines);
  append('logs', lines);
  assert.ok(!sender.isIdle, 'more than a request in one turn');
  await sleep(0);
  assert.ok(!sender.isIdle, 'no answer yet');
  await sender.flush();
  assert.ok(sender.isIdle);
});

test('keyless batches are spread by the sender and none is lost', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 3 } });
  const { sender, append } = sending(t, endpointsOf(cluster), { batchSize: 1000 });
  for (let round = 0; round < 50; round += 1) append('logs', numbered(round * 20, 20));
  await sender.flush();
  assert.equal(count(cluster, 'logs'), 1000);
  const filled = [0, 1, 2].filter((partition) => values(cluster, 'logs', partition).length > 0);
  assert.equal(filled.length, 3);
});

for (const acks of [0, 1, -1] as const) {
  test(`acks=${acks} without idempotence ends each batch with its outcome`, async (t) => {
    const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
    const config = { acks, enableIdempotence: false };
    const { sender, append, outcomes, shop } = sending(t, endpointsOf(cluster), config);
    const free = shop.arena.freeBytes;
    for (let round = 0; round < 10; round += 1) {
      append('logs', numbered(round * 10, 10), { partition: 0 });
    }
    await sender.flush();
    assert.ok(outcomes.every(({ outcome }) => outcome.type === 'acked'));
    await until(() => count(cluster, 'logs') === 100, 'all records');
    assert.equal(shop.arena.freeBytes, free);
  });
}

test('a connection that is lost after the append doubles nothing and loses nothing', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  cluster.control('Produce', times(3, loseAnswer));
  const { sender, append, outcomes } = sending(t, endpointsOf(cluster));
  const lines = numbered(0, 200);
  for (let from = 0; from < 200; from += 10) {
    append('logs', lines.slice(from, from + 10), { partition: 0 });
  }
  await sender.flush();
  assert.deepEqual(values(cluster, 'logs', 0), lines);
  assert.ok(outcomes.every(({ outcome }) => outcome.type === 'acked'));
  assert.deepEqual(cluster.complaints, []);
});

test('connections that are cut anywhere in a request or an answer double and lose nothing', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 2 } });
  const [node] = endpointsOf(cluster);
  assert.ok(node !== undefined);
  const proxy = await TcpProxy.start({ targetPort: node.port });
  t.after(() => proxy.close());
  // Whatever address the broker tells, the way leads through the proxy.
  cluster.control('Metadata', always(throughPort(proxy.port)));
  const { sender, append, outcomes, shop } = sending(t, [{ host: '127.0.0.1', port: proxy.port }], {
    reconnectBackoffMs: 5,
    retryBackoffMs: 5,
  });
  const free = shop.arena.freeBytes;
  const expected: string[][] = [[], []];
  for (let round = 0; round < 40; round += 1) {
    if (round % 4 === 1) proxy.cutAfter(37 * round, 'up');
    if (round % 4 === 3) proxy.cutAfter(3 * round, 'down');
    for (const partition of [0, 1]) {
      const lines = numbered(round * 25, 25, `p${partition}`);
      expected[partition]?.push(...lines);
      append('logs', lines, { partition });
    }
    if (round % 8 === 7) await sender.flush();
  }
  await sender.flush();
  assert.deepEqual(
    [0, 1].map((partition) => values(cluster, 'logs', partition)),
    expected,
  );
  assert.ok(outcomes.every(({ outcome }) => outcome.type === 'acked'));
  assert.ok(proxy.accepted > 10, `${proxy.accepted} connections`);
  assert.equal(shop.arena.freeBytes, free);
  assert.deepEqual(cluster.complaints, []);
});

test('a broker that is down at the start is waited for, said once, and said when it is back', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  await cluster.stopNode(1);
  const [node] = endpointsOf(cluster);
  const { sender, append, said } = sending(t, endpointsOf(cluster));
  append('logs', numbered(0, 10), { partition: 0 });
  await until(() => said.length > 0, 'a line about the broker');
  await sleep(300);
  assert.deepEqual(
    said.map(({ level, code, message }) => ({ level, code, message })),
    [
      {
        level: 'error',
        code: 'brokersUnreachable',
        message:
          `no broker can be reached, trying on: 127.0.0.1:${node?.port ?? 0} refuses connections: nothing listens there; ` +
          'start the broker or correct bootstrap.servers',
      },
    ],
  );
  await cluster.startNode(1);
  await sender.flush();
  assert.deepEqual(values(cluster, 'logs', 0), numbered(0, 10));
  assert.equal(said[1]?.code, 'brokersReachable');
});

test('a broker that does not answer is given up after request.timeout.ms, and the memory is not', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const takeAway = cluster.control('Produce', always(hang));
  const { sender, append, said, shop } = sending(t, endpointsOf(cluster), {
    requestTimeoutMs: 150,
    reconnectBackoffMs: 5,
  });
  append('logs', numbered(0, 10), { partition: 0 });
  const used = shop.arena.freeBytes;
  await until(() => said.some(({ code }) => code === 'requestTimedOut'), 'the timeout');
  assert.equal(shop.arena.freeBytes, used);
  takeAway();
  await sender.flush();
  assert.deepEqual(values(cluster, 'logs', 0), numbered(0, 10));
  assert.ok(shop.arena.freeBytes > used);
});

test('a batch that the broker finds too large is cut, and its lines arrive once and in order', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  cluster.configure('logs', { 'max.message.bytes': 4000 });
  const { sender, append, outcomes, shop } = sending(t, endpointsOf(cluster), { batchSize: 2000 });
  const free = shop.arena.freeBytes;
  const lines = numbered(0, 3000);
  append('logs', lines.slice(0, 1000), { partition: 0, codec: 'gzip' });
  append('logs', lines.slice(1000, 2000), { partition: 0 });
  append('logs', lines.slice(2000), { partition: 0, codec: 'snappy' });
  await sender.flush();
  assert.deepEqual(values(cluster, 'logs', 0), lines);
  assert.deepEqual(
    outcomes.flatMap(({ batch }) => batch.payload.ranges),
    lines,
  );
  assert.equal(shop.arena.freeBytes, free);
  assert.deepEqual(cluster.complaints, []);
});

test('a batch is cut although everything that fills the memory waits behind it', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 2 } });
  cluster.configure('logs', { 'max.message.bytes': 4000 });
  cluster.control('Produce', times(2, delayAnswer(200)));
  const { sender, append, shop } = sending(t, endpointsOf(cluster), { batchSize: 2000 });
  const lines = numbered(0, 4000);
  for (const partition of [0, 1]) {
    append('logs', lines.slice(0, 2000), { partition });
    append('logs', lines.slice(2000), { partition });
  }
  while (shop.arena.claim(1) !== undefined);
  await sender.flush();
  for (const partition of [0, 1]) assert.deepEqual(values(cluster, 'logs', partition), lines);
});

test('a leader that moves takes the partition with it', async (t) => {
  const cluster = await embeddedCluster(t, {
    nodes: 3,
    topics: { logs: { partitions: 1, replicationFactor: 3 } },
  });
  const { sender, append } = sending(t, endpointsOf(cluster), { reconnectBackoffMs: 5 });
  const lines = numbered(0, 100);
  for (let from = 0; from < 100; from += 10) {
    append('logs', lines.slice(from, from + 10), { partition: 0 });
    if (from === 40) await cluster.stopNode(cluster.partition('logs', 0).replicas.leaderId);
  }
  await sender.flush();
  assert.deepEqual(values(cluster, 'logs', 0), lines);
});

test('closing waits for what is there', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  cluster.control('Produce', always(delayAnswer(50)));
  const { sender, append } = sending(t, endpointsOf(cluster));
  append('logs', numbered(0, 10), { partition: 0 });
  assert.deepEqual(await sender.close(AbortSignal.timeout(20_000)), { abandonedCount: 0 });
  assert.equal(count(cluster, 'logs'), 10);
  assert.equal(sender.stats.connectionsOpen, 0);
});

test('closing gives up when its time is over, and frees all memory', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  cluster.control('Produce', always(hang));
  const { sender, append, outcomes, shop } = sending(t, endpointsOf(cluster));
  const free = shop.arena.freeBytes;
  append('logs', numbered(0, 10), { partition: 0 });
  append('logs', numbered(10, 10), { partition: 0 });
  assert.deepEqual(await sender.close(AbortSignal.timeout(200)), { abandonedCount: 2 });
  assert.deepEqual(
    outcomes.map(({ outcome }) => [outcome.type, outcome.written]),
    [
      ['abandoned', 'perhaps'],
      ['abandoned', 'no'],
    ],
  );
  assert.equal(shop.arena.freeBytes, free);
});

test('a sender that reached nobody closes at once when it may', async (t) => {
  const { sender } = sending(t, [{ host: '127.0.0.1', port: await unusedPort() }]);
  await sender.close(AbortSignal.timeout(20_000));
});

test('a connection closed at the first Produce is opened again after the backoff', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  cluster.control('Produce', once(closeConnection));
  const { sender, append } = sending(t, endpointsOf(cluster));
  append('logs', numbered(0, 5), { partition: 0 });
  await sender.flush();
  assert.deepEqual(values(cluster, 'logs', 0), numbered(0, 5));
});

test('a sender that Kafka shuts out stops for good, and says so to its owner', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  cluster.control('InitProducerId', always(answer('CLUSTER_AUTHORIZATION_FAILED')));
  const { sender, append, outcomes, fatal, said } = sending(t, endpointsOf(cluster));
  append('logs', numbered(0, 5), { partition: 0 });
  await sender.flush();
  assert.deepEqual(
    outcomes.map(({ outcome }) => [outcome.type, outcome.written]),
    [['abandoned', 'no']],
  );
  assert.deepEqual(fatal, ['CLUSTER_AUTHORIZATION_FAILED']);
  assert.equal(said.length, 0, 'the owner has the last word, once');
});
