import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { frameResponse } from '../../../src/kafka/header.ts';
import { produce } from '../../../src/kafka/messages/00-produce.ts';
import { metadata } from '../../../src/kafka/messages/03-metadata.ts';
import { findCoordinator } from '../../../src/kafka/messages/10-find-coordinator.ts';
import { apiVersions } from '../../../src/kafka/messages/18-api-versions.ts';
import { addPartitionsToTxn } from '../../../src/kafka/messages/24-add-partitions-to-txn.ts';
import { addOffsetsToTxn } from '../../../src/kafka/messages/25-add-offsets-to-txn.ts';
import { endTxn } from '../../../src/kafka/messages/26-end-txn.ts';
import { txnOffsetCommit } from '../../../src/kafka/messages/28-txn-offset-commit.ts';
import { needsOf, producerNeeds } from '../../../src/send/api-versions.ts';
import { BrokerChannel } from '../../../src/send/broker-channel.ts';
import { connectionFault } from '../../../src/send/connection-fault.ts';
import type { ConnectionFault } from '../../../src/send/connection-fault.ts';
import type { ChannelOpening } from '../../../src/send/open-channel.ts';
import type { Endpoint } from '../../../src/send/sender-config.ts';
import { opened, opening } from './channels.ts';
import { everything, scriptedBroker, unusedPort, without } from './scripted-broker.ts';
import type { Peer } from './scripted-broker.ts';

async function channelOf(context: TestContext, run: ChannelOpening): Promise<BrokerChannel> {
  const channel = await opened(run);
  context.after(() => {
    channel.close('the test is over');
  });
  return channel;
}

async function faultOf(run: ChannelOpening): Promise<ConnectionFault> {
  const result = await run.run();
  assert.ok(!(result instanceof BrokerChannel), 'a channel was opened');
  return result;
}

async function served(
  context: TestContext,
  script: (peer: Peer) => Promise<void> | void,
): Promise<Endpoint> {
  const broker = await scriptedBroker(script);
  context.after(() => broker.close());
  return broker.endpoint;
}

test('the highest version that both sides speak is used', async (t) => {
  const endpoint = await served(t, (peer) =>
    peer.handshake([...without(0), { apiKey: 0, minVersion: 0, maxVersion: 8 }]),
  );
  const channel = await channelOf(t, opening(endpoint));
  assert.equal(channel.versionOf(produce), 8);
  assert.equal(channel.versionOf(metadata), metadata.versions.max);
});

test('a broker that knows ApiVersions up to v3 says so, and is asked again in v3', async (t) => {
  const versions: number[] = [];
  const endpoint = await served(t, async (peer) => {
    const { apiVersion, correlationId } = await peer.next();
    versions.push(apiVersion);
    const apiKeys = [{ apiKey: 18, minVersion: 0, maxVersion: 3 }];
    peer.send(frameResponse(apiVersions, 0, correlationId, { errorCode: 35, apiKeys }));
    const second = await peer.next();
    versions.push(second.apiVersion);
    peer.send(
      frameResponse(apiVersions, second.apiVersion, second.correlationId, {
        errorCode: 0,
        apiKeys: everything(),
      }),
    );
  });
  await channelOf(t, opening(endpoint));
  assert.deepEqual(versions, [4, 3]);
});

test('a broker before 2.4 refuses without a list, and is asked again in v0', async (t) => {
  const versions: number[] = [];
  const endpoint = await served(t, async (peer) => {
    const { apiVersion, correlationId } = await peer.next();
    versions.push(apiVersion);
    peer.send(frameResponse(apiVersions, 0, correlationId, { errorCode: 35, apiKeys: [] }));
    const second = await peer.next();
    versions.push(second.apiVersion);
    peer.send(
      frameResponse(apiVersions, 0, second.correlationId, { errorCode: 0, apiKeys: everything() }),
    );
  });
  await channelOf(t, opening(endpoint));
  assert.deepEqual(versions, [4, 0]);
});

test('a broker without DescribeProducers is too old for idempotence, and good enough without', async (t) => {
  const endpoint = await served(t, (peer) => peer.handshake(without(61)));
  const { reason, message } = await faultOf(opening(endpoint));
  assert.equal(reason, 'tooOld');
  assert.equal(
    message,
    `127.0.0.1:${endpoint.port} is too old: it lacks DescribeProducers v0 for enable.idempotence=true (Kafka 2.8); ` +
      'upgrade the broker or set enable.idempotence=false',
  );
  await channelOf(t, opening(endpoint, { needs: producerNeeds(false) }));
});

test('transactions do without DescribeProducers; a broker that lacks one of their own APIs is named with it', async (t) => {
  const transactions = { transactionalId: 'shop', transactionTimeoutMs: 60_000 };
  const needs = needsOf({ enableIdempotence: true, transactions });
  const own = [
    ...[findCoordinator, addPartitionsToTxn, addOffsetsToTxn],
    ...[endTxn, txnOffsetCommit],
  ];
  const apis = own.map(({ apiKey, versions }) => {
    return { apiKey, minVersion: versions.min, maxVersion: versions.max };
  });
  const endpoint = await served(t, (peer) => peer.handshake([...without(61), ...apis]));
  await channelOf(t, opening(endpoint, { needs }));
  for (const { apiKey: lacked, name } of own) {
    const others = apis.filter(({ apiKey }) => apiKey !== lacked);
    const lacking = await served(t, (peer) => peer.handshake([...everything(), ...others]));
    const { reason, message } = await faultOf(opening(lacking, { needs }));
    assert.equal(reason, 'tooOld');
    assert.equal(
      message,
      `127.0.0.1:${lacking.port} is too old: it lacks ${name} v0 for transactional.id (Kafka 0.11); ` +
        'upgrade the broker or leave out transactional.id',
    );
  }
});

test('a broker without record batches v2 is too old for everything', async (t) => {
  const endpoint = await served(t, (peer) =>
    peer.handshake([...without(0), { apiKey: 0, minVersion: 0, maxVersion: 2 }]),
  );
  const { reason, message } = await faultOf(opening(endpoint));
  assert.equal(reason, 'tooOld');
  assert.equal(
    message,
    `127.0.0.1:${endpoint.port} is too old: it lacks Produce v3 for record batches v2 (Kafka 0.11); upgrade the broker`,
  );
});

test('a broker that dropped the versions we speak is too new', async (t) => {
  const endpoint = await served(t, (peer) =>
    peer.handshake([...without(3), { apiKey: 3, minVersion: 40, maxVersion: 41 }]),
  );
  const { message } = await faultOf(opening(endpoint));
  assert.match(message, /^127\.0\.0\.1:\d+ is too new for millrace: .*; upgrade millrace$/);
});

test('a port where nobody listens is refused, with the fix', async () => {
  const port = await unusedPort();
  const { reason, message } = await faultOf(opening({ host: '127.0.0.1', port }));
  assert.equal(reason, 'refused');
  assert.equal(
    message,
    `127.0.0.1:${port} refuses connections: nothing listens there; start the broker or correct bootstrap.servers`,
  );
});

test('a name that does not resolve is said with the name', async () => {
  const { reason, message } = await faultOf(opening({ host: 'nowhere.invalid', port: 9092 }));
  assert.equal(reason, 'unresolved');
  assert.match(
    message,
    /^nowhere\.invalid:9092: the name nowhere\.invalid does not resolve \(E[A-Z_]+\); correct bootstrap\.servers or the DNS$/,
  );
});

test('an HTTP server is recognised', async (t) => {
  const server = createServer((_, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { reason, message } = await faultOf(opening({ host: '127.0.0.1', port }));
  assert.equal(reason, 'notKafka');
  assert.equal(
    message,
    `127.0.0.1:${port} answers HTTP, this is not a Kafka broker; use the port of a PLAINTEXT listener (often 9092)`,
  );
});

test('a TLS listener that answers with an alert is recognised', async (t) => {
  const endpoint = await served(t, (peer) => {
    peer.socket.end(Buffer.of(0x15, 3, 3, 0, 2, 2, 70));
  });
  const { reason, message } = await faultOf(opening(endpoint));
  assert.equal(reason, 'tls');
  assert.equal(
    message,
    `127.0.0.1:${endpoint.port}: the listener speaks TLS, and millrace spoke plaintext; use the port of a PLAINTEXT listener (often 9092)`,
  );
});

test('a TLS listener that closes without a word gets the hint at TLS', async (t) => {
  const server = createTlsServer({});
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { reason, message } = await faultOf(opening({ host: '127.0.0.1', port }));
  assert.equal(reason, 'closed');
  assert.match(message, /: probably a TLS or SASL listener, /);
});

test('another protocol is quoted', async (t) => {
  const endpoint = await served(t, (peer) => {
    peer.socket.write('SSH-2.0-OpenSSH_9.6\r\n');
  });
  const { reason, message } = await faultOf(opening(endpoint));
  assert.equal(reason, 'notKafka');
  assert.match(message, /is not a Kafka broker: its answer begins with "SSH-2\.0-OpenSSH_"/);
});

for (const [how, end] of [
  ['closes', (peer: Peer) => peer.socket.end()],
  ['resets', (peer: Peer) => peer.socket.resetAndDestroy()],
] as const) {
  test(`a listener that ${how} the connection at the first request gets a hint at TLS and SASL`, async (t) => {
    const endpoint = await served(t, async (peer) => {
      await peer.next();
      end(peer);
    });
    const { reason, message } = await faultOf(opening(endpoint));
    assert.equal(reason, 'closed');
    assert.equal(
      message,
      `127.0.0.1:${endpoint.port} closed the connection without an answer to ApiVersions: probably a TLS or SASL listener, ` +
        'or Kafka before 0.10; use the port of a PLAINTEXT listener (often 9092)',
    );
  });
}

test('a listener that closes at the request after ApiVersions gets a hint at SASL', async (t) => {
  const endpoint = await served(t, async (peer) => {
    await peer.handshake();
    await peer.next();
    peer.socket.end();
  });
  const channel = await channelOf(t, opening(endpoint));
  await assert.rejects(channel.call(metadata, { topics: [] }), (error: Error) => {
    assert.match(
      error.message,
      /closed the connection at the first request .*; if it does so every time it is a SASL listener: /,
    );
    return true;
  });
});

test('a server that accepts and says nothing runs into the set-up timeout', async (t) => {
  const endpoint = await served(t, () => undefined);
  const { reason, message } = await faultOf(opening(endpoint, { setupTimeoutMs: 100 }));
  assert.equal(reason, 'timeout');
  assert.equal(
    message,
    `127.0.0.1:${endpoint.port} accepts connections but did not answer ApiVersions within 100 ms ` +
      '(socket.connection.setup.timeout.ms); check that it is a Kafka broker and not overloaded',
  );
});

test('patience grows with every failed attempt, up to the maximum (KIP-601)', async (t) => {
  const endpoint = await served(t, () => undefined);
  const waited = async (attempt: number): Promise<string> => {
    const limits = { setupTimeoutMs: 10, setupTimeoutMaxMs: 60 };
    const { message } = await faultOf(opening(endpoint, { ...limits, attempt }));
    return /within (\d+) ms/.exec(message)?.[1] ?? message;
  };
  assert.deepEqual(await Promise.all([0, 1, 2, 3, 9].map(waited)), ['10', '20', '40', '60', '60']);
});

test('all addresses of a name are tried, beginning with another one at each attempt', async (t) => {
  const endpoint = await served(t, (peer) => peer.handshake());
  const named = { host: 'kafka.test', port: endpoint.port };
  const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.2', '127.0.0.3', '127.0.0.1']);
  for (const attempt of [0, 1, 2]) {
    const channel = await channelOf(t, opening(named, { resolve, attempt }));
    assert.equal(channel.connection.name, `kafka.test:${endpoint.port} (127.0.0.1)`);
  }
});

test('of several addresses the one with the most to say is reported', async (t) => {
  const endpoint = await served(t, (peer) => {
    peer.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  const named = { host: 'kafka.test', port: endpoint.port };
  const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.2', '127.0.0.1', '127.0.0.3']);
  const { reason } = await faultOf(opening(named, { resolve }));
  assert.equal(reason, 'notKafka');
});

test('an opening that is stopped ends at once', async (t) => {
  const endpoint = await served(t, () => undefined);
  const run = opening(endpoint);
  const running = faultOf(run);
  setTimeout(() => run.stop(connectionFault('closed', 'no longer wanted')), 30);
  assert.equal((await running).message, 'no longer wanted');
});

test('a ready channel tells when it is closed, once', async (t) => {
  const endpoint = await served(t, async (peer) => {
    await peer.handshake();
    peer.socket.end();
  });
  const faults: ConnectionFault[] = [];
  const closed = new Promise<void>((resolve) => {
    void channelOf(
      t,
      opening(endpoint, {
        onClosed: (fault) => {
          faults.push(fault);
          resolve();
        },
      }),
    );
  });
  await closed;
  assert.equal(faults[0]?.message, `127.0.0.1:${endpoint.port} closed the connection`);
  assert.equal(faults.length, 1);
});
