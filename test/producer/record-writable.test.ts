import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { delayAnswer, always } from '../../src/broker/faults.ts';
import { Producer } from '../../src/producer.ts';
import { RecordTooLargeError } from '../../src/producer/errors.ts';
import { recordWritable } from '../../src/producer/record-writable.ts';
import { embeddedCluster, values } from '../support/embedded-cluster.ts';

test('a pipeline ends when Kafka has every record, in order, and the producer stays open', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1, other: 1 } });
  const producer = new Producer<string, string>({ 'bootstrap.servers': cluster.bootstrap });
  t.after(() => producer.close(0));
  cluster.control('Produce', always(delayAnswer(100)));
  const given = Array.from({ length: 500 }, (_, index) => ({ value: `line ${index}` }));
  const records = [...given, { topic: 'other', value: 'elsewhere' }];
  await pipeline(Readable.from(records), producer.writable({ topic: 'logs' }));
  assert.equal(producer.metrics().recordsAcked, 501, 'acknowledged, not only sent');
  assert.deepEqual(
    values(cluster, 'logs', 0),
    given.map(({ value }) => value),
  );
  assert.deepEqual(values(cluster, 'other', 0), ['elsewhere']);
  await producer.send({ topic: 'logs', value: 'later' });
});

test('the first record that fails destroys the stream with its error, and the source with it', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  const producer = new Producer<string, string>({ 'bootstrap.servers': cluster.bootstrap });
  t.after(() => producer.close(0));
  const tooLarge = { topic: 'logs', value: 'x'.repeat(2 << 20) };
  const source = Readable.from([{ topic: 'logs', value: 'fine' }, tooLarge, tooLarge]);
  await assert.rejects(pipeline(source, producer.writable()), RecordTooLargeError);
  assert.ok(source.destroyed);
});

test('while memory is full it takes no more, and a failure that comes with the last record is not lost', async () => {
  let room = (): void => undefined;
  const sent: string[] = [];
  let fail = (): void => undefined;
  const stream = recordWritable<string, string>(
    {
      send: ({ value }, callback) => {
        sent.push(value ?? '');
        fail = () => {
          callback(new RecordTooLargeError('too late'), null);
        };
      },
      drain: () => new Promise((resolve) => (room = resolve)),
      flush: () => {
        fail();
        return Promise.resolve();
      },
    },
    { topic: 'logs', highWaterMark: 2 },
  );
  const taken = ['a', 'b', 'c'].map((value) => stream.write({ value }));
  assert.deepEqual(sent, ['a']);
  assert.deepEqual(taken, [true, false, false], 'whoever writes is told to wait');
  for (const value of ['b', 'c']) {
    room();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sent.at(-1), value);
  }
  room();
  stream.end();
  await assert.rejects(finished(stream), RecordTooLargeError);
});
