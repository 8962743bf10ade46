import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { Connection } from '../../../src/send/connection.ts';
import type { RequestWaiter } from '../../../src/send/connection.ts';
import { connectionFault } from '../../../src/send/connection-fault.ts';
import type { ConnectionFault } from '../../../src/send/connection-fault.ts';
import { ProtocolError } from '../../../src/shared/errors.ts';
import { scriptedBroker } from './scripted-broker.ts';
import type { Peer } from './scripted-broker.ts';

interface Opened {
  readonly connection: Connection;
  readonly closed: Promise<ConnectionFault>;
}

async function open(
  context: TestContext,
  script: (peer: Peer) => Promise<void> | void,
  responseBytesMax?: number,
): Promise<Opened> {
  const broker = await scriptedBroker(script);
  context.after(() => broker.close());
  const { endpoint } = broker;
  const socket = connect({ ...endpoint, noDelay: true });
  await once(socket, 'connect');
  const { promise, resolve } = settleable<ConnectionFault>();
  const connection = new Connection({
    ...{ socket, endpoint, address: endpoint.host, origin: 'bootstrap', onClosed: resolve },
    ...(responseBytesMax === undefined ? {} : { responseBytesMax }),
  });
  socket.on('data', (chunk) => {
    connection.receive(chunk);
  });
  context.after(() => {
    connection.close(connectionFault('closed', 'the test is over'));
  });
  return { connection, closed: promise };
}

function settleable<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle(value) };
}

interface Sent {
  readonly events: string[];
  readonly ended: Promise<Buffer | ConnectionFault>;
}

/** Sends a request: length, correlation id as the head of a request has it, and `extra`. */
function send(
  connection: Connection,
  extra: readonly Uint8Array[] = [],
  expectAnswer = true,
): Sent {
  const id = connection.takeCorrelationId();
  const head = Buffer.alloc(12);
  head.writeInt32BE(8 + extra.reduce((sum, bytes) => sum + bytes.byteLength, 0), 0);
  head.writeInt32BE(id, 8);
  const events: string[] = [];
  const { promise, resolve } = settleable<Buffer | ConnectionFault>();
  const waiter: RequestWaiter = {
    written: (whole) => events.push(whole ? 'written' : 'not written'),
    answered: (frame) => {
      events.push('answered');
      resolve(Buffer.from(frame));
    },
    lost: (fault) => {
      events.push('lost');
      resolve(fault);
    },
  };
  connection.send([head, ...extra], id, waiter, expectAnswer);
  return { events, ended: promise };
}

function answer(correlationId: number, body = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32BE(4 + body.length, 0);
  bytes.writeInt32BE(correlationId, 4);
  return Buffer.concat([bytes, body]);
}

function messageOf(end: Buffer | ConnectionFault): string {
  return Buffer.isBuffer(end) ? 'an answer' : end.message;
}

test('requests are pipelined, and answers find the request they belong to', async (t) => {
  const { connection } = await open(t, async (peer) => {
    const asked = [await peer.next(), await peer.next(), await peer.next()];
    for (const { correlationId } of asked) {
      peer.socket.write(answer(correlationId, Buffer.from(`for ${correlationId}`)));
    }
  });
  const sent = [send(connection), send(connection), send(connection)];
  const texts = await Promise.all(sent.map(({ ended }) => ended));
  assert.deepEqual(
    texts.map((frame) => (Buffer.isBuffer(frame) ? frame.toString('latin1', 4) : frame)),
    ['for 0', 'for 1', 'for 2'],
  );
  assert.deepEqual(sent[2]?.events, ['written', 'answered']);
  assert.equal(connection.openRequests, 0);
});

test('fragments in shared memory arrive in order, by reference', async (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(300_000)).fill(7);
  const { promise, resolve } = settleable<Buffer>();
  const { connection } = await open(t, async (peer) => {
    const { frame, correlationId } = await peer.next();
    resolve(frame);
    peer.socket.write(answer(correlationId));
  });
  await send(connection, [shared, Buffer.from('between'), shared.subarray(0, 10)]).ended;
  const frame = await promise;
  assert.equal(frame.length, 8 + 300_000 + 7 + 10);
  assert.equal(frame.toString('latin1', 8 + 300_000, 8 + 300_007), 'between');
});

test('an answer that trickles in byte by byte is read', async (t) => {
  const { connection } = await open(t, async (peer) => {
    const { correlationId } = await peer.next();
    for (const byte of answer(correlationId, Buffer.from('slow'))) {
      peer.socket.write(Buffer.of(byte));
      await sleep(1);
    }
  });
  const end = await send(connection).ended;
  assert.ok(Buffer.isBuffer(end));
  assert.equal(end.toString('latin1', 4), 'slow');
});

test('a request that nobody reads keeps its bytes until the socket is closed', async (t) => {
  const { connection, closed } = await open(t, (peer) => {
    peer.socket.pause();
  });
  const huge = new Uint8Array(new SharedArrayBuffer(64 * 1024 * 1024));
  const { events, ended } = send(connection, [huge]);
  await sleep(50);
  assert.deepEqual(events, []);
  connection.close(connectionFault('closed', 'given up'));
  assert.deepEqual(events, [], 'not before the socket has let go');
  assert.equal(messageOf(await ended), 'given up');
  assert.deepEqual(events, ['not written', 'lost']);
  assert.equal((await closed).message, 'given up');
});

test('an answer before the last byte was written waits for the write callback', async (t) => {
  const { connection } = await open(t, async (peer) => {
    peer.socket.pause();
    peer.socket.write(answer(0));
    await sleep(100);
    peer.socket.resume();
  });
  const { events, ended } = send(connection, [Buffer.alloc(64 * 1024 * 1024)]);
  await sleep(50);
  assert.deepEqual(events, []);
  await ended;
  assert.deepEqual(events, ['written', 'answered']);
});

test('all that wait get the one cause when the connection is cut in the middle of a frame', async (t) => {
  const { connection, closed } = await open(t, async (peer) => {
    const first = await peer.next();
    await peer.next();
    peer.socket.write(answer(first.correlationId));
    peer.socket.end(Buffer.from([0, 0, 0, 99, 1, 2, 3]));
  });
  const sent = [send(connection), send(connection), send(connection)];
  assert.ok(Buffer.isBuffer(await sent[0]?.ended));
  const fault = await closed;
  assert.equal(await sent[1]?.ended, fault);
  assert.equal(await sent[2]?.ended, fault);
});

test('a correlation id that was not asked closes the connection', async (t) => {
  const { connection, closed } = await open(t, async (peer) => {
    const { correlationId } = await peer.next();
    peer.socket.write(answer(correlationId + 1000));
  });
  const { ended } = send(connection);
  const { reason, message } = await closed;
  assert.equal(reason, 'notKafka');
  assert.match(message, /correlation id 1000 was not asked/);
  assert.equal(messageOf(await ended), message);
});

test('the same answer twice closes the connection', async (t) => {
  const { connection, closed } = await open(t, async (peer) => {
    const { correlationId } = await peer.next();
    peer.socket.write(Buffer.concat([answer(correlationId), answer(correlationId)]));
  });
  const { ended } = send(connection);
  assert.ok(Buffer.isBuffer(await ended));
  assert.match((await closed).message, /correlation id 0 was not asked/);
});

test('an answer over the cap closes the connection without being taken in', async (t) => {
  const { connection, closed } = await open(
    t,
    async (peer) => {
      const { correlationId } = await peer.next();
      peer.socket.write(answer(correlationId));
      const second = await peer.next();
      peer.socket.write(answer(second.correlationId, Buffer.alloc(1000)));
    },
    1000,
  );
  assert.ok(Buffer.isBuffer(await send(connection).ended));
  assert.match(
    messageOf(await send(connection).ended),
    /a response of 1004 bytes, the limit is 1000/,
  );
  assert.equal((await closed).reason, 'notKafka');
});

test('an answer that cannot be read closes the connection', async (t) => {
  const { connection, closed } = await open(t, async (peer) => {
    const { correlationId } = await peer.next();
    peer.socket.write(answer(correlationId));
  });
  const id = connection.takeCorrelationId();
  const head = Buffer.alloc(12);
  head.writeInt32BE(8, 0);
  head.writeInt32BE(id, 8);
  connection.send([head], id, {
    written: () => undefined,
    answered: () => {
      throw new ProtocolError('3 bytes left over');
    },
    lost: () => undefined,
  });
  assert.match((await closed).message, /sent an answer that cannot be read \(3 bytes left over\)/);
});

test('a request without an answer is done when it is written', async (t) => {
  const { connection } = await open(t, () => undefined);
  const { events } = send(connection, [], false);
  await sleep(20);
  assert.deepEqual(events, ['written']);
  assert.equal(connection.openRequests, 0);
});

test('a short request goes out in one piece, a long one is gathered without a copy', () => {
  const writes: Buffer[][] = [];
  const socket = new Socket();
  socket._write = (chunk: Buffer, _encoding, done) => {
    writes.push([chunk]);
    done();
  };
  socket._writev = (chunks: { chunk: unknown }[], done) => {
    writes.push(chunks.map(({ chunk }) => chunk as Buffer));
    done();
  };
  const connection = new Connection({
    ...{ socket, endpoint: { host: 'h', port: 1 }, address: 'h' },
    ...{ origin: 'bootstrap', onClosed: () => undefined },
  });
  const head = Buffer.from('head');
  const long = Buffer.alloc(5000, 'x');
  send(connection, [Buffer.from('short')]);
  send(connection, [head, long]);
  assert.equal(writes.length, 2);
  assert.equal(writes[0]?.length, 1);
  assert.ok(writes[0][0]?.includes('short'));
  const gathered = writes[1] ?? [];
  assert.ok(gathered.some(({ buffer, length }) => buffer === long.buffer && length === 5000));
  const sum = writes.flat().reduce((bytes, piece) => bytes + piece.length, 0);
  assert.equal(connection.bytesSent, sum);
});

/** Counted by its class. */
class CountedWaiter implements RequestWaiter {
  readonly written = (): void => undefined;
  readonly answered = (): void => undefined;
  readonly lost = (): void => undefined;
}

test('a socket that is never done writing keeps no request that was written', () => {
  const due: (() => void)[] = [];
  const socket = new Socket();
  socket._write = (_chunk, _encoding, done) => void due.push(done);
  socket._writev = (_chunks, done) => void due.push(done);
  const connection = new Connection({
    ...{ socket, endpoint: { host: 'h', port: 1 }, address: 'h' },
    ...{ origin: 'bootstrap', onClosed: () => undefined },
  });
  const request = (): void => {
    const id = connection.takeCorrelationId();
    connection.send([Buffer.from('request')], id, new CountedWaiter(), false);
  };
  request();
  for (let sent = 0; sent < 2000; sent += 1) {
    request();
    due.shift()?.();
  }
  assert.ok(queryObjects(CountedWaiter, { format: 'count' }) < 200);
});
