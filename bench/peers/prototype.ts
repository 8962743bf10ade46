/**
 * The prototype that the figures of the design were measured with: what the steps alone cost, without a producer around them. Two workers read, encode, compress
 * and sum (prototype-worker.ts), main sends. No idempotence, no retries, no metadata, no positions. What it costs on a machine over what it cost on
 * that of the design tells how much slower the machine is.
 */
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CodecName } from '../../src/kafka/compression.ts';
import { frameRequest, parseResponse } from '../../src/kafka/header.ts';
import { produce } from '../../src/kafka/messages/00-produce.ts';
import { allocateSharedMemory, type SharedMemory } from '../../src/ring/shared-memory.ts';
import { ResponseFrames } from '../../src/send/response-frames.ts';
import { assert, present } from '../../src/shared/assert.ts';
import { PARTITIONS } from '../load-shape.ts';
import { MEMORY_BYTES, type MadeBatch, type PrototypeTask } from './prototype-task.ts';

const WORKERS = 2;
const IN_FLIGHT_MAX = 5;
const VERSION = 7;

const [bootstrap = '', topic = '', codec = 'none', file = ''] = process.argv.slice(2);

interface Waiting extends MadeBatch {
  readonly worker: Worker;
  readonly memory: SharedMemory;
}

const queue: Waiting[] = [];
const inFlight = new Map<number, Waiting>();
let correlationId = 0;
let working = WORKERS;

const url = new URL(`kafka://${bootstrap}`);
const socket = connect(Number(url.port), url.hostname);
socket.setNoDelay(true);
const frames = new ResponseFrames();
socket.on('data', (bytes) => frames.take(bytes, answered));

function pump(): void {
  while (inFlight.size < IN_FLIGHT_MAX) {
    const batch = queue.shift();
    if (batch === undefined) break;
    const id = correlationId++;
    inFlight.set(id, batch);
    const records = batch.memory.view(batch.address, batch.bytes);
    const partitionData = [{ index: id % PARTITIONS, records }];
    const topicData = [{ name: topic, partitionData }];
    const request = { acks: -1, timeoutMs: 30_000, topicData };
    socket.cork();
    for (const part of frameRequest(produce, VERSION, id, 'p', request)) socket.write(part);
    socket.uncork();
  }
  if (working === 0 && queue.length === 0 && inFlight.size === 0) process.exit(0);
}

function answered(frame: Buffer): boolean {
  const id = frame.readInt32BE(0);
  const batch = present(inFlight.get(id), 'the broker answers what was asked');
  const { responses } = parseResponse(produce, VERSION, frame);
  const error = responses[0]?.partitionResponses[0]?.errorCode;
  assert(error === 0, `the broker takes every batch, and answered ${String(error)}`);
  inFlight.delete(id);
  batch.worker.postMessage(batch.slot);
  pump();
  return true;
}

const job = {
  ...{ file, fileBytes: statSync(file).size, codec: codec as CodecName },
  nextChunk: new SharedArrayBuffer(4),
};
const program = new URL(`./prototype-worker${extname(import.meta.url)}`, import.meta.url);
for (let index = 0; index < WORKERS; index += 1) {
  const memory = allocateSharedMemory(MEMORY_BYTES);
  const task: PrototypeTask = { ...job, memory: memory.memory };
  const worker = new Worker(program, { workerData: task });
  worker.on('message', (batch: MadeBatch | undefined) => {
    if (batch === undefined) working -= 1;
    else queue.push({ ...batch, worker, memory });
    pump();
  });
}
