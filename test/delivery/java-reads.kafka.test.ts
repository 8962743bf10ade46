import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startKafka, type KafkaCluster } from '../support/kafka-cluster.ts';
import { kcatBytes } from '../support/kcat.ts';
import { numberedLines } from '../support/numbered-lines.ts';
import { node24 } from '../support/project.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { Shipment } from '../support/shipment.ts';
import { MINUTE, said, startDaemon } from './scene.ts';

const NEWLINE = 10;

/** Lines that compress well, then lines of any bytes and of lengths from nothing to 200 KB, which do not. */
function anyLines(): { bytes: Buffer; count: number } {
  const random = seededRandom(3);
  const odd = [0, 1, 2, 63, 64, 65, 8191, 8192, 200_000, ...Array<undefined>(2000)].map((given) => {
    const line = Buffer.alloc(given ?? Math.floor(random() ** 4 * 3000));
    for (let at = 0; at < line.length; at++) line[at] = Math.floor(random() * 256);
    return Buffer.from(line.map((byte) => (byte === NEWLINE ? 0 : byte)));
  });
  const log = numberedLines('log', 0, 20_000, 227);
  const rest = odd.flatMap((line) => [line, Buffer.of(NEWLINE)]);
  return { bytes: Buffer.concat([log, ...rest, log]), count: 40_000 + odd.length };
}

describe('programs that are not ours read what was shipped', { timeout: 10 * MINUTE }, () => {
  let kafka: KafkaCluster;

  before(async () => {
    kafka = await startKafka({ brokers: 1 });
  });
  after(async () => {
    await kafka.stop();
  });

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    for (const [name, node] of [
      ['Node 20', process.execPath],
      ['Node 24', node24],
    ] as const) {
      test(`${codec}: the Java consumer and kcat read it byte for byte, from ${name}`, async (t) => {
        const topic = `read-${codec}-${name.replace(' ', '')}`;
        await kafka.createTopic(topic, { partitions: 1 });
        const load = new Shipment({ bootstrap: kafka.bootstrap, topic, codec });
        t.after(() => load.remove());
        const { bytes, count } = anyLines();
        writeFileSync(join(load.folder, 'any.log'), bytes);

        const daemon = startDaemon(load, t, node);
        await load.untilStored(1, count, MINUTE, () => said(daemon));
        assert.equal(await daemon.stop(), 0, said(daemon));

        const whole = ['--partition', '0', '--offset', 'earliest', '--max-messages', `${count}`];
        const read = await kafka.toolBytes('org.apache.kafka.tools.consumer.ConsoleConsumer', [
          ...['--bootstrap-server', kafka.bootstrap, '--topic', topic, '--timeout-ms', '30000'],
          ...whole,
        ]);
        // Not deepEqual: its report of a difference in megabytes takes minutes.
        assert.ok(read.equals(bytes), 'the Java console consumer read other bytes');
        assert.ok((await kcatBytes(kafka.bootstrap, topic)).equals(bytes), 'kcat read other bytes');
      });
    }
  }
});
