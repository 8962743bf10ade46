/** kafkajs as both benches use it: idempotent, acks=all, with the fastest codecs that a Node user can plug in. */
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { createCompressor } from './peer-codecs.ts';

export interface KafkaJsMessage {
  value: Buffer;
  key?: Buffer;
  partition?: number;
}
interface KafkaJsProducer {
  connect(): Promise<void>;
  send(batch: {
    topic: string;
    acks: number;
    compression: number;
    messages: KafkaJsMessage[];
  }): Promise<unknown>;
  disconnect(): Promise<void>;
}
interface KafkaJs {
  Kafka: new (options: { brokers: string[]; logLevel: number }) => {
    producer(options: { idempotent: boolean; maxInFlightRequests: number }): KafkaJsProducer;
  };
  CompressionCodecs: Record<
    number,
    () => { compress(encoder: { buffer: Buffer }): Promise<Buffer>; decompress(): never }
  >;
}

const ids: Record<string, number> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

/** A producer that is connected: sends messages to one topic, and ends. */
export async function connectKafkaJs(
  bootstrap: string,
  topic: string,
  codec: string,
): Promise<{
  readonly send: (messages: KafkaJsMessage[]) => Promise<unknown>;
  readonly disconnect: () => Promise<void>;
}> {
  const { Kafka, CompressionCodecs } = createRequire(import.meta.url)('kafkajs') as KafkaJs;
  const compression = ids[codec] ?? 0;
  const compress = codec === 'gzip' ? (raw: Buffer) => gzipSync(raw) : createCompressor(codec);
  CompressionCodecs[compression] = () => ({
    compress: (encoder) => Promise.resolve(compress(encoder.buffer)),
    decompress: () => {
      throw new Error('a producer reads nothing');
    },
  });
  const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: 1 });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  return {
    send: (messages) => producer.send({ topic, acks: -1, compression, messages }),
    disconnect: () => producer.disconnect(),
  };
}
