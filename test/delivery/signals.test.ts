import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { Daemon } from '../support/daemon.ts';
import { count, embeddedCluster } from '../support/embedded-cluster.ts';
import { freePorts } from '../support/kafka-cluster.ts';
import { numberedLines } from '../support/numbered-lines.ts';
import { node24 } from '../support/project.ts';
import { LINE_BYTES, Shipment } from '../support/shipment.ts';
import { until } from '../support/until.ts';

const NODES = [
  ['Node 20', process.execPath],
  ['Node 24', node24],
] as const;
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

describe('a signal ends the daemon in good order', { concurrency: 2 }, () => {
  for (const [name, node] of NODES) {
    for (const codec of CODECS) {
      for (const signal of SIGNALS) {
        test(`${signal} in the middle of a stream, ${codec}, ${name}`, async (t) => {
          const cluster = await discardingCluster(t);
          const load = shipment(t, cluster.bootstrap, codec);
          const daemon = start(t, load, node);
          await daemon.says(/all inputs are being read/);
          const stream = endlessly(load);
          await until(() => count(cluster, 'logs') > 20_000);
          assert.equal(await daemon.stop(signal), 0, daemon.output);
          await stream;
          const [, acked] = await daemon.says(/"recordsAcked":(\d+)/);
          assert.equal(Number(acked), count(cluster, 'logs'), 'all that it counted is there');
        });
      }
    }

    test(`with nothing to do, ${name}`, async (t) => {
      const cluster = await discardingCluster(t);
      const daemon = start(t, shipment(t, cluster.bootstrap, 'lz4'), node);
      await daemon.says(/all inputs are being read/);
      assert.equal(await daemon.stop('SIGINT'), 0, daemon.output);
    });

    test(`a second one ends it at once when no broker is there, ${name}`, async (t) => {
      const [port = 0] = await freePorts(1);
      const load = shipment(t, `127.0.0.1:${port}`, 'lz4');
      await load.write('file-a', load.file('file-a'), 1000);
      const daemon = start(t, load, node);
      await daemon.says(/all inputs are being read/);
      daemon.signal('SIGTERM');
      await sleep(500);
      assert.equal(daemon.child.exitCode, null, 'it waits for the broker');
      assert.equal(await daemon.stop('SIGTERM'), 143, daemon.output);
    });
  }
});

function discardingCluster(t: TestContext): Promise<EmbeddedCluster> {
  return embeddedCluster(t, { topics: { logs: 3 }, discard: true });
}

function shipment(t: TestContext, bootstrap: string, codec: string): Shipment {
  const load = new Shipment({ bootstrap, topic: 'logs', codec });
  t.after(() => load.remove());
  return load;
}

function start(t: TestContext, load: Shipment, node: string): Daemon {
  const env = { MILLRACE_ARENA: 'check' };
  const daemon = new Daemon(['run', '-c', load.config], { node, env });
  t.after(() => daemon.signal('SIGKILL'));
  return daemon;
}

/** Writes into the socket as fast as it is read, until the daemon closes it. */
async function endlessly(load: Shipment): Promise<void> {
  const connection = await load.connection();
  const bytes = numberedLines('endless', 0, 2000, LINE_BYTES);
  const closed = new Promise((resolve) => connection.on('close', resolve));
  connection.on('drain', () => write());
  connection.on('error', () => {
    // The daemon closes while we write: EPIPE or ECONNRESET, and then 'close'.
  });
  const write = (): void => {
    while (connection.write(bytes));
  };
  write();
  await closed;
}
