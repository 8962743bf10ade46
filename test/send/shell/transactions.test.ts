import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { EmbeddedCluster } from '../../../src/broker/embedded-broker.ts';
import { loseAnswer, once } from '../../../src/broker/faults.ts';
import type { SenderConfig } from '../../../src/send/sender-config.ts';
import { committed } from '../../support/committed.ts';
import { embeddedCluster } from '../../support/embedded-cluster.ts';
import { groupOf, offsetsOf } from '../../support/transaction-driver.ts';
import { endpointsOf, numbered, sending, until, type Sending } from './sending.ts';

const transactions = { transactionalId: 'shop', transactionTimeoutMs: 60_000 };

async function producer(
  t: TestContext,
  cluster: EmbeddedCluster,
  config: Partial<SenderConfig> = {},
) {
  const sent = sending(t, endpointsOf(cluster), { ...config, transactions });
  assert.equal(await sent.sender.transact({ call: 'initTransactions' }), undefined);
  return sent;
}

async function succeeds(
  { sender }: Sending,
  call: 'beginTransaction' | 'commitTransaction' | 'abortTransaction',
): Promise<void> {
  assert.equal(await sender.transact({ call }), undefined, call);
}

for (const transactionVersion of [0, 2]) {
  const v = `transaction.version ${String(transactionVersion)}: `;

  test(`${v}what is committed over real connections can be read, what is aborted cannot`, async (t) => {
    const cluster = await embeddedCluster(t, {
      ...{ nodes: 3, transactionVersion },
      topics: { logs: 3, input: 1 },
    });
    const sent = await producer(t, cluster);
    const expected: string[][] = [[], [], []];
    for (let n = 0; n < 6; n++) {
      await succeeds(sent, 'beginTransaction');
      for (const partition of [0, 1, 2]) {
        const lines = numbered(n * 100 + partition * 10, 5);
        sent.append('logs', lines, { partition, codec: 'lz4' });
        if (n % 3 !== 1) expected[partition]?.push(...lines);
      }
      const group = groupOf('readers');
      const offsets = offsetsOf('input', BigInt(n));
      const added = sent.sender.transact({ call: 'sendOffsetsToTransaction', group, offsets });
      assert.equal(await added, undefined);
      if (n % 3 === 1) await sent.sender.flush();
      await succeeds(sent, n % 3 === 1 ? 'abortTransaction' : 'commitTransaction');
    }
    for (const [partition, lines] of expected.entries()) {
      assert.deepEqual(committed(cluster, 'logs', partition), lines);
    }
    assert.equal(cluster.committedOffsets('readers')[0]?.offset, 5n);
    assert.equal(cluster.requests('AddPartitionsToTxn').length > 0, transactionVersion === 0);
    const ends = cluster.requests('EndTxn').map(({ apiVersion }) => apiVersion);
    assert.deepEqual([...new Set(ends)], [transactionVersion === 0 ? 4 : 5]);
    const writes = cluster.requests('Produce').map(({ apiVersion }) => apiVersion);
    assert.deepEqual([...new Set(writes)], [transactionVersion === 0 ? 11 : 13]);
    assert.deepEqual(cluster.complaints, []);
    assert.equal((await sent.sender.close(AbortSignal.timeout(5000))).abandonedCount, 0);
  });

  test(`${v}a lost answer to each request of a transaction doubles and loses nothing`, async (t) => {
    const cluster = await embeddedCluster(t, { topics: { logs: 1 }, transactionVersion });
    const sent = await producer(t, cluster, { reconnectBackoffMs: 5, retryBackoffMs: 5 });
    const lines: string[] = [];
    const apis = ['Produce', 'EndTxn', 'FindCoordinator'] as const;
    for (const api of transactionVersion === 0
      ? ([...apis, 'AddPartitionsToTxn'] as const)
      : apis) {
      cluster.control(api, once(loseAnswer));
      await succeeds(sent, 'beginTransaction');
      const more = numbered(lines.length, 5);
      sent.append('logs', more, { partition: 0 });
      lines.push(...more);
      await succeeds(sent, 'commitTransaction');
    }
    assert.deepEqual(committed(cluster, 'logs', 0), lines);
  });

  test(`${v}a second producer with the id shuts the first one out`, async (t) => {
    const cluster = await embeddedCluster(t, { topics: { logs: 1 }, transactionVersion });
    const old = await producer(t, cluster);
    await succeeds(old, 'beginTransaction');
    old.append('logs', numbered(0, 5), { partition: 0 });
    await old.sender.flush();
    const young = await producer(t, cluster);
    const fault = await old.sender.transact({ call: 'commitTransaction' });
    assert.deepEqual([fault?.error, fault?.next], ['PRODUCER_FENCED', 'close']);
    assert.deepEqual(old.fatal, ['PRODUCER_FENCED']);
    await succeeds(young, 'beginTransaction');
    young.append('logs', numbered(5, 5), { partition: 0 });
    await succeeds(young, 'commitTransaction');
    assert.deepEqual(committed(cluster, 'logs', 0), numbered(5, 5));
  });

  test(`${v}brokers that restart in the middle of transactions lose none that was committed`, async (t) => {
    const cluster = await embeddedCluster(t, {
      ...{ nodes: 3, transactionVersion },
      topics: { logs: { partitions: 2, replicationFactor: 3 } },
    });
    const sent = await producer(t, cluster, { reconnectBackoffMs: 5, retryBackoffMs: 5 });
    const lines: string[] = [];
    for (let n = 0; n < 6; n++) {
      await succeeds(sent, 'beginTransaction');
      const more = numbered(n * 10, 10);
      sent.append('logs', more, { partition: 0 });
      const restarted = cluster.restartNode(1 + (n % 3));
      const fault = await sent.sender.transact({ call: 'commitTransaction' });
      await restarted;
      if (fault === undefined) lines.push(...more);
      else {
        assert.equal(fault.next, 'abort', fault.message);
        await succeeds(sent, 'abortTransaction');
      }
    }
    await until(() => cluster.partition('logs', 0).openSince(1000n) < 0, 'all has ended');
    assert.deepEqual(committed(cluster, 'logs', 0), lines);
  });
}
