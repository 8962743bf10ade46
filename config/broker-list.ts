import { quoted, type Parsed, type ValueType } from './value-types.ts';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 9092;
const example =
  'write host:port, several with commas between them, such as kafka1:9092,kafka2:9092';

/** `host:port,host:port`; the port may be missing, IPv6 stands in brackets, a listener name `PLAINTEXT://` may stand in front. */
export const brokerList: ValueType<readonly BrokerAddress[]> = {
  says: 'host:port, several with commas between them or as a list',
  jsonSchema: {
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } },
    ],
  },
  parse(value) {
    const parts = value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    if (parts.length === 0) return { problem: 'names no broker', fix: example };
    const addresses: BrokerAddress[] = [];
    const problems: string[] = [];
    const fixes = new Set<string>();
    for (const part of parts) {
      const parsed = parseAddress(part);
      if ('value' in parsed) addresses.push(parsed.value);
      else {
        problems.push(parsed.problem);
        fixes.add(parsed.fix);
      }
    }
    if (problems.length === 0) return { value: addresses };
    return { problem: problems.join('; '), fix: [...fixes].join('; ') };
  },
};

function parseAddress(part: string): Parsed<BrokerAddress> {
  const [, listener, rest = ''] = /^(?:([A-Za-z_]+):\/\/)?(.*)$/.exec(part) ?? [];
  if (listener !== undefined && listener.toUpperCase() !== 'PLAINTEXT') {
    const problem = `${quoted(part)} asks for ${listener}, and only PLAINTEXT can be had yet`;
    return { problem, fix: 'name a plaintext listener of the brokers' };
  }
  const match = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^\s:/@[\]]+))(?::(.*))?$/.exec(rest);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) {
    const isBareIpv6 = /^[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f]*$/.test(rest);
    const fix = isBareIpv6 ? `put brackets around an IPv6 address: [${rest}]:9092` : example;
    return { problem: `${quoted(part)} is not the address of a broker`, fix };
  }
  const port = match?.[3];
  if (port === undefined) return { value: { host, port: DEFAULT_PORT } };
  if (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535) {
    return { value: { host, port: Number(port) } };
  }
  const problem = `${quoted(part)} has the port ${quoted(port)}, which is not one from 1 to 65535`;
  return { problem, fix: example };
}
