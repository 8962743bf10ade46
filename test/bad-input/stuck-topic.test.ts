import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { test } from 'node:test';
import { count, embeddedCluster } from '../support/embedded-cluster.ts';
import { numberedLines } from '../support/numbered-lines.ts';
import { until } from '../support/until.ts';
import { Scene } from './scene.ts';

interface Load {
  readonly shape: string;
  readonly codec: string;
  readonly lines: number;
  readonly of: (name: string) => Buffer;
}

/** Each is more than fits into the memory of the daemon. */
const loads: readonly Load[] = [
  { shape: 'lines of 227 bytes', codec: 'none', lines: 200_000, of: longLines },
  // As records they take eight times as much.
  {
    shape: 'lines of one byte',
    codec: 'none',
    lines: 4_000_000,
    of: () => Buffer.alloc(8_000_000, 'x\n'),
  },
  { shape: 'lines that shrink', codec: 'lz4', lines: 200_000, of: longLines },
  {
    shape: 'lines that do not shrink',
    codec: 'zstd',
    lines: 200_000,
    of: () => randomLines(200_000, 227),
  },
  // Almost as long as a batch may be: room for one has to be there in one piece.
  { shape: 'long lines', codec: 'none', lines: 45, of: () => randomLines(45, 900_000) },
];

function longLines(name: string): Buffer {
  return numberedLines(name, 0, 200_000, 227);
}

function randomLines(count: number, bytes: number): Buffer {
  const text = randomBytes((count * bytes * 3) / 4).toString('base64');
  return Buffer.from(text.replace(new RegExp(`(.{${bytes}})`, 'g'), '$1\n'));
}

for (const { shape, codec, lines, of } of loads) {
  test(`a topic that does not exist keeps its own lines waiting, and nobody else: ${codec}, ${shape}`, async (t) => {
    const cluster = await embeddedCluster(t, { topics: { good: 2 }, autoCreate: false });
    const scene = new Scene(t);
    const topics = ['absent', 'good'];
    const daemon = scene.run({
      bootstrap: cluster.bootstrap,
      kafka: { 'compression.type': codec },
      inputs: topics.map((topic) => ({
        tail: { paths: [scene.write(`${topic}.log`, of(topic))], topic, from: 'beginning' },
      })),
    });

    await until(() => count(cluster, 'good') === lines, 60_000);
    await daemon.says(/topic absent does not exist/);

    cluster.createTopic('absent', { partitions: 2 });
    await until(() => count(cluster, 'absent') === lines, 60_000);
    assert.equal(await daemon.stop(), 0, daemon.output);
  });
}

for (const via of ['tail', 'socket']) {
  test(`twelve topics that do not exist stop nobody else: each with a ${via}`, async (t) => {
    const cluster = await embeddedCluster(t, { topics: { good: 2 }, autoCreate: false });
    const scene = new Scene(t);
    const absent = Array.from({ length: 12 }, (_, index) => `absent-${index}`);
    const topics = [...absent, 'good'];
    const text = randomLines(50_000, 227);
    const inputs = topics.map((topic) =>
      via === 'tail'
        ? { tail: { paths: [scene.write(`${topic}.log`, text)], topic, from: 'beginning' } }
        : { socket: { path: scene.path(`${topic}.sock`), topic } },
    );
    const daemon = scene.run({
      bootstrap: cluster.bootstrap,
      kafka: { 'compression.type': 'lz4' },
      inputs,
    });
    await daemon.says(/all inputs are being read/);
    if (via === 'socket') {
      for (const topic of topics) {
        const socket = connect(scene.path(`${topic}.sock`));
        t.after(() => socket.destroy());
        socket.end(text);
      }
    }

    await until(() => count(cluster, 'good') === 50_000, 60_000);
    for (const topic of absent) cluster.createTopic(topic, { partitions: 2 });
    await until(() => absent.every((topic) => count(cluster, topic) === 50_000), 60_000);
    assert.equal(await daemon.stop(), 0, daemon.output);
  });
}
