import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { UnixSocketInput } from '../../src/input/unix-socket.ts';
import type { UnixSocketOptions } from '../../src/input/unix-socket.ts';
import { createTestGate, routeSpec, temporaryDirectory } from './gate.ts';
import type { TestGate } from './gate.ts';
import { StillClock } from './still-clock.ts';

export interface Setup {
  readonly gate: TestGate;
  readonly input: UnixSocketInput;
  readonly path: string;
}

/** The test moves the input's clock; chunks go by the machine's. */
export async function gateOfStillClock(
  t: TestContext,
): Promise<TestGate & { readonly clock: StillClock }> {
  const clock = new StillClock();
  t.after(() => {
    clock.moveAlong();
  });
  return Object.assign(await createTestGate(), { clock });
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

/** @returns what the system says to somebody who wants to connect; undefined when it lets him */
export async function connectFault(path: string): Promise<string | undefined> {
  const socket = net.connect({ path });
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    socket.once('connect', () => resolve(undefined)).once('error', resolve);
  });
  socket.destroy();
  return error?.code;
}
