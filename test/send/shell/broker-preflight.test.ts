import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { always, answer, editAnswer } from '../../../src/broker/faults.ts';
import { metadata } from '../../../src/kafka/messages/03-metadata.ts';
import { lookAtBrokers } from '../../../src/send/broker-preflight.ts';
import type { Finding, PreflightOptions } from '../../../src/send/broker-preflight.ts';
import { embeddedCluster } from '../../support/embedded-cluster.ts';
import { scriptedBroker, unusedPort } from './scripted-broker.ts';
import { endpointsOf } from './sending.ts';

function look(
  bootstrapServers: PreflightOptions['bootstrapServers'],
  options: Partial<PreflightOptions> = {},
): Promise<Finding[]> {
  return lookAtBrokers({
    bootstrapServers,
    topics: ['logs'],
    enableIdempotence: true,
    allowAutoCreateTopics: false,
    software: { clientId: 'test', version: '0.1.0' },
    setupTimeoutMs: 10_000,
    setupTimeoutMaxMs: 30_000,
    ...options,
  });
}

function faults(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ kind }) => kind === 'fault');
}

async function clusterOf(t: TestContext): ReturnType<typeof embeddedCluster> {
  return embeddedCluster(t, { nodes: 2, topics: { logs: 3 }, autoCreate: false });
}

test('a healthy cluster is found healthy, thing by thing', async (t) => {
  const cluster = await clusterOf(t);
  const [first, second] = endpointsOf(cluster);
  const findings = await look(endpointsOf(cluster));
  assert.deepEqual(
    findings.map(({ kind, thing }) => `${kind} ${thing}`),
    [
      `ok 127.0.0.1:${first?.port ?? 0}`,
      `ok 127.0.0.1:${second?.port ?? 0}`,
      `ok broker 1 at 127.0.0.1:${first?.port ?? 0}`,
      `ok broker 2 at 127.0.0.1:${second?.port ?? 0}`,
      'ok enable.idempotence',
      'ok topic logs',
    ],
  );
  assert.equal(findings.at(-1)?.message, '3 partitions, all with a leader');
});

test('a bootstrap server that is down is a fault, and the rest is looked at all the same', async (t) => {
  const cluster = await clusterOf(t);
  const port = await unusedPort();
  const findings = await look([{ host: '127.0.0.1', port }, ...endpointsOf(cluster)]);
  assert.deepEqual(faults(findings), [
    {
      kind: 'fault',
      thing: `127.0.0.1:${port}`,
      message: `127.0.0.1:${port} refuses connections: nothing listens there`,
      fix: 'start the broker or correct bootstrap.servers',
    },
  ]);
  assert.equal(findings.at(-1)?.thing, 'topic logs');
});

test('an advertised address that leads nowhere is a fault of advertised.listeners', async (t) => {
  const cluster = await clusterOf(t);
  const port = await unusedPort();
  cluster.control(
    'Metadata',
    always(
      editAnswer(metadata, ({ brokers }) => {
        for (const broker of brokers) if (broker.nodeId === 2) broker.port = port;
      }),
    ),
  );
  const [found] = faults(await look(endpointsOf(cluster)));
  assert.equal(found?.thing, `broker 2 at 127.0.0.1:${port}`);
  assert.equal(found.fix, "start the broker or correct the broker's advertised.listeners");
});

test('a topic that does not exist is a fault, unless it will be created', async (t) => {
  const cluster = await clusterOf(t);
  const servers = endpointsOf(cluster);
  const [found] = faults(await look(servers, { topics: ['logs', 'metrics'] }));
  assert.equal(found?.thing, 'topic metrics');
  assert.equal(found.message, 'does not exist');
  assert.equal(
    found.fix,
    `create it: kafka-topics.sh --bootstrap-server 127.0.0.1:${servers[0]?.port ?? 0} --create --topic metrics`,
  );
  const lenient = await look(servers, { topics: ['metrics'], allowAutoCreateTopics: true });
  assert.deepEqual(faults(lenient), []);
  assert.deepEqual(
    cluster.topics.map(({ name }) => name),
    ['logs'],
    'looking creates nothing',
  );
});

test('an illegal topic name is a fault', async (t) => {
  const cluster = await clusterOf(t);
  const [found] = faults(await look(endpointsOf(cluster), { topics: ['a b'] }));
  assert.deepEqual([found?.thing, found?.message], ['topic a b', 'is not a legal name']);
});

test('missing permissions are named with the permission', async (t) => {
  const cluster = await clusterOf(t);
  const takeAway = cluster.control('Metadata', always(answer('TOPIC_AUTHORIZATION_FAILED')));
  const [describe] = faults(await look(endpointsOf(cluster)));
  assert.equal(describe?.fix, 'grant Describe and Write on it to this client');
  takeAway();
  const restore = cluster.control(
    'DescribeProducers',
    always(answer('TOPIC_AUTHORIZATION_FAILED')),
  );
  const [read] = faults(await look(endpointsOf(cluster)));
  assert.equal(read?.fix, 'grant Read on it to this client, or set enable.idempotence=false');
  assert.deepEqual(faults(await look(endpointsOf(cluster), { enableIdempotence: false })), []);
  restore();
  cluster.control('InitProducerId', always(answer('CLUSTER_AUTHORIZATION_FAILED')));
  const [write] = faults(await look(endpointsOf(cluster)));
  assert.equal(write?.thing, 'enable.idempotence');
  assert.match(write.message, /hands out no producer id: CLUSTER_AUTHORIZATION_FAILED/);
});

test('a connection that ends in the middle is a finding, not an exception', async (t) => {
  const broker = await scriptedBroker(async (peer) => {
    await peer.handshake();
    await peer.next();
    peer.socket.destroy();
  });
  t.after(() => broker.close());
  const [found] = faults(await look([broker.endpoint]));
  assert.match(
    found?.message ?? '',
    /closed the connection at the first request after ApiVersions/,
  );
});
