/** client.dns.lookup: KIP-235, KIP-602. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeChannels } from '../../../src/send/node-channels.ts';
import { allAddresses, canonicalAddresses, type NameService } from '../../../src/send/resolve.ts';
import { until } from './sending.ts';

/** An alias for two brokers, one of which has two addresses, and an address without a name. */
const names: NameService = {
  addressesOf(host) {
    const known: Readonly<Record<string, string[]>> = {
      'kafka.test': ['10.0.0.1', '10.0.0.2', '10.0.0.9'],
      'b1.test': ['10.0.0.1', '10.0.1.1'],
      'b2.test': ['10.0.0.2'],
    };
    const found = known[host];
    return found === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(found);
  },
  nameOf(address) {
    const known: Readonly<Record<string, string>> = {
      '10.0.0.1': 'b1.test',
      '10.0.0.2': 'b2.test',
    };
    const found = known[address];
    return found === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(found);
  },
};

test('an alias stands for the addresses of the canonical names behind it, each once', async () => {
  assert.deepEqual(await canonicalAddresses('kafka.test', names), [
    ...['10.0.0.1', '10.0.1.1'],
    ...['10.0.0.2', '10.0.0.9'],
  ]);
});

test('an alias without an address is told as such', async () => {
  await assert.rejects(canonicalAddresses('nowhere.test', names), /ENOTFOUND/);
});

test('only bootstrap servers are resolved by their own rule', async () => {
  const asked: string[] = [];
  const failed: number[] = [];
  const asks = (rule: string) => (host: string) => {
    asked.push(`${rule} ${host}`);
    return Promise.reject(new Error('ENOTFOUND'));
  };
  const channels = new NodeChannels({
    software: { clientId: 'test', version: '0.1.0' },
    needs: [],
    setupTimeoutMs: 1000,
    setupTimeoutMaxMs: 1000,
    random: () => 0.5,
    resolve: asks('all'),
    resolveBootstrap: asks('canonical'),
    emit: (event) => {
      if (event.type === 'connectFailed') failed.push(event.node);
    },
  });
  const way = { type: 'connect', port: 9092, attempt: 0 } as const;
  channels.connect({ ...way, node: -1, connection: 1, host: 'kafka.test' });
  channels.connect({ ...way, node: 3, connection: 2, host: 'b3.test' });
  await until(() => failed.length === 2, 'both failures');
  assert.deepEqual(asked, ['canonical kafka.test', 'all b3.test']);
});

test('the names of the system are asked for addresses, and addresses for names', async () => {
  assert.deepEqual(await allAddresses('127.0.0.1'), ['127.0.0.1']);
  const found = await canonicalAddresses('127.0.0.1');
  assert.ok(found.length > 0);
});
