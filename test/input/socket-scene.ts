import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { UnixSocketInput } from '../../src/input/unix-socket.ts';
import type { UnixSocketOptions } from '../../src/input/unix-socket.ts';
import { createTestGate, routeSpec, temporaryDirectory } from './gate.ts';
import type { TestGate } from './gate.ts';

export interface Setup {
  readonly gate: TestGate;
  readonly input: UnixSocketInput;
  readonly path: string;
}

export async function listen(
  t: TestContext,
  options: Partial<UnixSocketOptions> = {},
  given?: TestGate,
): Promise<Setup> {
  const gate = given ?? (await createTestGate());
  const path = options.path ?? join(temporaryDirectory(t), 'ingest.sock');
  const input = new UnixSocketInput(gate, { route: routeSpec(), ...options, path });
  await input.start();
  t.after(() => input.stop());
  return { gate, input, path };
}

export async function connect(path: string): Promise<net.Socket> {
  const socket = net.connect({ path });
  await once(socket, 'connect');
  return socket;
}

export async function write(socket: net.Socket, bytes: string | Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.write(bytes, () => {
      resolve();
    });
  });
}
