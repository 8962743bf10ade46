/** Where a broker listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What the sender core needs to know: Kafka's keys of the same dotted names, with Kafka's meaning. Checked before it comes here. */
export interface SenderConfig {
  readonly bootstrapServers: readonly Endpoint[];
  readonly acks: -1 | 0 | 1;
  readonly enableIdempotence: boolean;
  readonly maxInFlightRequestsPerConnection: number;
  readonly retries: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  readonly reconnectBackoffMs: number;
  readonly reconnectBackoffMaxMs: number;
  readonly requestTimeoutMs: number;
  /** `Infinity` where every source can replay. */
  readonly deliveryTimeoutMs: number;
  /** `Infinity`: never closed for that. */
  readonly connectionsMaxIdleMs: number;
  readonly metadataMaxAgeMs: number;
  readonly metadataMaxIdleMs: number;
  /** KIP-899: `none` knows no brokers but those of the last metadata. */
  readonly metadataRecoveryStrategy: 'rebootstrap' | 'none';
  /** KIP-1102: so long without metadata, and the bootstrap servers are asked although known brokers can be reached. */
  readonly metadataRecoveryRebootstrapTriggerMs: number;
  /** Bound of the batches in one Produce request, in bytes; one batch goes out alone whatever its size. */
  readonly maxRequestSize: number;
  /** Keyless: bytes after which another partition is chosen. Also what a batch that the broker finds too large is split into. */
  readonly batchSize: number;
  readonly partitionerAdaptivePartitioningEnable: boolean;
  readonly partitionerAvailabilityTimeoutMs: number;
  /** KIP-1123: keyless batches stay with brokers of `clientRack` while one of them can take any. */
  readonly partitionerRackAware: boolean;
  readonly clientRack: string;
  readonly allowAutoCreateTopics: boolean;
  /** A topic that does not exist, or is not permitted, is waited for so long; then the sender stops for good. `Infinity`: until it can be used. */
  readonly topicWaitMaxMs: number;
  /** Left out without transactional.id. Wants acks=all and enable.idempotence. */
  readonly transactions?: {
    readonly transactionalId: string;
    readonly transactionTimeoutMs: number;
  };
  /**
   * Who hears of the outcomes. `source` has time: a missing permission is waited for, and a batch whose fate is open has no outcome until it
   * is known. `caller` has none: a missing permission is an outcome at once, and at delivery.timeout.ms every batch has one, known or not;
   * what may be in the log is settled all the same.
   */
  readonly outcomesFor: 'source' | 'caller';
}

/** Kafka's defaults, for tests and as a base; connections.max.idle.ms stays below the broker's ten minutes. */
export const defaultSenderConfig: SenderConfig = {
  bootstrapServers: [{ host: 'localhost', port: 9092 }],
  acks: -1,
  enableIdempotence: true,
  maxInFlightRequestsPerConnection: 5,
  retries: 2_147_483_647,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 1000,
  reconnectBackoffMs: 50,
  reconnectBackoffMaxMs: 1000,
  requestTimeoutMs: 30_000,
  deliveryTimeoutMs: 120_000,
  connectionsMaxIdleMs: 540_000,
  metadataMaxAgeMs: 300_000,
  metadataMaxIdleMs: 300_000,
  metadataRecoveryStrategy: 'rebootstrap',
  metadataRecoveryRebootstrapTriggerMs: 300_000,
  maxRequestSize: 1_048_576,
  batchSize: 16_384,
  partitionerAdaptivePartitioningEnable: true,
  partitionerAvailabilityTimeoutMs: 0,
  partitionerRackAware: false,
  clientRack: '',
  allowAutoCreateTopics: true,
  topicWaitMaxMs: Infinity,
  outcomesFor: 'source',
};
