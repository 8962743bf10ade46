/** kafkajs as a line shipper: idempotent, acks=all, one send of about a million bytes at a time over all partitions. */
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { lineBatches } from './line-batches.ts';
import { createCompressor } from './peer-codecs.ts';

interface Message {
  value: Buffer;
}
interface KafkaJs {
  Kafka: new (options: { brokers: string[]; logLevel: number }) => {
    producer(options: { idempotent: boolean; maxInFlightRequests: number }): {
      connect(): Promise<void>;
      send(batch: {
        topic: string;
        acks: number;
        compression: number;
        messages: Message[];
      }): Promise<unknown>;
      disconnect(): Promise<void>;
    };
  };
  CompressionCodecs: Record<
    number,
    () => { compress(encoder: { buffer: Buffer }): Promise<Buffer>; decompress(): never }
  >;
}

const [bootstrap = '', topic = '', codec = 'none', file = ''] = process.argv.slice(2);
const { Kafka, CompressionCodecs } = createRequire(import.meta.url)('kafkajs') as KafkaJs;
const ids: Record<string, number> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };
const id = ids[codec] ?? 0;
const compress = codec === 'gzip' ? (raw: Buffer) => gzipSync(raw) : createCompressor(codec);
CompressionCodecs[id] = () => ({
  compress: (encoder) => Promise.resolve(compress(encoder.buffer)),
  decompress: () => {
    throw new Error('a producer reads nothing');
  },
});

const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: 1 });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();
for await (const lines of lineBatches(file)) {
  await producer.send({
    topic,
    acks: -1,
    compression: id,
    messages: lines.map((value) => ({ value })),
  });
}
await producer.disconnect();
