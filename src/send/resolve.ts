/** Addresses of a host name, as `client.dns.lookup` has it. Nothing is kept: each connection asks anew. Source: KIP-235, KIP-602. */
import { lookup, lookupService } from 'node:dns/promises';

export type Resolve = (host: string) => Promise<readonly string[]>;

/** What is asked of the system; for tests. */
export interface NameService {
  readonly addressesOf: Resolve;
  /** The canonical name of an address; fails when it has none. */
  readonly nameOf: (address: string) => Promise<string>;
}

const system: NameService = {
  addressesOf: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  // As getnameinfo does it: /etc/hosts counts, and no port is looked up.
  nameOf: async (address) => (await lookupService(address, 0)).hostname,
};

/** All addresses, in the order of the system. */
export function allAddresses(host: string): Promise<readonly string[]> {
  return system.addressesOf(host);
}

/** All addresses of the canonical names of its addresses: one alias stands for many brokers. An address without a name stands for itself. */
export async function canonicalAddresses(
  host: string,
  names: NameService = system,
): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const address of await names.addressesOf(host)) {
    for (const one of await behindName(address, names)) found.add(one);
  }
  return [...found];
}

async function behindName(address: string, names: NameService): Promise<readonly string[]> {
  try {
    return await names.addressesOf(await names.nameOf(address));
  } catch {
    return [address];
  }
}
