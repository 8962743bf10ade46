/** What `import … from 'millrace'` gives: the producer and all that is needed to use it. */
export { Producer, type ProducerMetrics } from './producer.ts';
export * from './producer/errors.ts';
export type { InterceptorFault, ProducerInterceptor } from './producer/interceptors.ts';
export {
  partitionForKey,
  type Partitioner,
  type PartitionerInput,
  type TopicPartitions,
} from './producer/partitioners.ts';
export type { ProducerConfig } from './producer/producer-config.ts';
export type { WritableOptions } from './producer/record-writable.ts';
export type {
  DeliveryCallback,
  Header,
  Headers,
  HeadersInput,
  HeaderValue,
  HeaderValueInput,
  ProducerRecord,
  RecordMetadata,
} from './producer/record.ts';
export type { RecordMetadataList } from './producer/record-metadata-list.ts';
export type {
  ConsumerGroupMetadata,
  TopicPartitionOffset,
} from './producer/transaction-offsets.ts';
export { serializers, type Serializer, type TypeOf } from './producer/serializers.ts';
export { ConfigError, SetupError, type ConfigFault } from './shared/errors.ts';
export type { KafkaNode, PartitionInfo } from './send/topic-view.ts';
export type { ProducerEvents, ProducerNotice } from './producer/producer-events.ts';
