import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKafka, type KafkaCluster } from '../support/kafka-cluster.ts';
import { node24 } from '../support/project.ts';
import { isFull, shipmentBytes } from '../support/shipment.ts';
import { MINUTE, expectDelivered, newShipment, startDaemon } from './scene.ts';

/** Each codec on another Node version: two daemons live through the same faults. */
const DAEMONS = [
  { codec: 'none', node: process.execPath },
  { codec: 'lz4', node: node24 },
];
/** The shipment takes at least so long, and the faults come meanwhile. */
const SPREAD_MS = isFull ? 90_000 : 25_000;

describe('each line once and in order while', { timeout: 60 * MINUTE }, () => {
  let kafka: KafkaCluster;

  before(async () => {
    kafka = await startKafka({ brokers: 3 });
  });
  after(async () => {
    await kafka.stop();
  });

  /** Ships while `fault` happens to the brokers; when all is over every line is there. */
  async function shipThrough(
    t: TestContext,
    settings: Record<string, number>,
    fault: (topics: readonly string[]) => Promise<void>,
  ): Promise<void> {
    const shipments = [];
    for (const { codec, node } of DAEMONS) {
      const load = await newShipment(kafka, t, { codec, kafka: settings });
      shipments.push({ load, daemon: startDaemon(load, t, node) });
    }
    for (const { daemon } of shipments) await daemon.says(/all inputs are being read/);
    let isFaulty = true;
    const pace = { overMs: SPREAD_MS, goesOn: () => isFaulty };
    const shipped = Promise.all(shipments.map(({ load }) => load.writeAll(shipmentBytes, pace)));
    await fault(shipments.map(({ load }) => load.topic)).finally(() => (isFaulty = false));
    await shipped;
    for (const { load, daemon } of shipments) {
      await expectDelivered(load, daemon);
      await kafka.deleteTopic(load.topic);
    }
  }

  test('each broker is killed with -9 and started again, one after the other', async (t) => {
    await shipThrough(t, {}, async () => {
      for (const id of kafka.nodeIds) {
        await sleep(1500);
        await kafka.signal(id, 'SIGKILL');
        await sleep(2000);
        await kafka.startNode(id);
        await kafka.ready();
        await kafka.untilInSync();
      }
    });
  });

  test('the leaders of all partitions move', async (t) => {
    await shipThrough(t, {}, async (topics) => {
      for (const topic of topics) {
        const leaders = await kafka.leaders(topic);
        const moved = leaders.map((leader) => (leader % kafka.nodeIds.length) + 1);
        await kafka.moveLeaders(topic, moved);
        assert.deepEqual(await kafka.leaders(topic), moved);
      }
    });
  });

  test('brokers freeze for longer than request.timeout.ms and than their session, then all are killed', async (t) => {
    await shipThrough(t, { 'request.timeout.ms': 1500 }, async () => {
      for (const [index, id] of kafka.nodeIds.entries()) {
        await sleep(1000);
        await kafka.signal(id, 'SIGSTOP');
        // Shorter than the session the leaders stay where they are, longer they move.
        await sleep(index === 0 ? 2500 : 6000);
        await kafka.signal(id, 'SIGCONT');
        await kafka.untilInSync();
      }
      for (const signal of ['SIGSTOP', 'SIGCONT', 'SIGKILL'] as const) {
        for (const id of kafka.nodeIds) await kafka.signal(id, signal);
        await sleep(3000);
      }
      for (const id of kafka.nodeIds) await kafka.startNode(id);
      await kafka.ready();
    });
  });
});
