import type { SharedMemory } from '../ring/shared-memory.ts';
import type { EncodeResult, EncodeTask } from './encode-task.ts';

/**
 * What the two rings carry, as little-endian 32-bit words; only the timestamp needs 64 bits.
 *
 *     submission   0 ticket, 4 … the task's fields in the order of `taskFields`, 52 kind, 56 timestampMs (float64)
 *     completion   0 ticket, 4 … the result's fields in the order of `resultFields`
 *
 * The ticket names the submission; a worker hands it back unread. It is an unsigned 32-bit number.
 */
const taskFields = [
  'inputAddress',
  'inputBytes',
  'outputAddress',
  'outputBytes',
  'trailerAddress',
  'trailerBytes',
  'recordBytesMax',
  'flags',
  'batchBytesMax',
  'codec',
  'level',
  'recordCount',
] as const satisfies readonly (keyof EncodeTask)[];

const resultFields = [
  'consumedBytes',
  'batchBytes',
  'recordCount',
  'payloadCrc',
  'attributes',
  'rawBytes',
  'emptyCount',
  'longCount',
] as const satisfies readonly (keyof EncodeResult)[];

const KIND_OFFSET = 52;
const TIMESTAMP_OFFSET = 56;

/** What a submission asks for: to encode, or to end when all before it is done. */
const kinds = { encode: 0, stop: 1 } as const;

export function writeTask(
  memory: SharedMemory,
  slot: number,
  ticket: number,
  task: EncodeTask,
): void {
  const { data } = memory;
  data.setUint32(slot, ticket, true);
  taskFields.forEach((field, index) => data.setInt32(slot + 4 + index * 4, task[field], true));
  data.setUint32(slot + KIND_OFFSET, kinds.encode, true);
  data.setFloat64(slot + TIMESTAMP_OFFSET, task.timestampMs, true);
}

export function writeStop(memory: SharedMemory, slot: number): void {
  memory.data.setUint32(slot + KIND_OFFSET, kinds.stop, true);
}

/** Undefined when the submission is a stop. */
export function readTask(
  memory: SharedMemory,
  slot: number,
): { readonly ticket: number; readonly task: EncodeTask } | undefined {
  const { data } = memory;
  if (data.getUint32(slot + KIND_OFFSET, true) === kinds.stop) return undefined;
  const task: Record<string, number> = {
    timestampMs: data.getFloat64(slot + TIMESTAMP_OFFSET, true),
  };
  taskFields.forEach((field, index) => (task[field] = data.getInt32(slot + 4 + index * 4, true)));
  return { ticket: data.getUint32(slot, true), task: task as unknown as EncodeTask };
}

export function writeResult(
  memory: SharedMemory,
  slot: number,
  ticket: number,
  result: EncodeResult,
): void {
  const { data } = memory;
  data.setUint32(slot, ticket, true);
  resultFields.forEach((field, index) => data.setUint32(slot + 4 + index * 4, result[field], true));
}

export function readResult(
  memory: SharedMemory,
  slot: number,
): { ticket: number; result: EncodeResult } {
  const { data } = memory;
  const result: Record<string, number> = {};
  resultFields.forEach(
    (field, index) => (result[field] = data.getUint32(slot + 4 + index * 4, true)),
  );
  return { ticket: data.getUint32(slot, true), result: result as unknown as EncodeResult };
}
