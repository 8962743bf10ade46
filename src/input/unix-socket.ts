import net from 'node:net';
import type { Run } from '../ring/arena.ts';
import { assert } from '../shared/assert.ts';
import { SetupError } from '../shared/errors.ts';
import { SocketFile } from '../shared/socket-file.ts';
import type { Chunker } from './chunker.ts';
import { createInputCounters } from './input.ts';
import type { Input, InputCounters, InputGate } from './input.ts';
import { LineStream } from './line-stream.ts';
import type { PartialBudget } from './line-stream.ts';
import type { RouteSpec } from './route.ts';
import { connectionRefusal, limitOfOpenFiles, RefusedConnections } from './refused-connections.ts';
import { bindFault, clearSocketPath, grantSocket } from './socket-path.ts';
import { canReadInPlace, descriptorOf, readAcceptedInPlace, readByCopy } from './zero-copy-read.ts';
import type { ByteReader, ByteReaderHooks } from './zero-copy-read.ts';

export interface UnixSocketOptions {
  readonly path: string;
  /** Permission bits of the socket file. Default 0o660. */
  readonly mode?: number;
  /** Name or number. Default: the daemon's own. */
  readonly group?: string;
  readonly route: RouteSpec;
  /** One read brings at most this much. Default 256 KB. */
  readonly scratchBytes?: number;
  /** Begun lines of all connections together; beyond it they are cut like lines that are too long. Default an eighth of the arena. */
  readonly partialBytesMax?: number;
  /** More are refused. Default 10,000. */
  readonly connectionsMax?: number;
  /** How many files the process may have open. Default: as the system says. */
  readonly openFilesMax?: number;
  /** Between two looks whether the socket's file is there. Default 10 s. */
  readonly lookMs?: number;
  /** Default true, where this Node can. */
  readonly readInPlace?: boolean;
}

interface Connection {
  readonly reader: ByteReader;
  readonly lines: LineStream;
  isEnded: boolean;
}

const MODE = 0o660;
const SCRATCH_BYTES = 256 * 1024;
const CONNECTIONS_MAX = 10_000;
const LOOK_MS = 10_000;
/** A burst of a thousand connects must not be refused. */
const BACKLOG = 4096;
/** At the stop, what clients have already written is still read: until nothing came for so long, or for a second in all. */
const DRAIN_QUIET_MS = 20;
const DRAIN_MS_MAX = 1000;

/**
 * A listening Unix socket: newline-framed records from any number of connections. All of them are read into one scratch, whole lines
 * go on into the route's chunk. Without room in the arena no connection is read, and its writer waits.
 */
export class UnixSocketInput implements Input {
  readonly describe: string;
  readonly counters: InputCounters = createInputCounters();
  /** Never: there may always be another connection. */
  readonly ended = new Promise<void>(() => undefined);
  readonly #gate: InputGate;
  readonly #options: UnixSocketOptions;
  readonly #refused: RefusedConnections;
  #server = new net.Server();
  #file: SocketFile | undefined;
  #unlook: () => void = () => undefined;
  #reopening: Promise<void> | undefined;
  #isUnreachable = false;
  #openFilesMax = Infinity;
  readonly #connections = new Set<Connection>();
  readonly #budget: PartialBudget;
  #scratch: Run | undefined;
  #chunker: Chunker | undefined;
  /** Bytes in the scratch that found no room; nobody is read until they are gone. */
  #parked: { readonly connection: Connection; address: number; bytes: number } | undefined;
  /** At their end, with a begun line that found no room. */
  readonly #unfinished = new Set<Connection>();
  #isWaiting = false;
  #isClosing = false;
  #isFallbackTold = false;
  #nextConnection = 0;
  #lastBytesMs = 0;

  constructor(gate: InputGate, options: UnixSocketOptions) {
    this.describe = `socket ${options.path}`;
    this.#gate = gate;
    this.#options = options;
    const maxBytes = options.partialBytesMax ?? Math.floor(gate.arena.totalBytes / 8);
    this.#budget = { usedBytes: 0, maxBytes };
    this.#refused = new RefusedConnections(this.describe, gate.clock, gate.report);
  }

  async start(): Promise<void> {
    const { path, route } = this.#options;
    await clearSocketPath(path);
    this.#openFilesMax = this.#options.openFilesMax ?? limitOfOpenFiles();
    this.#scratch = this.#gate.arena.claim(this.#options.scratchBytes ?? SCRATCH_BYTES);
    this.#chunker = this.#gate.chunkers.open(route);
    if (this.#scratch === undefined || this.#chunker === undefined) {
      throw new SetupError(
        'config',
        `${this.describe}: no room in the arena. Fix: raise buffer.memory`,
      );
    }
    await this.#open('');
  }

  async stop(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#unlook();
    await this.#reopening;
    this.#unlook();
    const closed = new Promise<void>((resolve) => {
      const close = (): void => void this.#server.close(() => resolve());
      if (this.#file === undefined) close();
      else this.#file.sparing(close);
    });
    await this.#drain();
    this.#refused.close();
    for (const connection of [...this.#connections]) this.#finish(connection);
    while (this.#unfinished.size > 0 || this.#parked !== undefined) await this.#room();
    await closed;
    if (this.#chunker !== undefined) this.#gate.chunkers.close(this.#chunker);
    if (this.#scratch !== undefined) this.#gate.arena.free(this.#scratch);
    this.#chunker = undefined;
    this.#scratch = undefined;
  }

  async #open(again: '' | ' again'): Promise<void> {
    const { path, mode = MODE, group } = this.#options;
    this.#server = net.createServer({ pauseOnConnect: true }, (accepted) => {
      this.#accept(accepted);
    });
    await this.#listen(path);
    try {
      grantSocket(path, mode, group);
    } catch (error) {
      this.#server.close();
      throw error;
    }
    this.#file = new SocketFile(path);
    this.#isUnreachable = false;
    this.#lookLater();
    const message = `listening on ${path}${again}`;
    this.#gate.report({ event: 'socketListening', level: 'info', message });
  }

  /** A cleaner of old files may take the socket's away: then nobody can connect any more. */
  #lookLater(): void {
    this.#unlook = this.#gate.clock.after(this.#options.lookMs ?? LOOK_MS, () => {
      const found = this.#file === undefined ? 'gone' : this.#file.look();
      if (found === 'gone') {
        this.#reopening = this.#reopen();
        return;
      }
      if (found === 'another') this.#tellUnreachable('something else has taken its place');
      this.#lookLater();
    });
  }

  async #reopen(): Promise<void> {
    const { path } = this.#options;
    this.#server.close();
    this.#file = undefined;
    try {
      await clearSocketPath(path);
      if (!this.#isClosing) await this.#open(' again');
    } catch (error) {
      this.#tellUnreachable(error instanceof Error ? error.message : String(error));
      if (!this.#isClosing) this.#lookLater();
    }
  }

  /** Once, until it listens again. */
  #tellUnreachable(why: string): void {
    if (this.#isUnreachable) return;
    this.#isUnreachable = true;
    this.#gate.report({
      event: 'socketUnreachable',
      level: 'warning',
      message: `nobody can connect to ${this.#options.path} any more: ${why}. It listens there again when that is over.`,
    });
  }

  /** The socket is bound with mode 0600: `chmod` after a bind with the usual umask would leave a moment for anybody. */
  async #listen(path: string): Promise<void> {
    const umask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', (error) => {
          reject(bindFault(path, error));
        });
        // Binds before it returns.
        this.#server.listen({ path, backlog: BACKLOG }, resolve);
        process.umask(umask);
      });
    } finally {
      process.umask(umask);
    }
    this.#server.removeAllListeners('error');
    this.#server.on('error', (error) => {
      this.#tellFailure(
        `${this.describe}: a connection could not be accepted: ${error.message}. Fix: raise LimitNOFILE`,
      );
    });
  }

  #accept(accepted: net.Socket): void {
    const { connectionsMax = CONNECTIONS_MAX } = this.#options;
    const limits = { connectionsMax, openFilesMax: this.#openFilesMax };
    const refusal = connectionRefusal(limits, this.#connections.size, descriptorOf(accepted));
    if (refusal !== undefined) {
      accepted.destroy();
      this.counters.connectionsRefused += 1;
      this.#refused.add(refusal);
      return;
    }
    const scratch = this.#scratch;
    const chunker = this.#chunker;
    assert(scratch !== undefined && chunker !== undefined, 'who listens has a place to read to');
    const { gate, counters, budget } = {
      gate: this.#gate,
      counters: this.counters,
      budget: this.#budget,
    };
    const number = this.#nextConnection++;
    const source = {
      id: `${this.#options.path}#${String(number)}`,
      startPosition: 0,
      settled: () => undefined,
    };
    const lines = new LineStream({ gate, chunker, source, counters, budget });
    const view = gate.memory.buffer(scratch.address, this.#options.scratchBytes ?? SCRATCH_BYTES);
    const hooks: ByteReaderHooks = {
      onBytes: (count) => this.#onBytes(connection, count),
      onEnd: () => {
        connection.isEnded = true;
      },
      onClose: (error) => {
        this.#onClose(connection, error);
      },
    };
    const connection: Connection = {
      reader: this.#read(accepted, view, hooks),
      lines,
      isEnded: false,
    };
    counters.connectionsOpened += 1;
    this.#connections.add(connection);
    if (!this.#isWaiting) connection.reader.resume();
  }

  #read(accepted: net.Socket, view: Buffer, hooks: ByteReaderHooks): ByteReader {
    if (this.#options.readInPlace === false) return readByCopy(accepted, view, hooks);
    if (canReadInPlace(accepted)) return readAcceptedInPlace(accepted, view, hooks);
    if (!this.#isFallbackTold) {
      this.#isFallbackTold = true;
      this.#gate.report({
        event: 'zeroCopyUnavailable',
        level: 'warning',
        message: `${this.describe}: Node ${process.version} does not let sockets be read in place; they are read with a copy, which costs more.`,
      });
    }
    return readByCopy(accepted, view, hooks);
  }

  #onBytes(connection: Connection, count: number): boolean {
    const scratch = this.#scratch;
    if (scratch === undefined) return false;
    assert(this.#parked === undefined, 'nobody is read while bytes are parked');
    this.#lastBytesMs = this.#gate.clock.nowMs();
    const taken = connection.lines.offer(scratch.address, count);
    if (taken === count) return true;
    this.#parked = { connection, address: scratch.address + taken, bytes: count - taken };
    this.#waitForRoom();
    return false;
  }

  #onClose(connection: Connection, error: Error | undefined): void {
    if (error !== undefined) {
      this.#tellFailure(`${this.describe}: a connection broke: ${error.message}`);
    }
    this.#finish(connection);
  }

  /** A last line without a newline is a record, whichever way the connection ended. */
  #finish(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.counters.connectionsClosed += 1;
    connection.reader.destroy();
    if (this.#parked?.connection !== connection && connection.lines.finish()) return;
    this.#unfinished.add(connection);
    this.#waitForRoom();
  }

  #waitForRoom(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    for (const { reader } of this.#connections) reader.pause();
    this.#askForRoom();
  }

  #askForRoom(): void {
    this.#gate.chunkers.whenRoom(() => {
      if (this.#placeParked() && this.#placeUnfinished()) {
        this.#isWaiting = false;
        for (const { reader } of [...this.#connections]) reader.resume();
      } else {
        this.#askForRoom();
      }
    });
  }

  #placeParked(): boolean {
    const parked = this.#parked;
    if (parked === undefined) return true;
    const taken = parked.connection.lines.offer(parked.address, parked.bytes);
    parked.address += taken;
    parked.bytes -= taken;
    if (parked.bytes > 0) return false;
    this.#parked = undefined;
    return true;
  }

  #placeUnfinished(): boolean {
    for (const connection of this.#unfinished) {
      if (!connection.lines.finish()) return false;
      this.#unfinished.delete(connection);
    }
    return true;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#gate.chunkers.whenRoom(resolve);
    });
  }

  async #drain(): Promise<void> {
    const { clock } = this.#gate;
    const endMs = clock.nowMs() + DRAIN_MS_MAX;
    this.#lastBytesMs = clock.nowMs();
    while (this.#connections.size > 0) {
      const nowMs = clock.nowMs();
      const isQuiet = nowMs - this.#lastBytesMs >= DRAIN_QUIET_MS && !this.#isWaiting;
      if (isQuiet || nowMs >= endMs) return;
      await new Promise<void>((resolve) => {
        clock.after(DRAIN_QUIET_MS / 4, resolve);
      });
    }
  }

  #tellFailure(message: string): void {
    this.#gate.report({ event: 'connectionFailed', level: 'debug', message });
  }
}
