/**
 * The load of the producer bench, the same loops for every client: it hands out records, waits as the style asks, and prints what that cost
 * this process, all its threads included, once the client has warmed up.
 */
import { present } from '../../src/shared/assert.ts';
import { recordsInCall } from '../load-shape.ts';
import { loadValues } from '../load-values.ts';
import type { LoadFigures, LoadStyle } from '../producer-load-style.ts';
import { percentile, spread } from '../statistics.ts';

/** A record as it is handed to a client. */
export interface LoadRecord {
  readonly topic: string;
  readonly key: Buffer | undefined;
  readonly value: Buffer;
}

export interface Load {
  readonly bootstrap: string;
  readonly topic: string;
  readonly codec: string;
  readonly style: LoadStyle;
  readonly isKeyed: boolean;
  readonly valueBytes: number;
  readonly records: number;
}

/** What a client can do; a style that it has no call for is left out. */
export interface LoadClient {
  /** All of them in one call; resolves when all are acknowledged. */
  readonly batch?: (records: readonly LoadRecord[]) => Promise<unknown>;
  /** Resolves when it is acknowledged. */
  readonly send?: (record: LoadRecord) => Promise<unknown>;
  /** Calls `told` when it is acknowledged; what comes back is waited for before the next one. */
  readonly callback?: (record: LoadRecord, told: Told) => Promise<unknown> | undefined;
  /** Without a promise or a callback; what comes back is waited for before the next one. */
  readonly fire?: (record: LoadRecord) => Promise<unknown> | undefined;
  /** Resolves when everything fired is acknowledged. */
  readonly flush?: () => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

/** What a client says of a record: why it failed, or nothing. */
export type Told = (error?: Error | null) => void;

/** Records that are open at a time where each is a request. */
export const WINDOW = 1000;

/** Runs the load that the command line names, and prints its figures as one line of JSON. */
export async function runLoad(open: (load: Load) => Promise<LoadClient>): Promise<void> {
  const load = readLoad(process.argv.slice(2));
  const client = await open(load);
  const next = recordSource(load);
  // V8 compiles a request's path for thousands of requests, and a gigabyte is a thousand.
  await carry(client, load, next, load.records);
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const latencies = await carry(client, load, next, load.records);
  const wallSeconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const figures: LoadFigures = {
    ...{ wallSeconds, cpuSeconds: (user + system) / 1e6 },
    peakBytes: process.resourceUsage().maxRSS * 1024,
    latencyMs: spread(latencies).median,
    latencyP99Ms: percentile(latencies, 0.99),
  };
  await client.close();
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function readLoad(args: readonly string[]): Load {
  const [bootstrap = '', topic = '', codec = '', style = '', keyed, valueBytes, records] = args;
  return {
    ...{ bootstrap, topic, codec, style: style as LoadStyle, isKeyed: keyed === 'keyed' },
    ...{ valueBytes: Number(valueBytes), records: Number(records) },
  };
}

/** @returns how long each record took, where the style waits for one after the other */
async function carry(
  client: LoadClient,
  load: Load,
  next: () => LoadRecord,
  count: number,
): Promise<number[]> {
  const { flush } = client;
  const why = `the client has a call for ${load.style}`;
  switch (load.style) {
    case 'batch': {
      const batch = present(client.batch, why);
      const size = recordsInCall(load.valueBytes);
      for (let left = count; left > 0; left -= size) {
        await batch(several(next, Math.min(size, left)));
      }
      return [];
    }
    case 'promise': {
      const send = present(client.send, why);
      for (let left = count; left > 0; left -= WINDOW) {
        await Promise.all(Array.from({ length: Math.min(WINDOW, left) }, () => send(next())));
      }
      return [];
    }
    case 'callback': {
      const callback = present(client.callback, why);
      const { told, all } = counting(count);
      for (let left = count; left > 0; left -= 1) {
        const room = callback(next(), told);
        if (room !== undefined) await room;
      }
      await Promise.all([flush?.(), all]);
      return [];
    }
    case 'fire': {
      const fire = present(client.fire, why);
      for (let left = count; left > 0; left -= 1) {
        const room = fire(next());
        if (room !== undefined) await room;
      }
      await flush?.();
      return [];
    }
    case 'single': {
      const send = present(client.send, why);
      const latencies: number[] = [];
      for (let left = count; left > 0; left -= 1) {
        const sentMs = performance.now();
        await send(next());
        latencies.push(performance.now() - sentMs);
      }
      return latencies;
    }
  }
}

/** @returns a callback for each of so many records, and when all of them were told; rejected when one of them failed */
function counting(count: number): { readonly told: Told; readonly all: Promise<void> } {
  let left = count;
  let told: Told = () => undefined;
  const all = new Promise<void>((resolve, reject) => {
    told = (error) => {
      left -= 1;
      if (error instanceof Error) reject(error);
      else if (left === 0) resolve();
    };
  });
  return { told, all };
}

function several(next: () => LoadRecord, count: number): LoadRecord[] {
  const records: LoadRecord[] = [];
  for (let i = 0; i < count; i++) records.push(next());
  return records;
}

function recordSource({ topic, valueBytes, isKeyed }: Load): () => LoadRecord {
  const values = loadValues(valueBytes);
  const keys = values.map((_, index) => (isKeyed ? Buffer.from(`key-${index * 7919}`) : undefined));
  let number = 0;
  return () => {
    const index = number % values.length;
    number += 1;
    return { topic, key: keys[index], value: values[index] ?? Buffer.alloc(0) };
  };
}
