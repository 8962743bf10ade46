import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { startEmbeddedBroker } from '../../src/broker/embedded-broker.ts';
import { always, editAnswer } from '../../src/broker/faults.ts';
import { apiVersions } from '../../src/kafka/messages/18-api-versions.ts';
import { count, embeddedCluster, values } from '../support/embedded-cluster.ts';
import { until } from '../support/until.ts';
import { NOBODY, said, Scene, STARTED, STOPPED } from './scene.ts';

const UNREACHABLE = 'error brokersUnreachable: no broker can be reached, trying on:';
const REFUSED = `${NOBODY} refuses connections: nothing listens there; start the broker or correct bootstrap.servers`;
const PLAINTEXT = 'use the port of a PLAINTEXT listener (often 9092)';

/** A server that is not Kafka, until the test ends. @returns host:port */
async function serverAt(
  t: { after(work: () => void): void },
  server: Server | ReturnType<typeof createHttpServer>,
): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

/** Answers whatever comes with these bytes, and hangs up. */
function answering(bytes: Uint8Array | string): Server {
  return createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(bytes));
  });
}

/** produce's quickest patience: one second. */
const IMPATIENT = ['-X', 'delivery.timeout.ms=1000', '-X', 'request.timeout.ms=900'];

test('run says once that nobody listens at the port, within 5 s, and ships when the broker comes', async (t) => {
  const placeholder = await startEmbeddedBroker();
  const { bootstrap } = placeholder;
  await placeholder.close();
  const scene = new Scene(t);
  const inputs = [{ tail: { paths: [scene.write('app.log', 'one\ntwo\n')], topic: 'logs' } }];
  const from = Date.now();
  const daemon = scene.run({ bootstrap, inputs });
  await daemon.says(/brokersUnreachable/);
  assert.ok(Date.now() - from < 5000);
  const cluster = await embeddedCluster(t, { ports: [Number(bootstrap.split(':')[1])] });
  await until(() => count(cluster, 'logs') === 2);
  assert.equal(await daemon.stop(), 0);
  assert.deepEqual(values(cluster, 'logs', 0), ['one', 'two']);
  assert.deepEqual(
    said(daemon).map((line) => line.replace(/after [\d.]+ m?s$/, 'after TIME')),
    [
      STARTED,
      `${UNREACHABLE} ${REFUSED.replace(NOBODY, bootstrap)}`,
      'info brokersReachable: brokers can be reached again after TIME',
      STOPPED,
    ],
  );
});

test('produce waits for a broker up to delivery.timeout.ms, then ends with 69 and the number of lines lost', async (t) => {
  const scene = new Scene(t);
  assert.deepEqual(await scene.produce(NOBODY, 'one\ntwo\n', ...IMPATIENT), {
    code: 69,
    said: [
      `${UNREACHABLE} ${REFUSED}`,
      'error recordsGivenUp: 2 records for topic logs lost: delivery.timeout.ms passed while it waited: no broker can be reached',
      'error produced: 0 records delivered, 2 refused or given up',
    ],
  });
});

test('run says what of its standard input was given up, and ends with 69', async (t) => {
  const scene = new Scene(t);
  const kafka = { 'delivery.timeout.ms': 1000, 'request.timeout.ms': 500 };
  const inputs = [{ stdin: { topic: 'logs' } }];
  const daemon = scene.run({ bootstrap: NOBODY, inputs, kafka });
  daemon.child.stdin?.end('one\ntwo\n');
  assert.equal(await daemon.ended(), 69);
  assert.equal(
    said(daemon).at(-1),
    `${STOPPED.replace('info', 'warn')}, but for 2 records refused or given up`,
  );
});

test('produce with a broker that is down does not read on through endless input', async (t) => {
  const scene = new Scene(t);
  const daemon = scene.start(['produce', '-b', NOBODY, '-t', 'logs', ...IMPATIENT]);
  const line = `${'x'.repeat(1000)}\n`.repeat(1000);
  const stdin = daemon.child.stdin;
  assert.ok(stdin !== null);
  stdin.on('error', () => undefined);
  const feed = (): void => {
    while (!stdin.destroyed && stdin.write(line));
  };
  stdin.on('drain', feed);
  feed();
  assert.equal(await daemon.ended(), 69);
  stdin.destroy();
  assert.match(
    said(daemon).at(-1) ?? '',
    /^error produced: 0 records delivered, \d+ refused or given up, the rest of the input was not read$/,
  );
});

test('a name that does not resolve is said with the name', async (t) => {
  const scene = new Scene(t);
  const { code, said: lines } = await scene.produce(
    'no.such.host.invalid:9092',
    'x\n',
    ...IMPATIENT,
  );
  assert.equal(code, 69);
  assert.match(
    lines[0] ?? '',
    /^error brokersUnreachable: no broker can be reached, trying on: no\.such\.host\.invalid:9092: the name no\.such\.host\.invalid does not resolve \(E\w+\); correct bootstrap\.servers or the DNS$/,
  );
});

test('several brokers that are down are one line, each with its reason', async (t) => {
  const scene = new Scene(t);
  const { said: lines } = await scene.produce(`${NOBODY},127.0.0.1:2`, 'x\n', ...IMPATIENT);
  const other = REFUSED.replace(NOBODY, '127.0.0.1:2');
  assert.equal(lines[0], `${UNREACHABLE} ${REFUSED} | ${other}`);
});

test('a server that is not Kafka is named as what it is', async (t) => {
  const scene = new Scene(t);
  const http = createHttpServer((_, response) => response.end('hello'));
  const tlsAlert = Uint8Array.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46);
  const cases: [Server | typeof http, string][] = [
    [http, `answers HTTP, this is not a Kafka broker; ${PLAINTEXT}`],
    [answering(tlsAlert), `: the listener speaks TLS, and millrace spoke plaintext; ${PLAINTEXT}`],
    [
      answering('SSH-2.0-OpenSSH_9.2p1 Debian\r\n'),
      `is not a Kafka broker: its answer begins with "SSH-2.0-OpenSSH_"; ${PLAINTEXT}`,
    ],
    [
      answering(''),
      `closed the connection without an answer to ApiVersions: probably a TLS or SASL listener, or Kafka before 0.10; ${PLAINTEXT}`,
    ],
  ];
  for (const [server, problem] of cases) {
    const address = await serverAt(t, server);
    const { code, said: lines } = await scene.produce(address, 'one\n', ...IMPATIENT);
    assert.equal(code, 69);
    const gap = problem.startsWith(':') ? '' : ' ';
    assert.deepEqual(lines, [
      `${UNREACHABLE} ${address}${gap}${problem}`,
      'error recordsGivenUp: 1 record for topic logs lost: delivery.timeout.ms passed while it waited: no broker can be reached',
      'error produced: 0 records delivered, 1 refused or given up',
    ]);
  }
});

test('a server that accepts and says nothing is named within the set-up timeout', async (t) => {
  const scene = new Scene(t);
  const address = await serverAt(
    t,
    createServer((socket) => void socket.on('error', () => undefined).resume()),
  );
  const timeouts = [
    'socket.connection.setup.timeout.ms=500',
    'socket.connection.setup.timeout.max.ms=500',
  ].flatMap((setting) => ['-X', setting]);
  const { said: lines } = await scene.produce(address, 'one\n', ...IMPATIENT, ...timeouts);
  assert.match(
    lines[0] ?? '',
    /trying on: 127\.0\.0\.1:\d+ accepts connections but did not answer ApiVersions within \d+ ms \(socket\.connection\.setup\.timeout\.ms\); check that it is a Kafka broker and not overloaded$/,
  );
});

test('a broker too old for idempotence is named with what it lacks and both fixes', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  cluster.control(
    'ApiVersions',
    always(
      editAnswer(apiVersions, (answer) => {
        answer.apiKeys = answer.apiKeys.filter(({ apiKey }) => apiKey !== 61);
      }),
    ),
  );
  const scene = new Scene(t);
  assert.deepEqual(await scene.produce(cluster.bootstrap, 'one\n', ...IMPATIENT), {
    code: 69,
    said: [
      `${UNREACHABLE} ${cluster.bootstrap} is too old: it lacks DescribeProducers v0 for enable.idempotence=true (Kafka 2.8); ` +
        'upgrade the broker or set enable.idempotence=false',
      'error recordsGivenUp: 1 record for topic logs lost: delivery.timeout.ms passed while it waited: no broker can be reached',
      'error produced: 0 records delivered, 1 refused or given up',
    ],
  });
  const plain = await scene.produce(cluster.bootstrap, 'one\n', '-X', 'enable.idempotence=false');
  assert.deepEqual(plain, { code: 0, said: ['info produced: 1 record delivered'] });
  assert.deepEqual(values(cluster, 'logs', 0), ['one']);
});

test('a broker too old for record batches v2 has one fix', async (t) => {
  const cluster = await embeddedCluster(t, { topics: { logs: 1 } });
  cluster.control(
    'ApiVersions',
    always(
      editAnswer(apiVersions, (answer) => {
        answer.apiKeys = [
          { apiKey: 0, minVersion: 0, maxVersion: 2 },
          { apiKey: 3, minVersion: 0, maxVersion: 2 },
          { apiKey: 18, minVersion: 0, maxVersion: 0 },
        ];
      }),
    ),
  );
  const scene = new Scene(t);
  const { code, said: lines } = await scene.produce(cluster.bootstrap, 'one\n', ...IMPATIENT);
  assert.equal(code, 69);
  assert.match(
    lines[0] ?? '',
    /is too old: it lacks Produce v3 for record batches v2 \(Kafka 0\.11\), .*; upgrade the broker$/,
  );
});
