import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaError } from '../../src/producer/errors.ts';
import {
  ProducerInterceptors,
  type InterceptorFault,
  type ProducerInterceptor,
} from '../../src/producer/interceptors.ts';
import { RecordDelivery } from '../../src/producer/record-delivery.ts';
import { failedMetadata, type ProducerRecord } from '../../src/producer/record.ts';

type Interceptor = ProducerInterceptor<string, string>;

function chain(...list: Interceptor[]) {
  const faults: InterceptorFault[] = [];
  return { faults, interceptors: new ProducerInterceptors(list, (fault) => faults.push(fault)) };
}

const appends = (text: string): Interceptor => ({
  onSend: (record) => ({ ...record, value: `${record.value ?? ''}${text}` }),
});
const throws = (error: Error, name?: string): Interceptor => ({
  ...(name === undefined ? {} : { name }),
  onSend: () => {
    throw error;
  },
  onAcknowledgement: () => {
    throw error;
  },
  close: () => Promise.reject(error),
});
const record: ProducerRecord<string, string> = { topic: 'orders', partition: 1, value: '-' };

test('each interceptor gets what the one before it gave, and the last one decides', () => {
  const { interceptors, faults } = chain(appends('a'), {}, appends('b'));
  assert.equal(interceptors.onSend(record).value, '-ab');
  assert.equal(record.value, '-');
  assert.deepEqual(faults, []);
});

test('an interceptor that throws is reported and passed over: the record goes on as it was before it', () => {
  const error = new Error('broken');
  const { interceptors, faults } = chain(appends('a'), throws(error, 'audit'), appends('b'));
  assert.equal(interceptors.onSend(record).value, '-ab');
  assert.deepEqual(faults, [{ interceptor: 'audit', method: 'onSend', topic: 'orders', error }]);
});

test('an interceptor that forgets its return, or is async, does not make the record vanish', () => {
  const { interceptors, faults } = chain(
    { onSend: () => undefined as unknown as typeof record },
    { onSend: (one) => Promise.resolve(one) as unknown as typeof record },
    appends('b'),
  );
  assert.equal(interceptors.onSend(record).value, '-b');
  assert.deepEqual(
    faults.map(({ interceptor, error }) => [interceptor, String(error)]),
    [
      ['interceptor 1', 'TypeError: onSend gave undefined instead of a record'],
      ['interceptor 2', 'TypeError: onSend gave an object of Promise instead of a record'],
    ],
  );
});

test('all learn of the acknowledgement, in the order of the list, whatever one of them throws', () => {
  const heard: unknown[] = [];
  const hears = (who: string): Interceptor => ({
    onAcknowledgement: (metadata, error, headers) => heard.push([who, metadata, error, headers]),
  });
  const broken = new Error('broken');
  const { interceptors, faults } = chain(hears('first'), throws(broken), {}, hears('last'));
  const metadata = { ...failedMetadata('orders', 1), offset: 5n };
  interceptors.onAcknowledgement(metadata, null, [['h', '1']]);
  assert.deepEqual(heard, [
    ['first', metadata, null, [['h', '1']]],
    ['last', metadata, null, [['h', '1']]],
  ]);
  assert.deepEqual(faults, [
    {
      ...{ interceptor: 'interceptor 2', method: 'onAcknowledgement', topic: 'orders' },
      error: broken,
    },
  ]);
});

test('an async interceptor that rejects is reported, and ends nothing', async () => {
  const error = new Error('broken');
  const { interceptors, faults } = chain(
    { name: 'first', onAcknowledgement: async () => Promise.reject(error) },
    { name: 'second', onSend: () => Promise.reject(error) as unknown as typeof record },
  );
  interceptors.onAcknowledgement(failedMetadata('orders'), null, []);
  assert.equal(interceptors.onSend(record), record);
  await new Promise((resolve) => setImmediate(resolve));
  const seen = faults.filter((fault) => fault.error === error);
  assert.deepEqual(seen.map(({ interceptor, method }) => [interceptor, method]).sort(), [
    ['first', 'onAcknowledgement'],
    ['second', 'onSend'],
  ]);
});

test('a send that fails is acknowledged with its error, and with the partition only when the record named one', () => {
  const heard: unknown[] = [];
  const { interceptors } = chain({
    onAcknowledgement: ({ topic, partition, offset }, error) =>
      heard.push([topic, partition, offset, error?.message]),
  });
  const error = new KafkaError('full');
  const failed = interceptors.onAcknowledgement.bind(interceptors);
  const wrong = (): never => assert.fail('it failed');
  const watch = { wantsMetadata: true, acked: wrong, counted: wrong, failed };
  new RecordDelivery('orders', [], 0, watch, null).fail(error, 3);
  new RecordDelivery('orders', [], 0, watch, null).fail(error);
  assert.deepEqual(heard, [
    ['orders', 3, -1n, 'full'],
    ['orders', -1, -1n, 'full'],
  ]);
});

test('close closes all of them, waits for those that take time, and reports those that fail', async () => {
  const closed: string[] = [];
  const slow: Interceptor = {
    close: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      closed.push('slow');
    },
  };
  const error = new Error('broken');
  const { interceptors, faults } = chain(slow, throws(error, 'bad'), {
    close: () => {
      closed.push('quick');
    },
  });
  await interceptors.close();
  assert.deepEqual(closed, ['slow', 'quick']);
  assert.deepEqual(faults, [{ interceptor: 'bad', method: 'close', topic: undefined, error }]);
});

test('an interceptor that is an object of a class keeps its this', () => {
  class Counting implements Interceptor {
    seen = 0;
    onSend(one: ProducerRecord<string, string>): ProducerRecord<string, string> {
      this.seen += 1;
      return one;
    }
  }
  const counting = new Counting();
  const { interceptors } = chain(counting);
  assert.equal(interceptors.isEmpty, false);
  assert.equal(interceptors.onSend(record), record);
  assert.equal(counting.seen, 1);
  assert.equal(chain().interceptors.isEmpty, true);
});
