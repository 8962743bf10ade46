/** An encoder that throws is a bug; and yet every record has its end, and so has every call. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChunkEncoder } from '../../src/encode/encode-chunk.ts';
import { Bug } from '../../src/shared/assert.ts';
import { embeddedCluster, values } from '../support/embedded-cluster.ts';
import { failure, newProducer } from './scene.ts';

for (const codec of ['lz4', 'zstd']) {
  test(`${codec}: what is with the encoder or waits for it fails, what is with the sender is delivered, and flush and close end`, async (t) => {
    const cluster = await embeddedCluster(t, { topics: { logs: 2 } });
    const producer = newProducer(t, cluster, {
      'compression.type': codec,
      'linger.ms': 60_000,
      'delivery.timeout.ms': 120_000,
    });
    const fatal: string[] = [];
    producer.on('fatal', ({ message }) => fatal.push(message));
    await producer.partitionsFor('logs');
    const good = producer.send({ topic: 'logs', partition: 0, value: 'good' });
    await producer.flush();
    assert.equal((await good).offset, 0n);

    t.mock.method(ChunkEncoder.prototype, 'encode', () => {
      throw new Bug('two is three');
    });
    const lost = [0, 1].map((partition) =>
      failure(producer.send({ topic: 'logs', partition, value: 'lost' })),
    );
    await producer.flush();
    const ends = (await Promise.all(lost)).map(({ fate, message }) => [fate, message]);
    assert.deepEqual(ends, [
      ['notSent', 'logs-0: two is three'],
      ['notSent', 'logs-1: two is three'],
    ]);
    assert.deepEqual(fatal, ['two is three']);
    assert.match(
      (await failure(producer.send({ topic: 'logs', value: 'late' }))).message,
      /two is three/,
    );
    assert.equal(producer.metrics().recordsWaiting, 0);
    await producer.close(3000);
    assert.deepEqual([...values(cluster, 'logs', 0), ...values(cluster, 'logs', 1)], ['good']);
  });
}

test('a record that an encoder fails for while room is made for it fails too', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const settings = {
    'compression.type': 'lz4',
    'linger.ms': 60_000,
    'delivery.timeout.ms': 120_000,
  };
  const producer = newProducer(t, cluster, { ...settings, 'batch.size': 16_384 });
  await producer.partitionsFor('logs');
  t.mock.method(ChunkEncoder.prototype, 'encode', () => {
    throw new Bug('two is three');
  });
  const value = Buffer.alloc(9000);
  const ends = [
    failure(producer.send({ topic: 'logs', value })),
    failure(producer.send({ topic: 'logs', value })),
  ];
  for (const { fate } of await Promise.all(ends)) assert.equal(fate, 'notSent');
  await producer.close(3000);
});
