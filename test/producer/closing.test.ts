import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import { always, hang } from '../../src/broker/faults.ts';
import { IllegalStateError, Producer, TimeoutError } from '../../src/index.ts';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { logLines } from '../support/log-lines.ts';
import { failure, newProducer } from './scene.ts';

async function oneTopic(t: TestContext): Promise<EmbeddedCluster> {
  return await embeddedCluster(t, { topics: { logs: 1 } });
}

test('close sends what is there, and takes nothing more', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster, { 'linger.ms': 60_000, 'delivery.timeout.ms': 120_000 });
  const sent = producer.send({ topic: 'logs', value: 'last' });
  await producer.close();
  assert.equal((await sent).offset, 0n);
  await assert.rejects(producer.send({ topic: 'logs', value: 'late' }), IllegalStateError);
});

test('a broker that is not there: records fail at max.block.ms, close does not hang', async (t) => {
  const cluster = await oneTopic(t);
  const { bootstrap } = cluster;
  await cluster.close();
  const producer = new Producer({ 'bootstrap.servers': bootstrap, 'max.block.ms': 200 });
  const codes: string[] = [];
  producer.on('notice', ({ code }) => codes.push(code));
  await assert.rejects(producer.send({ topic: 'logs', value: '' }), TimeoutError);
  await producer.close(100);
  assert.ok(codes.includes('brokersUnreachable'));
});

test('a time to close that is none is refused, and a very long one is not short', async (t) => {
  const producer = newProducer(t, await oneTopic(t));
  for (const wrong of [-1, NaN, '5', null, 10n]) {
    await assert.rejects(producer.close(wrong as unknown as number), {
      name: 'IllegalArgumentError',
    });
  }
  const sent = producer.send({ topic: 'logs', value: 'x' });
  await producer.close(2 ** 31);
  assert.ok((await sent).offset >= 0n);
});

test('a second close may shorten the first, and cannot lengthen it', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster);
  await producer.send({ topic: 'logs', value: 'before' });
  cluster.control('Produce', always(hang));
  const stuck = failure(producer.send({ topic: 'logs', value: 'unsure' }));
  const first = producer.close();
  await sleep(100);
  const beganMs = performance.now();
  const second = producer.close(50);
  void producer.close(60_000);
  await Promise.all([first, second]);
  assert.ok(performance.now() - beganMs < 5000, 'not delivery.timeout.ms');
  assert.equal((await stuck).fate, 'possiblyWritten');
});

test('an interceptor that never closes holds a close up no longer than it may take', async (t) => {
  const never = new Promise<void>(() => undefined);
  const producer = newProducer(t, await oneTopic(t), {
    'interceptor.classes': [{ close: () => never }],
  });
  const sent = producer.send({ topic: 'logs', value: 'x' });
  let isClosed = false;
  producer.on('closed', () => (isClosed = true));
  const closing = producer.close();
  assert.equal((await sent).offset, 0n);
  await sleep(50);
  assert.equal(isClosed, false, 'it is waited for');
  await producer.close(50);
  await closing;
  assert.ok(isClosed);
});

test('who asks for partitions is no record: neither drain nor flush waits for the answer, and a close ends it', async (t) => {
  const cluster = await embeddedCluster(t, { topics: {}, autoCreate: false });
  const producer = newProducer(t, cluster);
  const asked = failure(producer.partitionsFor('nowhere'));
  await sleep(50);
  assert.equal(producer.metrics().recordsWaiting, 0);
  await producer.drain();
  await producer.flush();
  await producer.close(100);
  const { message, fate, topic } = await asked;
  assert.equal(message, 'nowhere: the producer was closed before its partitions were known');
  assert.deepEqual([fate, topic], [undefined, 'nowhere']);
  const late = await failure(producer.partitionsFor('logs'));
  assert.ok(late instanceof IllegalStateError && late.fate === undefined, late.message);
});

test('the time of a close counts while nothing else keeps the process, and is over with it', () => {
  const program = `
    import { Producer } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)};
    const producer = new Producer({
      'bootstrap.servers': '127.0.0.1:1',
      'interceptor.classes': [{ close: () => new Promise(() => undefined) }],
    });
    await producer.close(200);
    const quick = new Producer({ 'bootstrap.servers': '127.0.0.1:1' });
    await quick.close(60_000);
    console.log('closed');
  `;
  const args = ['--input-type=module', '-e', program];
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.deepEqual([stdout, status], ['closed\n', 0]);
});

test('a close gives up what is still being encoded, too', async (t) => {
  const cluster = await oneTopic(t);
  const producer = newProducer(t, cluster, {
    ...{ 'compression.type': 'zstd', 'compression.zstd.level': 22, 'batch.size': 1_000_000 },
  });
  await producer.partitionsFor('logs');
  const value = logLines({ bytes: 20_000, lineBytes: 200, seed: 1 });
  let ends = 0;
  let acked = 0;
  for (let n = 0; n < 1200; n += 1) {
    producer.send({ topic: 'logs', value }, (error) => {
      ends += 1;
      if (error === null) acked += 1;
    });
  }
  await producer.close(0);
  assert.equal(ends, 1200);
  assert.ok(acked < 1200, 'not all of it was encoded first');
});

test('a serializer that never answers holds a close up no longer than it may take', async (t) => {
  const producer = newProducer<string, string>(t, await oneTopic(t), {
    'value.serializer': (value) => (value === 'never' ? new Promise(() => undefined) : value),
  });
  const ends: string[] = [];
  for (const value of ['first', 'never', 'behind']) {
    producer.send({ topic: 'logs', value }, (error) => ends.push(error?.fate ?? value));
  }
  const beganMs = performance.now();
  await producer.close(200);
  assert.ok(performance.now() - beganMs < 5000, 'not max.block.ms');
  assert.deepEqual(ends, ['first', 'notSent', 'notSent']);
});

test('closed before it could begin, initTransactions says so at once', async (t) => {
  const cluster = await oneTopic(t);
  cluster.control('FindCoordinator', always(hang));
  for (const timeoutMs of [0, undefined]) {
    const producer = newProducer(t, cluster, { 'transactional.id': 'shop' });
    const call = failure(producer.initTransactions());
    await sleep(30);
    const began = performance.now();
    await producer.close(timeoutMs);
    const { message, next } = await call;
    assert.equal(next, 'close');
    assert.match(message, /^the producer was closed/);
    assert.ok(performance.now() - began < 5000, 'long before max.block.ms');
  }
});
