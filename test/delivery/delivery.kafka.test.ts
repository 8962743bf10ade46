import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../support/daemon.ts';
import { startKafka, type KafkaCluster } from '../support/kafka-cluster.ts';
import { node24 } from '../support/project.ts';
import { LINE_BYTES, Shipment, shipmentBytes } from '../support/shipment.ts';

const PARTITIONS = 6;
const NOTHING_WRONG = { lost: 0, doubled: 0, reordered: 0, foreign: 0 };
const MINUTES = 60_000;

describe(
  'from files and a socket into three brokers, read back with kcat',
  { timeout: 30 * MINUTES },
  () => {
    let kafka: KafkaCluster;
    let topics = 0;

    before(async () => {
      kafka = await startKafka({ brokers: 3 });
    });
    after(async () => {
      await kafka.stop();
    });

    async function shipment(codec: string, workers = 2): Promise<Shipment> {
      const topic = `shipment-${++topics}`;
      await kafka.createTopic(topic, { partitions: PARTITIONS });
      return new Shipment({ bootstrap: kafka.bootstrap, topic, codec, workers });
    }

    async function expectAllThere(load: Shipment, daemon: Daemon): Promise<void> {
      await load.untilStored(
        PARTITIONS,
        load.lines,
        5 * MINUTES,
        () => `the daemon said:\n${daemon.output}`,
      );
      assert.equal(await daemon.stop(), 0, daemon.output);
      const audit = await load.audit();
      assert.deepEqual(audit.verdict(), NOTHING_WRONG, audit.faults.join('\n') + daemon.output);
      assert.equal(audit.count, load.lines);
    }

    /** Two files and two connections at once, each with a quarter of the bytes. */
    async function shipAll(load: Shipment, share: number, paceMs = 0): Promise<void> {
      const lines = Math.floor((shipmentBytes * share) / 4 / (LINE_BYTES + 1));
      await Promise.all([
        load.write('file-a', load.file('file-a'), lines, paceMs),
        load.write('file-b', load.file('file-b'), lines, paceMs),
        load.write('client-a', await load.connection(), lines, paceMs),
        load.write('client-b', await load.connection(), lines, paceMs),
      ]);
    }

    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      for (const [name, node] of [
        ['Node 20', process.execPath],
        ['Node 24', node24],
      ] as const) {
        test(`${codec}: every line once and in order, on ${name}`, async (t) => {
          const load = await shipment(codec);
          t.after(() => load.remove());
          const daemon = new Daemon(['run', '-c', load.config], { node });
          t.after(() => daemon.signal('SIGKILL'));
          await daemon.says(/listening/);
          await shipAll(load, 0.5);
          await expectAllThere(load, daemon);
          await kafka.deleteTopic(load.topic);
        });
      }
    }

    for (const workers of [1, 4]) {
      test(`order holds with ${workers} workers`, async (t) => {
        const load = await shipment('lz4', workers);
        t.after(() => load.remove());
        const daemon = new Daemon(['run', '-c', load.config]);
        t.after(() => daemon.signal('SIGKILL'));
        await daemon.says(/listening/);
        await shipAll(load, 0.5);
        await expectAllThere(load, daemon);
      });
    }

    for (const codec of ['none', 'lz4']) {
      test(`${codec}: a broker killed with -9 while shipping loses, doubles and reorders nothing`, async (t) => {
        const load = await shipment(codec);
        t.after(() => load.remove());
        const daemon = new Daemon(['run', '-c', load.config], { node: node24 });
        t.after(() => daemon.signal('SIGKILL'));
        await daemon.says(/listening/);
        const shipped = shipAll(load, 1, 150);
        for (const id of kafka.nodeIds) {
          await sleep(2000);
          await kafka.signal(id, 'SIGKILL');
          await sleep(2000);
          await kafka.startNode(id);
          await kafka.ready();
          await sleep(4000);
        }
        await shipped;
        await expectAllThere(load, daemon);
      });
    }

    test('partition leaders moved while shipping lose, double and reorder nothing', async (t) => {
      const load = await shipment('lz4');
      t.after(() => load.remove());
      const daemon = new Daemon(['run', '-c', load.config]);
      t.after(() => daemon.signal('SIGKILL'));
      await daemon.says(/listening/);
      const shipped = shipAll(load, 1, 150);
      for (const partition of [0, 1, 2]) {
        const leader = (await kafka.leaders(load.topic))[partition];
        const to = kafka.nodeIds.find((id) => id !== leader) ?? 1;
        await kafka.moveLeader(load.topic, partition, to);
      }
      await shipped;
      await expectAllThere(load, daemon);
    });

    test('SIGTERM in the middle of a file, then a new start: the rest follows, nothing twice', async (t) => {
      const load = await shipment('lz4');
      t.after(() => load.remove());
      const lines = Math.floor(shipmentBytes / (LINE_BYTES + 1));
      const written = load.write('file-a', load.file('file-a'), lines, 5);
      for (let start = 0; start < 4; start++) {
        const daemon = new Daemon(['run', '-c', load.config], {
          node: start % 2 === 0 ? node24 : process.execPath,
        });
        t.after(() => daemon.signal('SIGKILL'));
        await load.untilStored(
          PARTITIONS,
          ((start + 0.5) * lines) / 5,
          MINUTES,
          () => daemon.output,
        );
        assert.equal(await daemon.stop(start % 2 === 0 ? 'SIGTERM' : 'SIGINT'), 0, daemon.output);
      }
      await written;
      await expectAllThere(load, new Daemon(['run', '-c', load.config]));
    });
  },
);
