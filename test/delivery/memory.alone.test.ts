import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test, type TestContext } from 'node:test';
import { Daemon } from '../support/daemon.ts';
import { freePorts } from '../support/kafka-cluster.ts';
import { numberedLines } from '../support/numbered-lines.ts';
import { node24 } from '../support/project.ts';
import { LINE_BYTES, Shipment, isFull } from '../support/shipment.ts';

const MEGABYTE = 2 ** 20;
const TOTAL_BYTES = isFull ? 10e9 : 1e9;
/** Until then heaps and pools may grow to their size. */
const WARM_UP_BYTES = isFull ? 2e9 : 0.4e9;
/** DESIGN.md 10: beyond `buffer.memory`, with two workers. */
const BEYOND_BUFFER_MB = { none: 150, lz4: 150, snappy: 150, zstd: 200, gzip: 200 };
const BUFFER_MEMORY = 32 * MEGABYTE;
/** Collectors breathe: what is left of a slope when nothing is kept. */
const GROWTH_MB_MAX = 16;

describe('memory over a broker that keeps nothing', { timeout: 3_600_000 }, () => {
  for (const [codec, beyondMb] of Object.entries(BEYOND_BUFFER_MB)) {
    test(`${codec}: stays flat, and below buffer.memory + ${beyondMb} MB`, async (t) => {
      const bootstrap = await nullSink(t);
      const kafka = { 'buffer.memory': BUFFER_MEMORY };
      const load = new Shipment({ bootstrap, topic: 'nothing', codec, kafka });
      t.after(() => load.remove());
      const daemon = new Daemon(['run', '-c', load.config], { node: node24 });
      t.after(() => daemon.signal('SIGKILL'));
      await daemon.says(/all inputs are being read/);

      const begun = performance.now();
      const samples = await sendAll(load, daemon);
      const seconds = (performance.now() - begun) / 1000;
      const peakMb = daemon.memory().peak / MEGABYTE;
      assert.equal(await daemon.stop('SIGINT'), 0, daemon.output);

      const growthMb = growth(samples) / MEGABYTE;
      const speed = `${(TOTAL_BYTES / 1e6 / seconds).toFixed(0)} MB/s`;
      t.diagnostic(
        `${codec}: ${speed}, peak ${peakMb.toFixed(0)} MB, growth ${growthMb.toFixed(1)} MB`,
      );
      assert.ok(growthMb < GROWTH_MB_MAX, `it grew by ${growthMb} MB after the warm-up`);
      assert.ok(peakMb < BUFFER_MEMORY / MEGABYTE + beyondMb, `its peak was ${peakMb} MB`);
    });
  }
});

interface Sample {
  readonly sent: number;
  readonly resident: number;
}

async function sendAll(load: Shipment, daemon: Daemon): Promise<Sample[]> {
  const connection = await load.connection();
  const bytes = numberedLines('memory', 0, 8000, LINE_BYTES);
  const samples: Sample[] = [];
  for (let sent = 0; sent < TOTAL_BYTES; sent += bytes.length) {
    if (!connection.write(bytes)) await once(connection, 'drain');
    samples.push({ sent, resident: daemon.memory().now });
  }
  connection.end();
  await once(connection, 'close');
  return samples;
}

/** Of the resident memory over all that was sent after the warm-up, by the line of least squares. */
function growth(samples: readonly Sample[]): number {
  const warm = samples.filter(({ sent }) => sent >= WARM_UP_BYTES);
  const mean = (of: (sample: Sample) => number): number =>
    warm.reduce((sum, sample) => sum + of(sample), 0) / warm.length;
  const [sentMean, residentMean] = [mean(({ sent }) => sent), mean(({ resident }) => resident)];
  const covariance = mean(({ sent, resident }) => (sent - sentMean) * (resident - residentMean));
  const variance = mean(({ sent }) => (sent - sentMean) ** 2);
  return (covariance / variance) * (TOTAL_BYTES - WARM_UP_BYTES);
}

/** `millrace broker` in a process of its own, with topics that forget their records. */
async function nullSink(t: TestContext): Promise<string> {
  const [port = 0] = await freePorts(1);
  const sink = new Daemon(['broker', '--discard', '--port', `${port}`, '--topic', 'nothing:6'], {
    node: node24,
  });
  t.after(() => sink.signal('SIGKILL'));
  await sink.says(/embedded broker at/);
  return `127.0.0.1:${port}`;
}
