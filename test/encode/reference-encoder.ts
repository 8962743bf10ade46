import { encodeFlags } from '../../src/encode/encode-task.ts';

/** What an encode of lines is told, apart from addresses. */
export interface LineRules {
  readonly trailer: Uint8Array;
  readonly recordBytesMax: number;
  readonly flags: number;
}

export interface ReferenceEncoded {
  readonly payload: Buffer;
  readonly consumedBytes: number;
  readonly nextOffsetDelta: number;
  readonly emptyCount: number;
  readonly longCount: number;
}

/** A zigzag varint, the long way round: BigInt arithmetic as the protocol's description has it. */
function varint(value: number): number[] {
  let rest = (BigInt(value) << 1n) ^ (BigInt(value) >> 63n);
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number((rest & 0x7fn) | 0x80n));
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

function record(offsetDelta: number, value: Uint8Array, trailer: Uint8Array): Buffer {
  const head = [0, 0, ...varint(offsetDelta), 1, ...varint(value.length)];
  const body = Buffer.concat([Buffer.from(head), value, trailer]);
  return Buffer.concat([Buffer.from(varint(body.length)), body]);
}

/** The pieces that a line's value is sent in, and what of it is dropped without a record. */
function pieces(value: Uint8Array, rules: LineRules): Uint8Array[] {
  const max = rules.recordBytesMax;
  if (value.length === 0) return rules.flags & encodeFlags.SKIP_EMPTY ? [] : [value];
  if (value.length <= max) return [value];
  if (rules.flags & encodeFlags.LONG_DROP) return [];
  if (rules.flags & encodeFlags.LONG_TRUNCATE) return [value.subarray(0, max)];
  const cut: Uint8Array[] = [];
  for (let at = 0; at < value.length; at += max) cut.push(value.subarray(at, at + max));
  return cut;
}

/** The kernel's `encodeLines` in plain TypeScript, slow and easy to check by eye. Stops in front of the record that crosses `payloadMax`. */
export function referenceEncode(
  input: Uint8Array,
  rules: LineRules,
  payloadMax: number,
  firstOffsetDelta = 0,
): ReferenceEncoded {
  const records: Buffer[] = [];
  let payloadBytes = 0;
  let emptyCount = 0;
  let longCount = 0;
  let consumedBytes = 0;
  const result = (): ReferenceEncoded => ({
    payload: Buffer.concat(records),
    consumedBytes,
    nextOffsetDelta: firstOffsetDelta + records.length,
    emptyCount,
    longCount,
  });

  while (consumedBytes < input.length) {
    const newline = input.indexOf(10, consumedBytes);
    const lineEnd = newline < 0 ? input.length : newline;
    let value = input.subarray(consumedBytes, lineEnd);
    if (rules.flags & encodeFlags.STRIP_CR && value.at(-1) === 13) value = value.subarray(0, -1);
    const parts = pieces(value, rules);
    const long = value.length > rules.recordBytesMax;
    for (const [index, part] of parts.entries()) {
      const encoded = record(firstOffsetDelta + records.length, part, rules.trailer);
      if (payloadBytes + encoded.length > payloadMax) return result();
      records.push(encoded);
      payloadBytes += encoded.length;
      if (index < parts.length - 1) {
        consumedBytes += part.length;
        longCount += 1;
      }
    }
    if (parts.length === 0 && !long) emptyCount += 1;
    if (parts.length < 2 && long) longCount += 1;
    consumedBytes = newline < 0 ? input.length : newline + 1;
  }
  return result();
}
