/** Settings of a topic that the embedded broker obeys, under Kafka's own names and with Kafka's defaults unless said. */
export interface TopicConfig {
  /** Largest batch, header included, as it arrives. */
  readonly 'max.message.bytes': number;
  readonly 'message.timestamp.type': 'CreateTime' | 'LogAppendTime';
  /** How much older than the append a record may say it is. */
  readonly 'message.timestamp.before.max.ms': number;
  /** How much newer than the append a record may say it is. */
  readonly 'message.timestamp.after.max.ms': number;
  /** In-sync replicas wanted for acks=all. */
  readonly 'min.insync.replicas': number;
  /** `compact` refuses records without a key; nothing is ever compacted. */
  readonly 'cleanup.policy': 'delete' | 'compact';
  /** Bytes kept per partition, then the oldest batches go. Kafka's default is no limit; here it is memory. */
  readonly 'retention.bytes': number;
}

export const topicConfigDefaults: TopicConfig = {
  'max.message.bytes': 1048588,
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': Number.MAX_SAFE_INTEGER,
  'message.timestamp.after.max.ms': 3_600_000,
  'min.insync.replicas': 1,
  'cleanup.policy': 'delete',
  'retention.bytes': 1_073_741_824,
};

/** Values that each textual setting may have; the others are integers from 0 on. */
const choices: Partial<Record<keyof TopicConfig, readonly string[]>> = {
  'message.timestamp.type': ['CreateTime', 'LogAppendTime'],
  'cleanup.policy': ['delete', 'compact'],
};

/**
 * Settings as CreateTopics carries them. Names that Kafka has and the embedded broker does not obey are taken and ignored,
 * so that scripts written for Kafka run; a value that cannot be right is an answer in words.
 */
export function parseTopicConfig(
  entries: Iterable<readonly [name: string, value: string | null]>,
): { readonly config: Partial<TopicConfig> } | { readonly fault: string } {
  const parsed = new Map<string, string | number>();
  for (const [name, value] of entries) {
    if (!isTopicConfigName(name) || value === null) continue;
    const allowed = choices[name];
    const number = Number(value);
    const valid = allowed ? allowed.includes(value) : Number.isSafeInteger(number) && number >= 0;
    if (!valid) {
      const wanted = allowed?.join(' or ') ?? 'a whole number from 0 on';
      return { fault: `${name}=${value}: write ${wanted}` };
    }
    parsed.set(name, allowed ? value : number);
  }
  return { config: Object.fromEntries(parsed) };
}

function isTopicConfigName(name: string): name is keyof TopicConfig {
  return Object.hasOwn(topicConfigDefaults, name);
}
