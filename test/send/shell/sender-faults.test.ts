import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedCluster } from '../../../src/broker/embedded-broker.ts';
import { always, editAnswer } from '../../../src/broker/faults.ts';
import { metadata } from '../../../src/kafka/messages/03-metadata.ts';
import { embeddedCluster, values } from '../../support/embedded-cluster.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { numbered, sending } from './sending.ts';

const PARTITIONS = [0, 1, 2, 3, 4, 5];
const ROUNDS = 200;

/** xorshift32: the same faults for the same seed, as far as a real clock lets them be the same. */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

async function proxied(t: TestContext, cluster: EmbeddedCluster): Promise<TcpProxy[]> {
  const proxies = await Promise.all(
    cluster.nodes.map(({ port }) => TcpProxy.start({ targetPort: port })),
  );
  t.after(() => Promise.all(proxies.map((proxy) => proxy.close())));
  const lead = editAnswer(metadata, ({ brokers }) => {
    for (const broker of brokers) broker.port = proxies[broker.nodeId - 1]?.port ?? 0;
  });
  cluster.control('Metadata', always(lead));
  return proxies;
}

function breakSomething(proxy: TcpProxy | undefined, random: () => number): void {
  switch (Math.floor(random() * 5)) {
    case 0:
      return proxy?.cut();
    case 1:
      return proxy?.cutAfter(1 + Math.floor(random() * 3000), 'up');
    case 2:
      return proxy?.cutAfter(1 + Math.floor(random() * 200), 'down');
    case 3:
      proxy?.drop('down');
      break;
    default:
      proxy?.stopReading('up');
  }
  setTimeout(() => proxy?.heal(), 30 + random() * 600);
}

for (const seed of [1, 2, 3]) {
  test(`cut, silent, stalled and restarted brokers lose, double and reorder nothing (seed ${seed})`, async (t) => {
    const random = randomFrom(seed);
    const logs = { partitions: PARTITIONS.length, replicationFactor: 3 };
    const cluster = await embeddedCluster(t, { nodes: 3, topics: { logs } });
    const proxies = await proxied(t, cluster);
    const servers = proxies.map(({ port }) => ({ host: '127.0.0.1', port }));
    const { sender, append, outcomes, shop } = sending(t, servers, {
      ...{ requestTimeoutMs: 400, reconnectBackoffMs: 5, retryBackoffMs: 5 },
      ...{ reconnectBackoffMaxMs: 50, retryBackoffMaxMs: 50, deliveryTimeoutMs: Infinity },
    });
    const free = shop.arena.freeBytes;
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const partition of PARTITIONS) {
        const codec = random() < 0.3 ? 'lz4' : 'none';
        append('logs', numbered(round * 20, 20, `p${partition}`), { partition, codec });
      }
      await sleep(4);
      if (random() < 0.15) breakSomething(proxies[Math.floor(random() * 3)], random);
      if (random() < 0.01) await cluster.restartNode(1 + Math.floor(random() * 3));
    }
    for (const proxy of proxies) proxy.heal();
    await sender.flush();
    for (const partition of PARTITIONS) {
      assert.deepEqual(
        values(cluster, 'logs', partition),
        numbered(0, ROUNDS * 20, `p${partition}`),
      );
    }
    assert.ok(outcomes.every(({ outcome }) => outcome.type === 'acked'));
    assert.equal(shop.arena.freeBytes, free);
    assert.deepEqual(cluster.complaints, []);
  });
}
