/** Which programs TypeScript takes, and which it refuses. */
import { test } from 'node:test';
import { assertTypesCheck } from '../support/type-check.ts';

/** Each line after an `@ts-expect-error` must be refused: tsc says so where it is not. */
const program = `
import { Producer, serializers, type ProducerConfig, type RecordMetadata } from 'millrace';

interface Order { readonly id: bigint; readonly sum: number }

const servers = { 'bootstrap.servers': 'localhost:9092' };

const plain = new Producer(servers);
const { offset }: RecordMetadata = await plain.send({ topic: 't', key: 'a', value: Buffer.of(1), partition: null, headers: null, timestamp: null });
offset satisfies bigint;
const parent = process.env['PARENT'];
await plain.send({ topic: 't', headers: { parent, list: ['a', parent, null] } });
await plain.send({ topic: 't', headers: [['parent', parent]] });
await plain.send({ topic: 't', headers: new Map([['parent', parent]]) });
const asInKafkajs: { [name: string]: Buffer | string | (Buffer | string)[] | undefined } = { parent };
await plain.send({ topic: 't', headers: asInKafkajs });
// @ts-expect-error a header is no number
await plain.send({ topic: 't', headers: { retries: 5 } });
// @ts-expect-error no serializer takes a number
await plain.send({ topic: 't', value: 5 });

const typed = new Producer({ ...servers, 'key.serializer': serializers.int64, 'value.serializer': (order: Order) => String(order.id) });
await typed.send({ topic: 't', key: 5n, value: { id: 1n, sum: 2 } });
// @ts-expect-error the key is a bigint
await typed.send({ topic: 't', key: 'five', value: { id: 1n, sum: 2 } });
// @ts-expect-error an order has an id
await typed.send({ topic: 't', key: 5n, value: { sum: 2 } });

class Orders extends Producer<string, Order> {}
await new Orders({ ...servers, 'value.serializer': (order) => String(order.id) }).send({ topic: 't', value: { id: 1n, sum: 2 } });

// @ts-expect-error brokers have to be named
new Producer({ 'client.id': 'me' });
// @ts-expect-error a serializer is a function
new Producer({ ...servers, 'key.serializer': 'string' });
// @ts-expect-error there is no such key
const misspelled: ProducerConfig<string, string> = { ...servers, 'linger.m': 5 };
`;

test('types of key and value follow from the serializers, brokers are asked for, and every declaration checks', (t) => {
  assertTypesCheck(t, { 'program.ts': program });
});
