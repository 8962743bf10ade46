import { after, before, describe, test } from 'node:test';
import { startKafka, type KafkaCluster } from '../support/kafka-cluster.ts';
import { node24 } from '../support/project.ts';
import { shipmentBytes } from '../support/shipment.ts';
import { MINUTE, expectDelivered, newShipment, startDaemon } from './scene.ts';

describe('files and a socket into three brokers, read back', { timeout: 60 * MINUTE }, () => {
  let kafka: KafkaCluster;

  before(async () => {
    kafka = await startKafka({ brokers: 3 });
  });
  after(async () => {
    await kafka.stop();
  });

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    for (const [name, node] of [
      ['Node 20', process.execPath],
      ['Node 24', node24],
    ] as const) {
      test(`${codec}: every line once and in order, on ${name}`, async (t) => {
        const load = await newShipment(kafka, t, { codec });
        const daemon = startDaemon(load, t, node);
        await daemon.says(/all inputs are being read/);
        await load.writeAll(shipmentBytes);
        await expectDelivered(load, daemon);
        await kafka.deleteTopic(load.topic);
      });
    }
  }

  for (const workers of [1, 4]) {
    test(`order holds with ${workers} workers`, async (t) => {
      const load = await newShipment(kafka, t, { codec: 'lz4', workers });
      const daemon = startDaemon(load, t, process.execPath);
      await daemon.says(/all inputs are being read/);
      await load.writeAll(shipmentBytes);
      await expectDelivered(load, daemon);
      await kafka.deleteTopic(load.topic);
    });
  }
});
