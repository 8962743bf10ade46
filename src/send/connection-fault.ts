/**
 * Why a broker cannot be reached or a connection ended: a reason for the core, and one line for people that names host:port and the fix.
 */
import type { ProtocolError } from '../shared/errors.ts';
import type { ConnectFailure } from './reports.ts';
import type { Endpoint } from './sender-config.ts';

export interface ConnectionFault {
  readonly reason: ConnectFailure;
  /** host:port and what is wrong with it. */
  readonly problem: string;
  /** What to do; '' where there is nothing to do but wait. */
  readonly fix: string;
  /** Both in one line, without a full stop. */
  readonly message: string;
}

export function connectionFault(
  reason: ConnectFailure,
  problem: string,
  fix = '',
): ConnectionFault {
  return { reason, problem, fix, message: fix === '' ? problem : `${problem}; ${fix}` };
}

/** Where the address of a broker came from, and so where a wrong one is put right. */
export type EndpointOrigin = 'bootstrap' | 'metadata';

export function hostPort(endpoint: Endpoint): string {
  const { host, port } = endpoint;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `address` is shown beside the name where they differ: a name may have several. */
export function fullName(endpoint: Endpoint, address: string | undefined): string {
  const name = hostPort(endpoint);
  return address === undefined || address === endpoint.host ? name : `${name} (${address})`;
}

function placeOf(origin: EndpointOrigin): string {
  return origin === 'bootstrap' ? 'bootstrap.servers' : "the broker's advertised.listeners";
}

const PLAINTEXT_HINT = 'use the port of a PLAINTEXT listener (often 9092)';

/** The system refused: name resolution, connect, read or write. */
export function systemFault(
  error: NodeJS.ErrnoException,
  endpoint: Endpoint,
  address: string | undefined,
  origin: EndpointOrigin,
): ConnectionFault {
  const name = fullName(endpoint, address);
  const place = placeOf(origin);
  switch (error.code ?? '') {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
    case 'EAI_FAIL':
      return connectionFault(
        'unresolved',
        `${name}: the name ${endpoint.host} does not resolve (${error.code})`,
        `correct ${place} or the DNS`,
      );
    case 'ECONNREFUSED':
      return connectionFault(
        'refused',
        `${name} refuses connections: nothing listens there`,
        `start the broker or correct ${place}`,
      );
    case 'ETIMEDOUT':
      return connectionFault(
        'timeout',
        `${name} does not answer (ETIMEDOUT)`,
        `check host, port and firewall, or correct ${place}`,
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return connectionFault(
        'other',
        `${name}: no route to the host (${error.code})`,
        `check the network or correct ${place}`,
      );
    case 'ECONNRESET':
    case 'EPIPE':
      return connectionFault('closed', `${name} reset the connection (${error.code})`);
    default:
      return connectionFault('other', `${name}: ${oneLine(error.message)}`);
  }
}

/** socket.connection.setup.timeout.ms passed. `connected` tells the network's silence from the server's. */
export function setupTimeoutFault(
  endpoint: Endpoint,
  address: string | undefined,
  timeoutMs: number,
  connected: boolean,
): ConnectionFault {
  const name = fullName(endpoint, address);
  const waited = `within ${Math.round(timeoutMs)} ms (socket.connection.setup.timeout.ms)`;
  return connected
    ? connectionFault(
        'timeout',
        `${name} accepts connections but did not answer ApiVersions ${waited}`,
        'check that it is a Kafka broker and not overloaded',
      )
    : connectionFault(
        'timeout',
        `${name} did not accept a connection ${waited}`,
        'check host, port and firewall',
      );
}

/**
 * The server ended the connection.
 *
 * @param answers responses it had sent before: a listener that wants TLS or SASL gives itself away by how far it lets us come
 */
export function closedFault(
  endpoint: Endpoint,
  address: string | undefined,
  answers: number,
  openRequests: number,
): ConnectionFault {
  const name = fullName(endpoint, address);
  if (answers === 0) {
    return connectionFault(
      'closed',
      `${name} closed the connection without an answer to ApiVersions: probably a TLS or SASL listener, or Kafka before 0.10`,
      PLAINTEXT_HINT,
    );
  }
  if (answers === 1 && openRequests > 0) {
    return connectionFault(
      'authentication',
      `${name} closed the connection at the first request after ApiVersions`,
      `if it does so every time it is a SASL listener: ${PLAINTEXT_HINT}`,
    );
  }
  return connectionFault('closed', `${name} closed the connection`);
}

const TLS_ALERT = 0x15;
const TLS_HANDSHAKE = 0x16;
const TLS_MAJOR_VERSION = 3;
const SHOWN_BYTES_MAX = 16;

/** Bytes that are enough to tell Kafka from something else. */
export const FIRST_BYTES = 4;

/**
 * What a server that is no Kafka listener says first. Read as a length both greetings are far over the cap, so no Kafka answer looks like them.
 *
 * @param bytes the first ones of the connection, at least FIRST_BYTES
 * @param frameBytesMax the cap of a response
 */
export function foreignFault(
  bytes: Buffer,
  frameBytesMax: number,
  endpoint: Endpoint,
  address: string | undefined,
): ConnectionFault | undefined {
  const name = fullName(endpoint, address);
  if (bytes.toString('latin1', 0, FIRST_BYTES) === 'HTTP') {
    return connectionFault(
      'notKafka',
      `${name} answers HTTP, this is not a Kafka broker`,
      PLAINTEXT_HINT,
    );
  }
  if ((bytes[0] === TLS_ALERT || bytes[0] === TLS_HANDSHAKE) && bytes[1] === TLS_MAJOR_VERSION) {
    return connectionFault(
      'tls',
      `${name}: the listener speaks TLS, and millrace spoke plaintext`,
      PLAINTEXT_HINT,
    );
  }
  const length = bytes.readInt32BE(0);
  if (length >= 4 && length <= frameBytesMax) return undefined;
  const shown = JSON.stringify(bytes.toString('latin1', 0, SHOWN_BYTES_MAX));
  return connectionFault(
    'notKafka',
    `${name} is not a Kafka broker: its answer begins with ${shown}`,
    PLAINTEXT_HINT,
  );
}

/** A response that does not follow the protocol. */
export function protocolFault(
  error: ProtocolError,
  endpoint: Endpoint,
  address: string | undefined,
): ConnectionFault {
  return connectionFault(
    'notKafka',
    `${fullName(endpoint, address)} sent an answer that cannot be read (${oneLine(error.message)})`,
    'check that it is a Kafka broker',
  );
}

/** Text from elsewhere, safe in one line of a log. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
}
