import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embeddedCluster, values } from '../../support/embedded-cluster.ts';
import { unusedPort } from './scripted-broker.ts';
import { endpointsOf, numbered, sending, until } from './sending.ts';

test('who is told of an acknowledgement may append the next batch from there', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  let next = 10;
  const { append, outcomes } = sending(t, endpointsOf(cluster), {}, () => {
    if (next < 50) append('logs', numbered(next, 10), { partition: 0 });
    next += 10;
  });
  append('logs', numbered(0, 10), { partition: 0 });
  await until(() => outcomes.length === 5, 'one after the other');
  assert.deepEqual(values(cluster, 'logs', 0), numbered(0, 50));
});

test('who is told that a batch expired may append it again from there', async (t) => {
  const nowhere = [{ host: '127.0.0.1', port: await unusedPort() }];
  let left = 2;
  const again = () => {
    if (left-- > 0) append('logs', numbered(0, 10), { partition: 0 });
  };
  const { append, outcomes } = sending(t, nowhere, { deliveryTimeoutMs: 150 }, again);
  append('logs', numbered(0, 10), { partition: 0 });
  await until(() => outcomes.length === 3, 'three of them');
  assert.deepEqual(
    outcomes.map(({ outcome }) => [outcome.type, outcome.written]),
    Array.from({ length: 3 }, () => ['expired', 'no']),
  );
});
