/** client.dns.lookup: KIP-235, KIP-602. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allAddresses, canonicalAddresses, type NameService } from '../../../src/send/resolve.ts';

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

test('the names of the system are asked for addresses, and addresses for names', async () => {
  assert.deepEqual(await allAddresses('127.0.0.1'), ['127.0.0.1']);
  const found = await canonicalAddresses('127.0.0.1');
  assert.ok(found.length > 0);
});
