/** Reads the demo's topics back as any consumer does, over the wire, and looks at every record that is still there. */
import { crc32c } from '../kafka/crc32c.ts';
import { decompress } from '../kafka/compression.ts';
import { errorOf, errors } from '../kafka/errors.ts';
import { fetch } from '../kafka/messages/01-fetch.ts';
import { listOffsets, offsetSpecs } from '../kafka/messages/02-list-offsets.ts';
import { metadata } from '../kafka/messages/03-metadata.ts';
import {
  BATCH_HEADER_BYTES,
  batchOffsets,
  NO_PRODUCER_ID,
  readBatchHeader,
  recordBatches,
} from '../kafka/record-batch.ts';
import { decodeRecords } from '../kafka/record.ts';
import { BrokerChannel, ConnectionLost } from '../send/broker-channel.ts';
import { headersRequest, latestOffset, latestOffsetRequest } from '../send/log-reader.ts';
import type { LogPosition } from '../send/log-reader.ts';
import { ChannelOpening } from '../send/open-channel.ts';
import type { Endpoint } from '../send/sender-config.ts';
import { ProtocolError, SetupError } from '../shared/errors.ts';
import { packageVersion } from '../shared/package.ts';
import { sampleNumber } from './demo-log.ts';

/** What the topics hold, by the broker's answers. */
export interface ReadBack {
  readonly partitions: number;
  /** Records ever stored: the sum of the end offsets. */
  readonly stored: number;
  /** Records that are still kept, each of which was looked at. */
  readonly read: number;
  /** Of these, lines of the sample log. */
  readonly sampleLines: number;
  /** Of these, written without idempotence: not by the demo, unless it was told to. */
  readonly withoutProducerId: number;
  /** What is wrong with them, a sentence each, the first ten. */
  readonly faults: readonly string[];
}

export interface ReadBackOptions {
  readonly endpoint: Endpoint;
  readonly topics: readonly string[];
  /** Which file of the sample log holds its line: order is looked at within each. */
  readonly fileOf: (line: number) => number;
  /** Called now and then, with the records read so far and those that there are. */
  readonly onProgress: (read: number, kept: number) => void;
}

const SETUP_TIMEOUT_MS = 10_000;
const FAULTS_MAX = 10;

/** @throws {SetupError} when the broker cannot be asked */
export async function readBack(options: ReadBackOptions): Promise<ReadBack> {
  const channel = await openChannel(options.endpoint);
  try {
    return await readTopics(channel, options);
  } catch (error) {
    if (!(error instanceof ConnectionLost) && !(error instanceof ProtocolError)) throw error;
    throw unavailable(`the topic could not be read back: ${error.message}`, error);
  } finally {
    channel.close('everything is read back');
  }
}

async function readTopics(channel: BrokerChannel, options: ReadBackOptions): Promise<ReadBack> {
  const found = await channel.call(metadata, {
    topics: options.topics.map((name) => ({ name })),
    allowAutoTopicCreation: false,
  });
  const logs: PartitionEnds[] = [];
  for (const { name, topicId, partitions } of found.topics) {
    for (const { partitionIndex } of partitions) {
      const at = { topic: name ?? '', topicId, partition: partitionIndex, currentLeaderEpoch: -1 };
      logs.push({ at, ...(await askEnds(channel, at)) });
    }
  }
  const sum = (of: (log: PartitionEnds) => bigint): number =>
    Number(logs.reduce((total, log) => total + of(log), 0n));
  const kept = sum(({ start, end }) => end - start);
  const audit = new Audit(options.fileOf);
  for (const log of logs) {
    await readPartition(channel, log, audit, () => options.onProgress(audit.read, kept));
  }
  audit.finish(kept);
  const { read, sampleLines, withoutProducerId, faults } = audit;
  const stored = sum(({ end }) => end);
  return { partitions: logs.length, stored, read, sampleLines, withoutProducerId, faults };
}

interface PartitionEnds {
  readonly at: LogPosition;
  /** First offset that is still kept. */
  readonly start: bigint;
  /** Offset of the next record. */
  readonly end: bigint;
}

async function askEnds(
  channel: BrokerChannel,
  at: LogPosition,
): Promise<Omit<PartitionEnds, 'at'>> {
  const request = latestOffsetRequest(at, -1);
  const latest = latestOffset(await channel.call(listOffsets, request), at);
  const topics = [
    {
      name: at.topic,
      partitions: [{ partitionIndex: at.partition, timestamp: offsetSpecs.earliest }],
    },
  ];
  const earliest = latestOffset(await channel.call(listOffsets, { ...request, topics }), at);
  for (const { errorCode } of [latest, earliest]) refuseError(errorCode, at);
  return { start: earliest.offset, end: latest.offset };
}

async function readPartition(
  channel: BrokerChannel,
  { at, start, end }: PartitionEnds,
  audit: Audit,
  onProgress: () => void,
): Promise<void> {
  let offset = start;
  audit.begin(at);
  while (offset < end) {
    const from = offset;
    const answer = await channel.call(fetch, headersRequest(at, from));
    const found = answer.responses[0]?.partitions[0];
    refuseError(found?.errorCode ?? answer.errorCode, at);
    for (const batch of recordBatches(found?.records ?? new Uint8Array(0))) {
      offset = audit.batch(batch, offset);
    }
    if (offset === from) throw new ProtocolError(`${nameOf(at)}: nothing is there at ${from}`);
    onProgress();
  }
}

/** Looks at batches and their records, and counts. */
class Audit {
  read = 0;
  withoutProducerId = 0;
  readonly faults: string[] = [];
  readonly #numbers: number[] = [];
  readonly #fileOf: (line: number) => number;
  /** By file, in the present partition. */
  readonly #lastNumbers = new Map<number, number>();
  #partition = '';

  constructor(fileOf: (line: number) => number) {
    this.#fileOf = fileOf;
  }

  get sampleLines(): number {
    return this.#numbers.length;
  }

  begin(at: LogPosition): void {
    this.#partition = nameOf(at);
    this.#lastNumbers.clear();
  }

  /** @returns the offset behind the batch */
  batch(batch: Uint8Array, expectedOffset: bigint): bigint {
    const header = readBatchHeader(batch);
    const place = `${this.#partition} at offset ${header.baseOffset}`;
    if (header.baseOffset !== expectedOffset) {
      this.#fault(`${place}: a batch was expected at ${expectedOffset}`);
    }
    if (crc32c(batch.subarray(batchOffsets.attributes)) !== header.crc) {
      this.#fault(`${place}: the checksum is not that of the batch`);
    }
    const payload = batch.subarray(BATCH_HEADER_BYTES);
    const records = header.codec === 0 ? payload : decompress(header.codec, payload);
    for (const { value } of decodeRecords(records, header.recordCount)) {
      if (value !== null) this.#line(Buffer.from(value.buffer, value.byteOffset, value.length));
    }
    this.read += header.recordCount;
    if (header.producerId === NO_PRODUCER_ID) this.withoutProducerId += header.recordCount;
    return header.baseOffset + BigInt(header.lastOffsetDelta) + 1n;
  }

  finish(kept: number): void {
    if (this.read !== kept) this.#fault(`${kept} records are kept, and ${this.read} were read`);
    const numbers = Float64Array.from(this.#numbers).sort();
    const doubled = numbers.findIndex((number, index) => number === numbers[index - 1]);
    if (doubled >= 0) this.#fault(`line ${numbers[doubled] ?? 0} of the sample log is there twice`);
  }

  #line(value: Buffer): void {
    const number = sampleNumber(value);
    if (number === undefined) return;
    const file = this.#fileOf(number);
    const before = this.#lastNumbers.get(file) ?? -1;
    if (number <= before) {
      this.#fault(`${this.#partition}: line ${number} of the sample log stands behind ${before}`);
    }
    this.#lastNumbers.set(file, number);
    this.#numbers.push(number);
  }

  #fault(text: string): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push(text);
  }
}

async function openChannel(endpoint: Endpoint): Promise<BrokerChannel> {
  const need = { purpose: 'reading back', fix: 'use a later broker' };
  const opening = new ChannelOpening({
    endpoint,
    origin: 'bootstrap',
    attempt: 0,
    software: { clientId: 'millrace-demo', version: packageVersion() },
    needs: [metadata, listOffsets, fetch].map((spec) => ({ spec, ...need })),
    setupTimeoutMs: SETUP_TIMEOUT_MS,
    setupTimeoutMaxMs: SETUP_TIMEOUT_MS,
    random: () => 0.5,
    onClosed: () => undefined,
  });
  const result = await opening.run();
  if (result instanceof BrokerChannel) return result;
  throw unavailable(`the topic could not be read back: ${result.message}`);
}

function refuseError(errorCode: number, at: LogPosition): void {
  const error = errorOf(errorCode);
  if (error === errors.NONE) return;
  throw unavailable(`${nameOf(at)} could not be read back: ${error.name} (${error.meaning})`);
}

function unavailable(message: string, cause?: Error): SetupError {
  return new SetupError('unavailable', message, { cause });
}

function nameOf({ topic, partition }: LogPosition): string {
  return `${topic}-${partition}`;
}
