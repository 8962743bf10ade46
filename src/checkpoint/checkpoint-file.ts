import { crc32 } from 'node:zlib';

/**
 * The bytes of one generation of the checkpoint: lines that a person can read, each with its own checksum.
 *
 *     1f2e3d4c {"format":"millrace-checkpoint","version":1,"generation":42,"count":2}\n
 *     5a6b7c8d {"key":"...","value":{...}}\n
 *     9e8f7a6b {"key":"...","value":{...}}\n
 *
 * The first eight characters are the CRC-32 of the JSON behind them, in hexadecimal. `count` tells a torn end from an end.
 */
export interface CheckpointGeneration {
  readonly generation: number;
  /** Key -> the record's line, checksum included, without its newline. */
  readonly lines: ReadonlyMap<string, string>;
}

const FORMAT = 'millrace-checkpoint';
const VERSION = 1;
const CRC_DIGITS = 8;

/** One record as a line of the file. */
export function encodeRecord(key: string, value: unknown): string {
  return withCrc(JSON.stringify({ key, value }));
}

/** The value of a record's line that was decoded before. */
export function valueOf(line: string): unknown {
  return (JSON.parse(line.slice(CRC_DIGITS + 1)) as { value: unknown }).value;
}

export function encodeGeneration(generation: number, lines: ReadonlyMap<string, string>): Buffer {
  const head = { format: FORMAT, version: VERSION, generation, count: lines.size };
  return Buffer.from([withCrc(JSON.stringify(head)), ...lines.values(), ''].join('\n'));
}

/** @returns the generation, or in words what is wrong with the bytes: a damaged file is never half believed */
export function decodeGeneration(bytes: Buffer): CheckpointGeneration | string {
  const rows = bytes.toString('utf8').split('\n');
  const head = decodeLine(rows[0] ?? '');
  if (!isObject(head) || head['format'] !== FORMAT)
    return 'its first line is not a checkpoint head';
  const { version, generation, count } = head;
  if (version !== VERSION)
    return `its version is ${String(version)}, this millrace reads ${String(VERSION)}`;
  if (typeof generation !== 'number' || typeof count !== 'number') return 'its head lacks a number';
  if (rows.length !== count + 2 || rows.at(-1) !== '') {
    return `it has ${String(rows.length - 2)} whole records instead of ${String(count)}`;
  }
  const lines = new Map<string, string>();
  for (const [index, row] of rows.slice(1, -1).entries()) {
    const record = decodeLine(row);
    if (!isObject(record) || typeof record['key'] !== 'string') {
      return `record ${String(index + 1)} does not match its checksum`;
    }
    lines.set(record['key'], row);
  }
  return { generation, lines };
}

function withCrc(json: string): string {
  return `${crc32(json).toString(16).padStart(CRC_DIGITS, '0')} ${json}`;
}

function decodeLine(row: string): unknown {
  const json = row.slice(CRC_DIGITS + 1);
  if (withCrc(json) !== row) return undefined;
  return JSON.parse(json);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
