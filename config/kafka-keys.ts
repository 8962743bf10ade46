/** Kafka's own keys, as Apache Kafka's producer names them: what stands under `kafka:` and behind `-X`. */
import { brokerList } from './broker-list.ts';
import { derived, required, setting } from './rows.ts';
import {
  acks,
  boolean,
  choice,
  INT32_MAX,
  integer,
  integerOrNever,
  onlyNumber,
  text,
} from './value-types.ts';

const MiB = 1024 * 1024;

/** What a record, its batch and its request need besides the value, with room for long names and headers. */
export const RECORD_ROOM_BYTES = 4096;
/** Arena addresses are positive 32-bit numbers, and V8 wants some room at the end. */
export const BUFFER_MEMORY_MAX = 2048 * MiB - 64 * MiB;

export function bufferMemoryMin(workers: number): number {
  return 8 * MiB + 6 * MiB * workers;
}

const brokers = {
  'bootstrap.servers': {
    ...required(brokerList, 'localhost:9092', {
      importance: 'high',
      doc: 'Brokers to ask first for the whole cluster. Two or three are enough; each is tried until one answers, and asked again when all known brokers are gone.',
      differs: 'A missing port is 9092, as in librdkafka; Java refuses it.',
    }),
    many: 'commas',
  },
  'client.id': setting(text(255), 'millrace', {
    importance: 'medium',
    doc: 'Name under which the brokers log, measure and limit this producer.',
    differs: "Java's default is an empty name that becomes producer-1.",
  }),
  'client.rack': setting(text(255, { empty: true }), '', {
    importance: 'low',
    doc: 'Rack (availability zone) that this producer is in, by the name that the brokers near it have as broker.rack. It goes with pushed metrics, and partitioner.rack.aware needs it.',
    differs: "It comes with KIP-1123: Kafka 4.1's producer has it for pushed metrics alone.",
  }),
  'security.protocol': setting(
    choice(['PLAINTEXT'], {
      SSL: 'TLS comes in a later version',
      SASL_PLAINTEXT: 'SASL comes in a later version',
      SASL_SSL: 'TLS and SASL come in a later version',
    }),
    'PLAINTEXT',
    {
      importance: 'medium',
      doc: 'How to talk to the brokers.',
      differs: 'Only PLAINTEXT can be had yet.',
    },
  ),
  'allow.auto.create.topics': setting(boolean, 'true', {
    importance: 'medium',
    doc: 'Lets a broker with auto.create.topics.enable make a topic that is missing. With false, a missing topic is reported and its records wait until someone makes it.',
    differs: "Java's producer always allows it; librdkafka has the key, with the default false.",
  }),
} as const;

const delivery = {
  acks: setting(acks, 'all', {
    importance: 'high',
    doc: 'Who has to have a batch before it counts as delivered: all in-sync replicas, the leader alone (1), or nobody (0). With 0 the broker does not answer at all, and what it refuses is lost unseen.',
  }),
  'enable.idempotence': setting(boolean, 'true', {
    importance: 'high',
    doc: 'Numbers the batches, so that the broker drops what arrives twice and refuses what arrives out of order.',
    differs:
      'Settings that contradict it are refused; Java turns it off in silence when the key is not set.',
  }),
  'max.in.flight.requests.per.connection': setting(integer(1, INT32_MAX), '5', {
    importance: 'low',
    doc: 'Requests that may wait for an answer, per broker. At most 5 with idempotence.',
  }),
  retries: setting(integer(0, INT32_MAX), String(INT32_MAX), {
    importance: 'low',
    doc: 'How often a batch may be sent again. Better left alone: delivery.timeout.ms is the limit that means something.',
  }),
  'delivery.timeout.ms': setting(integer(0, INT32_MAX), '120000', {
    importance: 'medium',
    doc: 'How long a batch may take from its first record to its acknowledgement. When it runs out before the batch was ever sent, its records are given up and counted.',
    differs:
      'It binds sources that cannot be read again: sockets, standard input, and what `produce` reads. Lines of a file that `run` follows never expire: reading waits instead.',
  }),
  'request.timeout.ms': setting(integer(1, INT32_MAX), '30000', {
    importance: 'medium',
    doc: 'How long to wait for an answer before the connection is given up and the partition is settled on a new one.',
    differs: '0, with which no request can succeed, is not taken.',
  }),
  'retry.backoff.ms': setting(integer(0, INT32_MAX), '100', {
    importance: 'low',
    doc: 'Wait before the first retry; it doubles with each further one, with 20 % of chance.',
  }),
  'retry.backoff.max.ms': setting(integer(0, INT32_MAX), '1000', {
    importance: 'low',
    doc: 'Longest wait between two retries.',
  }),
} as const;

const batching = {
  'linger.ms': setting(integer(0, INT32_MAX), '5', {
    importance: 'high',
    doc: 'How long a batch waits for more records before it is sent. Under load batches are full before that.',
  }),
  'max.request.size': setting(integer(65_536, 64 * MiB), String(MiB), {
    importance: 'medium',
    doc: "Most bytes of one request, and so of one record. The brokers' message.max.bytes and the topic's max.message.bytes must allow it.",
    differs: 'At least 64 KiB and at most 64 MiB: each batch is one run of buffer.memory.',
  }),
  'batch.size': derived(
    integer(16_384, 64 * MiB),
    '1000000, or max.request.size when that is less',
    (of) => Math.min(1_000_000, of('kafka.max.request.size')),
    {
      importance: 'high',
      doc: 'Bytes after which a batch is full. A longer record makes a batch of its own.',
      differs:
        "Java's default is 16384, and it takes 0 to 2147483647. Whole chunks of lines are encoded at once here, which 16 KB cannot feed; linger.ms keeps quiet sources prompt.",
    },
  ),
  'buffer.memory': derived(
    integer(bufferMemoryMin(1), BUFFER_MEMORY_MAX),
    '33554432, or 16777216 for each worker when that is more',
    (of) => Math.max(32 * MiB, 16 * MiB * of('workers')),
    {
      importance: 'high',
      doc: 'All memory for records between reading and acknowledgement, shared by all threads. When it is full, reading waits; nothing is dropped. The daemon keeps a share of it for each topic, so that one that takes nothing stops no other: give 512 KiB for each, or four times its longest line where that is more. The library keeps a quarter of it for partitions with little in it.',
      differs:
        'At least 8 MiB and 6 MiB for each worker, since encoders work in it too, and at most 1984 MiB.',
    },
  ),
} as const;

const compression = {
  'compression.type': setting(choice(['none', 'gzip', 'snappy', 'lz4', 'zstd']), 'none', {
    importance: 'high',
    doc: 'Codec of the batches. lz4 costs the least, zstd saves the most for logs. A batch that does not get smaller is sent as it is.',
  }),
  'compression.gzip.level': setting(integer(-1, 9), '-1', {
    importance: 'medium',
    doc: "Level of gzip: 1 fastest, 9 smallest, -1 zlib's default of 6. Level 1 is about six times as fast as 6.",
    differs: '0 (store only) is taken too, though compression.type none does it better.',
  }),
  'compression.lz4.level': setting(
    onlyNumber(9, 'the slow compressor (LZ4 HC), which the other levels mean, is not there'),
    '9',
    {
      importance: 'medium',
      doc: "Level of lz4: 9, which in Kafka's count is the fast compressor.",
      differs:
        'Java takes 1 to 17; all but 9 are the slow LZ4 HC. For a better ratio zstd is faster.',
    },
  ),
  'compression.zstd.level': setting(integer(-131_072, 22), '1', {
    importance: 'medium',
    doc: 'Level of zstd: 1 fast, 22 smallest, below 0 faster still.',
    differs:
      "Java's default is 3: on log lines a quarter more processor time for 6 % fewer bytes (npm run bench -- micro).",
  }),
} as const;

const network = {
  'reconnect.backoff.ms': setting(integer(0, INT32_MAX), '50', {
    importance: 'low',
    doc: 'Wait before the second attempt to connect to a broker; it doubles with each further one.',
  }),
  'reconnect.backoff.max.ms': setting(integer(0, INT32_MAX), '1000', {
    importance: 'low',
    doc: 'Longest wait between two attempts to connect.',
  }),
  'socket.connection.setup.timeout.ms': setting(integer(1, INT32_MAX), '10000', {
    importance: 'medium',
    doc: 'How long a connection may take until it is ready; it doubles with each failure.',
    differs:
      "Counts until the broker has answered ApiVersions; Java's ends with the TCP connect. At least 1.",
  }),
  'socket.connection.setup.timeout.max.ms': setting(integer(1, INT32_MAX), '30000', {
    importance: 'medium',
    doc: 'Longest time that a connection may take until it is ready.',
    differs: 'At least 1; Java takes any number.',
  }),
  'connections.max.idle.ms': setting(integerOrNever(1000, INT32_MAX), '540000', {
    importance: 'medium',
    doc: "Closes a connection that nothing went over for this long; -1 is never. Keep it below the brokers' own limit, which is ten minutes.",
    differs: 'Java takes any number: below 0 is never, and below a second nothing can be sent.',
  }),
  'send.buffer.bytes': setting(
    onlyNumber(-1, 'Node.js cannot set SO_SNDBUF of a TCP socket'),
    '-1',
    {
      importance: 'low',
      doc: 'Send buffer of a connection: -1, what the system thinks best (net.ipv4.tcp_wmem).',
      differs:
        "Java's default is 131072. Node.js has no way to set it, and the system's own tuning does better.",
    },
  ),
  'receive.buffer.bytes': setting(
    onlyNumber(-1, 'Node.js cannot set SO_RCVBUF of a TCP socket'),
    '-1',
    {
      importance: 'low',
      doc: 'Receive buffer of a connection: -1, what the system thinks best (net.ipv4.tcp_rmem).',
      differs:
        "Java's default is 32768. Node.js has no way to set it, and a producer receives little.",
    },
  ),
  'client.dns.lookup': setting(
    choice(['use_all_dns_ips', 'resolve_canonical_bootstrap_servers_only']),
    'use_all_dns_ips',
    {
      importance: 'medium',
      doc: 'What a host name with several addresses means: all of them are tried, one after the other. With resolve_canonical_bootstrap_servers_only a bootstrap server stands for the canonical names of all its addresses.',
    },
  ),
} as const;

const metadata = {
  'metadata.max.age.ms': setting(integer(0, INT32_MAX), '300000', {
    importance: 'low',
    doc: 'Asks for brokers, leaders and partition counts at least this often, also when nothing fails.',
  }),
  'metadata.max.idle.ms': setting(integer(5000, INT32_MAX), '300000', {
    importance: 'low',
    doc: 'Forgets a topic that got no record for this long.',
  }),
  'metadata.recovery.strategy': setting(choice(['rebootstrap', 'none']), 'rebootstrap', {
    importance: 'low',
    doc: 'What to do when no known broker can be reached: begin again with bootstrap.servers, which are resolved anew, or go on with the brokers of the last metadata alone.',
  }),
  'metadata.recovery.rebootstrap.trigger.ms': setting(integer(0, INT32_MAX), '300000', {
    importance: 'low',
    doc: 'Begins again with bootstrap.servers when the known brokers can be reached but have told nothing of the cluster for this long. After the same time without an answer there, the known brokers are asked again.',
  }),
  'partitioner.adaptive.partitioning.enable': setting(boolean, 'true', {
    importance: 'low',
    doc: 'Gives slow partitions fewer of the records without key, and fast ones more.',
  }),
  'partitioner.availability.timeout.ms': setting(integer(0, INT32_MAX), '0', {
    importance: 'low',
    doc: 'A partition whose broker has taken nothing for this long gets no records without key meanwhile; 0 switches this off.',
  }),
  'partitioner.rack.aware': setting(boolean, 'false', {
    importance: 'low',
    doc: 'Sends records without key to partitions that a broker in client.rack leads, as long as there is one that takes them. Uneven racks make uneven partitions.',
    differs: 'It comes with KIP-1123, which Kafka 4.1 does not have yet.',
  }),
} as const;

const telemetry = {
  'enable.metrics.push': setting(boolean, 'true', {
    importance: 'low',
    doc: 'Sends figures of this producer to the brokers when an operator there subscribes to them (KIP-714), which takes a broker with a plug-in for it; nothing happens with other brokers.',
  }),
} as const;

export const kafkaKeys = {
  ...brokers,
  ...delivery,
  ...batching,
  ...compression,
  ...network,
  ...metadata,
  ...telemetry,
} as const;
