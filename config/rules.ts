/** Rules between keys: as much a part of the table as the keys themselves. */
import { INT32_MAX } from './value-types.ts';
import { bufferMemoryMin, RECORD_ROOM_BYTES } from './kafka-keys.ts';
import type { LibraryConfig } from './library-keys.ts';
import type { Config, InputConfig, KafkaConfig } from './schema.ts';

/** What was read, before anyone knows whether it holds together: what had a fault of its own is not there. */
export type Draft = Omit<Config, 'inputs' | 'notes' | 'kafka'> & {
  readonly kafka: KafkaConfig & Partial<LibraryConfig>;
  readonly inputs: readonly (InputConfig | undefined)[] | undefined;
};

export interface Broken {
  /** Full paths; the fault stands at the first of them that was written. With a fault of their own, the rule is silent. */
  readonly keys: readonly string[];
  readonly problem: string;
  readonly fix: string;
}

export interface Rule {
  /** For docs/CONFIGURATION.md. */
  readonly says: string;
  readonly check: (draft: Draft) => readonly Broken[];
}

const MiB = 1024 * 1024;

/** Rings, tables and chunks of one worker. */
const WORKER_BYTES = 5 * MiB;

/** NaN when max.request.size has a fault of its own. */
function memoryForRequests({ maxRequestSize }: Draft['kafka'], workers: number): number {
  return WORKER_BYTES * workers + (workers + 5) * maxRequestSize;
}

export const rules: readonly Rule[] = [
  needsOfIdempotence('acks: all', 'kafka.acks', ({ acks }) =>
    acks === -1 ? undefined : `acks=${acks}`,
  ),
  needsOfIdempotence('retries over 0', 'kafka.retries', ({ retries }) =>
    retries > 0 ? undefined : `retries=${retries}`,
  ),
  needsOfIdempotence(
    'max.in.flight.requests.per.connection of 5 or less',
    'kafka.max.in.flight.requests.per.connection',
    ({ maxInFlightRequestsPerConnection: count }) =>
      count <= 5 ? undefined : `max.in.flight.requests.per.connection=${count}`,
  ),
  {
    says: '`transactional.id` needs `enable.idempotence`.',
    check({ kafka }) {
      if (kafka.transactionalId === undefined || kafka.enableIdempotence) return [];
      return [
        {
          keys: ['kafka.transactional.id', 'kafka.enable.idempotence'],
          problem: 'kafka.transactional.id contradicts enable.idempotence=false',
          fix: 'leave enable.idempotence out, or transactional.id',
        },
      ];
    },
  },
  {
    says: '`delivery.timeout.ms` is at least `linger.ms` and `request.timeout.ms` together.',
    check({ kafka }) {
      // More cannot be written: Kafka's own rule stops there too (KafkaProducer.configureDeliveryTimeout).
      const least = Math.min(INT32_MAX, kafka.lingerMs + kafka.requestTimeoutMs);
      if (kafka.deliveryTimeoutMs >= least) return [];
      return [
        {
          keys: ['kafka.delivery.timeout.ms', 'kafka.request.timeout.ms', 'kafka.linger.ms'],
          problem:
            `kafka.delivery.timeout.ms=${kafka.deliveryTimeoutMs} is less than ` +
            `linger.ms=${kafka.lingerMs} and request.timeout.ms=${kafka.requestTimeoutMs} together`,
          fix: `write delivery.timeout.ms: ${least} or more`,
        },
      ];
    },
  },
  {
    says: '`buffer.memory` is at least 8 MiB and 6 MiB for each of the `workers`.',
    check({ kafka, workers }) {
      const least = bufferMemoryMin(workers);
      if (kafka.bufferMemory >= least) return [];
      return [
        {
          keys: ['kafka.buffer.memory', 'workers'],
          problem: `kafka.buffer.memory=${kafka.bufferMemory} is too little for workers=${workers}`,
          fix: `write buffer.memory: ${Math.max(least, memoryForRequests(kafka, workers) || 0)} or more, or have fewer workers`,
        },
      ];
    },
  },
  {
    says: '`buffer.memory` holds `max.request.size` five times, and for each of the `workers` once more and 5 MiB besides: each has to have room for the longest record.',
    check({ kafka, workers }) {
      const least = memoryForRequests(kafka, workers);
      if (kafka.bufferMemory >= least || kafka.bufferMemory < bufferMemoryMin(workers)) return [];
      return [
        {
          keys: ['kafka.max.request.size', 'kafka.buffer.memory', 'workers'],
          problem: `kafka.max.request.size=${kafka.maxRequestSize} is too much for buffer.memory=${kafka.bufferMemory} with workers=${workers}`,
          fix: `write buffer.memory: ${least} or more, or a smaller max.request.size`,
        },
      ];
    },
  },
  {
    says: '`batch.size` is at most `max.request.size`.',
    check({ kafka }) {
      if (kafka.batchSize <= kafka.maxRequestSize) return [];
      return [
        {
          keys: ['kafka.batch.size', 'kafka.max.request.size'],
          problem: `kafka.batch.size=${kafka.batchSize} is more than max.request.size=${kafka.maxRequestSize}`,
          fix: `write batch.size: ${kafka.maxRequestSize} or less, or raise max.request.size`,
        },
      ];
    },
  },
  {
    says: '`partitioner.rack.aware` needs `client.rack`.',
    check({ kafka }) {
      if (!kafka.partitionerRackAware || kafka.clientRack.trim() !== '') return [];
      return [
        {
          keys: ['kafka.partitioner.rack.aware', 'kafka.client.rack'],
          problem: 'kafka.partitioner.rack.aware=true without client.rack',
          fix: "write client.rack: this producer's zone, as the brokers there have it as broker.rack",
        },
      ];
    },
  },
  firstWaitAtMost('retry.backoff', ({ retryBackoffMs, retryBackoffMaxMs }) => [
    retryBackoffMs,
    retryBackoffMaxMs,
  ]),
  firstWaitAtMost('reconnect.backoff', ({ reconnectBackoffMs, reconnectBackoffMaxMs }) => [
    reconnectBackoffMs,
    reconnectBackoffMaxMs,
  ]),
  firstWaitAtMost('socket.connection.setup.timeout', (kafka) => [
    kafka.socketConnectionSetupTimeoutMs,
    kafka.socketConnectionSetupTimeoutMaxMs,
  ]),
  {
    says: '`max.line.bytes` of each input is at most `max.request.size` less 4096 bytes for headers and framing.',
    check({ kafka, inputs = [] }) {
      const most = kafka.maxRequestSize - RECORD_ROOM_BYTES;
      return inputs.flatMap((input, index) => {
        if (input === undefined || input.maxLineBytes <= most) return [];
        const key = `inputs.${index}.${input.kind}.max.line.bytes`;
        return {
          keys: [key, 'kafka.max.request.size'],
          problem: `${key}=${input.maxLineBytes} does not fit kafka.max.request.size=${kafka.maxRequestSize}`,
          fix: `write max.line.bytes: ${most} or less, or raise max.request.size`,
        };
      });
    },
  },
  {
    says: 'No two inputs have the same socket, the same path to tail for the same topic, or standard input.',
    check({ inputs = [] }) {
      const owners = new Map<string, string>();
      return inputs.flatMap((input, index) =>
        placesReadBy(input, index).flatMap(({ what, key }) => {
          const owner = owners.get(what);
          owners.set(what, owner ?? key);
          if (owner === undefined) return [];
          const problem = `${key} reads ${what}, which ${owner} reads already`;
          return { keys: [key], problem, fix: 'take one of them out' };
        }),
      );
    },
  },
];

/** What the user should know although nothing is wrong. */
export function notesOn(draft: Draft, isWritten: (path: string) => boolean): string[] {
  const codecs = ['gzip', 'lz4', 'zstd'] as const;
  const { compressionType, transactionalId } = draft.kafka;
  const notes = codecs
    .filter((codec) => codec !== compressionType && isWritten(`kafka.compression.${codec}.level`))
    .map(
      (codec) =>
        `kafka.compression.${codec}.level has no effect while compression.type is ${compressionType}`,
    );
  if (transactionalId === undefined && isWritten('kafka.transaction.timeout.ms')) {
    notes.push('kafka.transaction.timeout.ms has no effect without transactional.id');
  }
  const little = littleMemory(draft);
  if (little !== undefined) notes.push(little);
  return notes;
}

/** Each topic has a share of the memory, whatever the others hold: src/input/topic-shares.ts. */
const BYTES_OF_TOPIC = 512 * 1024;

function littleMemory({ kafka, workers, inputs }: Draft): string | undefined {
  const topics = new Set(inputs?.map((input) => input?.topic)).size;
  const enough = bufferMemoryMin(workers) + topics * BYTES_OF_TOPIC;
  if (topics < 2 || kafka.bufferMemory >= enough) return undefined;
  return `kafka.buffer.memory=${kafka.bufferMemory} is little for ${topics} topics: while one of them takes nothing, others may wait for it; write ${enough} or more`;
}

function needsOfIdempotence(
  need: string,
  key: string,
  conflict: (kafka: Draft['kafka']) => string | undefined,
): Rule {
  return {
    says: `\`enable.idempotence\` needs \`${need}\`.`,
    check({ kafka }) {
      const found = kafka.enableIdempotence ? conflict(kafka) : undefined;
      if (found === undefined) return [];
      const without =
        kafka.transactionalId === undefined
          ? ', or enable.idempotence: false, with which retries can double and reorder records'
          : '';
      return [
        {
          keys: [key, 'kafka.enable.idempotence'],
          problem: `kafka.${found} contradicts enable.idempotence=true`,
          fix: `write ${need}${without}`,
        },
      ];
    },
  };
}

function firstWaitAtMost(
  name: string,
  waits: (kafka: Draft['kafka']) => readonly [first: number, longest: number],
): Rule {
  return {
    says: `\`${name}.ms\` is at most \`${name}.max.ms\`.`,
    check({ kafka }) {
      const [first, longest] = waits(kafka);
      if (first <= longest) return [];
      return [
        {
          keys: [`kafka.${name}.ms`, `kafka.${name}.max.ms`],
          problem: `kafka.${name}.ms=${first} is more than ${name}.max.ms=${longest}`,
          fix: `write ${name}.max.ms: ${first} or more`,
        },
      ];
    },
  };
}

function placesReadBy(
  input: InputConfig | undefined,
  index: number,
): readonly { readonly what: string; readonly key: string }[] {
  switch (input?.kind) {
    case 'tail':
      return [...new Set(input.paths)].map((path) => {
        return { what: `${path} for topic ${input.topic}`, key: `inputs.${index}.tail.paths` };
      });
    case 'socket':
      return [{ what: input.path, key: `inputs.${index}.socket.path` }];
    case 'stdin':
      return [{ what: 'standard input', key: `inputs.${index}.stdin` }];
    case undefined:
      return [];
  }
}
