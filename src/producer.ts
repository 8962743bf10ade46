/**
 * The producer of the library, shaped like Apache Kafka's KafkaProducer: `send` takes a record, and tells what became of it.
 * Source: org.apache.kafka.clients.producer.KafkaProducer.
 *
 *     const producer = new Producer({ 'bootstrap.servers': 'localhost:9092' });
 *     const { partition, offset } = await producer.send({ topic: 'logs', value: 'hello' });
 *     await producer.close();
 */
import { EventEmitter } from 'node:events';
import { readProducerConfig, type SettingValue } from '../config/producer-config.ts';
import type { ProduceOutcome } from './ack/produce-outcome.ts';
import { ProducerEngine } from './producer-engine.ts';
import { IllegalStateError, KafkaError, RecordTooLargeError } from './producer/errors.ts';
import { errorOf } from './producer/outcome-error.ts';
import { createPartitioner, type Partitioner } from './producer/partitioners.ts';
import {
  checkRecord,
  checkTopic,
  headersOf,
  metadataOf,
  type ProducerRecord,
  type RecordMetadata,
} from './producer/record.ts';
import { serialize, serializers, type Serialized, type Serializer } from './producer/serializers.ts';
