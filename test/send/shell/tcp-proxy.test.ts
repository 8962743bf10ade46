import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TcpProxy } from '../../support/tcp-proxy.ts';

/** A proxy before a server that sends back what it gets. */
async function echoing(context: TestContext): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await TcpProxy.start({ targetPort: (server.address() as AddressInfo).port });
  context.after(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return proxy;
}

function dial(context: TestContext, proxy: TcpProxy): Socket {
  const socket = connect({ host: '127.0.0.1', port: proxy.port, noDelay: true });
  socket.on('error', () => undefined);
  context.after(() => socket.destroy());
  return socket;
}

async function client(context: TestContext, proxy: TcpProxy): Promise<Socket> {
  const socket = dial(context, proxy);
  await once(socket, 'connect');
  return socket;
}

/** Whether by an end or by an error. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('close', () => resolve());
  });
}

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

test('bytes go through both ways', async (t) => {
  const proxy = await echoing(t);
  const socket = await client(t, proxy);
  assert.equal(await echo(socket, 'hello'), 'hello');
  assert.deepEqual([proxy.bytes('up'), proxy.bytes('down'), proxy.accepted], [5, 5, 1]);
});

test('a cut ends all connections, and new ones work', async (t) => {
  const proxy = await echoing(t);
  const socket = await client(t, proxy);
  await echo(socket, 'hello');
  const closed = closeOf(socket);
  proxy.cut();
  await closed;
  assert.equal(await echo(await client(t, proxy), 'again'), 'again');
});

test('a cut after N bytes lets exactly N through', async (t) => {
  const proxy = await echoing(t);
  const socket = await client(t, proxy);
  proxy.cutAfter(3, 'down');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const closed = closeOf(socket);
  socket.write('hello');
  await closed;
  assert.equal(text, 'hel');
});

test('dropped answers never come, and healing cuts the torn connection', async (t) => {
  const proxy = await echoing(t);
  const socket = await client(t, proxy);
  proxy.drop('down');
  socket.write('hello');
  await sleep(50);
  assert.deepEqual([proxy.bytes('up'), proxy.bytes('down')], [5, 0]);
  const closed = closeOf(socket);
  proxy.heal();
  await closed;
});

test('stopped reading stalls the sender until it is healed', async (t) => {
  const proxy = await echoing(t);
  const socket = await client(t, proxy);
  await echo(socket, 'hello');
  proxy.stopReading('up');
  const answered = echo(socket, 'later');
  await sleep(50);
  assert.equal(proxy.bytes('up'), 5);
  proxy.heal();
  assert.equal(await answered, 'later');
});

test('a delay holds bytes back', async (t) => {
  const proxy = await echoing(t);
  const socket = await client(t, proxy);
  proxy.delay(80, 'down');
  const from = performance.now();
  assert.equal(await echo(socket, 'hello'), 'hello');
  assert.ok(performance.now() - from >= 75);
});

test('refused connections are closed at once', async (t) => {
  const proxy = await echoing(t);
  proxy.refuse();
  await closeOf(dial(t, proxy));
  assert.equal(proxy.accepted, 0);
});
