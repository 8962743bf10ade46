import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { readInto } from '../../src/broker/accepted-socket.ts';

test('this version of Node lets an accepted socket be read into memory of ours, paused, answered and ended', async (t) => {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const client = connect(address.port, '127.0.0.1');
  t.after(() => client.destroy());
  const [accepted] = (await once(server, 'connection')) as [Socket];

  const scratch = new Uint8Array(64 * 1024);
  const received: Buffer[] = [];
  const socket = readInto(accepted, scratch, (bytes) => {
    assert.equal(bytes.buffer, scratch.buffer);
    received.push(Buffer.from(bytes));
    socket.pause();
    setImmediate(() => socket.resume());
  });
  assert.notEqual(socket, accepted);
  socket.on('end', () => socket.end('all of it'));
  const sent = Buffer.alloc(1_000_000, 'abcdefg');
  client.end(sent);
  const [reply] = (await once(client, 'data')) as [Buffer];
  assert.equal(reply.toString(), 'all of it');
  assert.ok(Buffer.concat(received).equals(sent));
  await new Promise((resolve) => server.close(resolve));
});

test('without a handle to take over the bytes come by data events', async () => {
  const stream = new PassThrough();
  const received: Buffer[] = [];
  const socket = readInto(stream as unknown as Socket, new Uint8Array(8), (bytes) => {
    received.push(Buffer.from(bytes));
  });
  stream.end('longer than the scratch');
  await once(stream, 'end');
  assert.equal(Buffer.concat(received).toString(), 'longer than the scratch');
  assert.equal(socket, stream);
});
