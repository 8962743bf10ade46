/** Keys of other producers: librdkafka's names for keys that we have, and keys that make no sense here, each with the reason. */
import type { Synonym } from './rows.ts';

/** librdkafka's names for the same thing; accepted with a note. */
export const librdkafkaSynonyms: Readonly<Record<string, Synonym>> = {
  'metadata.broker.list': { of: 'bootstrap.servers' },
  'max.in.flight': { of: 'max.in.flight.requests.per.connection' },
  'request.required.acks': { of: 'acks' },
  'queue.buffering.max.ms': { of: 'linger.ms' },
  'queue.buffering.max.kbytes': {
    of: 'buffer.memory',
    convert: (kilobytes) => scaled(kilobytes, 1024),
    says: 'in KiB',
  },
  'message.max.bytes': { of: 'max.request.size' },
  'message.send.max.retries': { of: 'retries' },
  'message.timeout.ms': {
    of: 'delivery.timeout.ms',
    convert: (ms) => (ms === '0' ? '2147483647' : ms),
    says: '0 is for ever',
  },
  'compression.codec': { of: 'compression.type' },
  'socket.timeout.ms': { of: 'request.timeout.ms' },
  'topic.metadata.refresh.interval.ms': { of: 'metadata.max.age.ms' },
};

function scaled(text: string, factor: number): string {
  return /^\d+$/.test(text) ? String(Number(text) * factor) : text;
}

/** Why a key has no meaning, in the daemon and in the library; null where it has one. */
interface Reason {
  readonly daemon: string;
  readonly library: string | null;
}

type Reasons = Readonly<Record<string, Reason>>;

function all(names: string, daemon: string, library: string | null = daemon): Reasons {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, { daemon, library }]),
  );
}

const ofDeliveryReports = 'there are no delivery reports';
const ofPartitioners = 'records have no key; they go to partitions in whole batches, as in KIP-794';
const ofPartitionersInLibrary =
  "the key decides, as with murmur2_random; for another choice write partitioner.class: 'roundRobin' or a function (docs/COMING-FROM.md)";

/** Keys of the Java producer (ProducerConfig of Kafka 4.1). */
const java: Reasons = {
  ...all('key.serializer', 'records have no key, and bytes are sent as they are', null),
  ...all('value.serializer', 'bytes are sent as they are', null),
  ...all('partitioner.class', ofPartitioners, null),
  ...all('partitioner.ignore.keys', 'records have no key to ignore', null),
  ...all('interceptor.classes', 'there is no Java class to load', null),
  ...all(
    'transactional.id transaction.timeout.ms transaction.two.phase.commit.enable',
    'transactions are begun and committed by a program, with the library (docs/PRODUCER.md)',
    null,
  ),
  ...all(
    'max.block.ms max.block.records',
    'nobody is kept waiting in a call: when memory is full, reading waits',
    null,
  ),
  ...all(
    'metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms',
    "it belongs to the metrics of Java's client",
    "it belongs to the metrics of Java's client; producer.metrics() has the figures at any time",
  ),
  ...all('config.providers security.providers', 'there is no Java class to load'),
  ...all(
    `ssl.cipher.suites ssl.enabled.protocols ssl.endpoint.identification.algorithm ssl.engine.factory.class ssl.key.password
     ssl.keymanager.algorithm ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location ssl.keystore.password
     ssl.keystore.type ssl.protocol ssl.provider ssl.secure.random.implementation ssl.trustmanager.algorithm
     ssl.truststore.certificates ssl.truststore.location ssl.truststore.password ssl.truststore.type`,
    'TLS comes in a later version',
  ),
  ...all(
    `sasl.mechanism sasl.jaas.config sasl.client.callback.handler.class sasl.login.callback.handler.class sasl.login.class
     sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
     sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
     sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms sasl.oauthbearer.assertion.algorithm
     sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
     sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
     sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.private.key.file
     sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.template.file
     sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret
     sasl.oauthbearer.clock.skew.seconds sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer
     sasl.oauthbearer.header.urlencode sasl.oauthbearer.jwks.endpoint.refresh.ms
     sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.ms
     sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class
     sasl.oauthbearer.scope sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name
     sasl.oauthbearer.token.endpoint.url`,
    'SASL comes in a later version',
  ),
  ...all(
    `sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name
     sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor`,
    'Kerberos is not there',
  ),
};

/** Keys of librdkafka that a producer of it may have set. */
const librdkafka: Reasons = {
  ...all(
    'compression.level',
    'each codec has its own key: compression.gzip.level, compression.zstd.level, compression.lz4.level',
  ),
  ...all(
    'queue.buffering.max.messages batch.num.messages',
    'memory and batches are bounded in bytes: buffer.memory, batch.size',
  ),
  ...all(
    'message.copy.max.bytes',
    'bytes are never copied on their way to the socket',
    'every record is copied into its batch, whatever its size',
  ),
  ...all('receive.message.max.bytes', 'answers to a producer have a fixed bound'),
  ...all('queue.buffering.backpressure.threshold', 'requests are made when a broker can take them'),
  ...all(
    'sticky.partitioning.linger.ms',
    'a partition is chosen for each whole batch, as in KIP-794',
    'records without a key go to partitions in whole batches, as in KIP-794',
  ),
  ...all('partitioner partitioner_cb', ofPartitioners, ofPartitionersInLibrary),
  ...all(
    'enable.gapless.guarantee',
    'a partition is settled instead: nothing is sent past a gap',
    'a record that fails fails alone; for all or none write transactional.id (docs/PRODUCER.md)',
  ),
  ...all(
    'dr_cb dr_msg_cb',
    ofDeliveryReports,
    'the callback or promise of send tells of each record; send(record, null) reports nothing',
  ),
  ...all(
    'delivery.report.only.error',
    ofDeliveryReports,
    "send(record, null) reports nothing, and producer.on('recordFailed', …) tells of failures",
  ),
  ...all(
    'produce.offset.report',
    ofDeliveryReports,
    'the callback or promise of send has the offset',
  ),
  ...all(
    'queuing.strategy',
    'records are sent in the order of their source',
    'records are sent in the order of send, as far as docs/PRODUCER.md says',
  ),
  ...all(
    'socket.send.buffer.bytes socket.receive.buffer.bytes',
    'Node.js cannot set the buffers of a TCP socket',
  ),
  ...all('socket.nagle.disable', 'it is always disabled: requests are written whole'),
  ...all(
    'socket.keepalive.enable',
    'request.timeout.ms and connections.max.idle.ms find dead peers',
  ),
  ...all('socket.max.fails', 'a connection is given up at its first failure'),
  ...all('socket.blocking.max.ms', 'no call blocks'),
  ...all('broker.address.ttl', 'names are looked up anew for each connection'),
  ...all('broker.address.family', 'all addresses of a name are tried'),
  ...all('reconnect.backoff.jitter.ms', 'the wait is spread by 20 % always'),
  ...all(
    'api.version.request api.version.request.timeout.ms api.version.fallback.ms broker.version.fallback',
    'brokers are always asked for their versions; socket.connection.setup.timeout.ms bounds it',
  ),
  ...all(
    `topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.fast.cnt topic.metadata.refresh.sparse
     topic.metadata.propagation.max.ms topic.blacklist`,
    'metadata is asked for the topics in use, with retry.backoff.ms when something fails',
  ),
  ...all(
    'statistics.interval.ms stats_cb',
    'the last line of the log has the counts',
    'producer.metrics() has the figures at any time',
  ),
  ...all(
    `debug log_level log.queue log.thread.name log.connection.close log_cb event_cb error_cb throttle_cb
     background_event_cb`,
    'see log.level',
    "there is no log: events tell what goes on, such as producer.on('notice', …) (docs/PRODUCER.md)",
  ),
  ...all('enable.random.seed internal.termination.signal', 'it is internal to librdkafka'),
  ...all('plugin.library.paths', 'there is no C library to load'),
  ...all(
    'interceptors',
    'there is no C library to load',
    'there is no C library to load; write interceptor.classes: a list of objects with onSend or onAcknowledgement',
  ),
  ...all(
    `ssl.curves.list ssl.sigalgs.list ssl.key.location ssl.key.pem ssl.certificate.location ssl.certificate.pem ssl.ca.location
     ssl.ca.pem ssl.ca.certificate.stores ssl.crl.location ssl.providers ssl.engine.location ssl.engine.id
     enable.ssl.certificate.verification`,
    'TLS comes in a later version',
  ),
  ...all(
    `sasl.mechanisms sasl.username sasl.password sasl.oauthbearer.config enable.sasl.oauthbearer.unsecure.jwt
     sasl.oauthbearer.method sasl.oauthbearer.client.id sasl.oauthbearer.client.secret sasl.oauthbearer.extensions`,
    'SASL comes in a later version',
  ),
  ...all('sasl.kerberos.principal sasl.kerberos.keytab', 'Kerberos is not there'),
};

/** Keys of a consumer, which people copy along with the rest. */
const consumer: Reasons = all(
  `group.id group.instance.id auto.offset.reset enable.auto.commit auto.commit.interval.ms session.timeout.ms
   heartbeat.interval.ms max.poll.interval.ms max.poll.records fetch.min.bytes fetch.max.bytes fetch.max.wait.ms
   max.partition.fetch.bytes isolation.level key.deserializer value.deserializer partition.assignment.strategy
   enable.partition.eof check.crcs rebalance_cb offset_commit_cb`,
  'it is a key of consumers, and millrace only produces',
);

/** Known elsewhere, without meaning in the daemon at least. */
export const keysElsewhere: Reasons = { ...java, ...librdkafka, ...consumer };

/** Name to reason, for the daemon. */
export const kafkaKeysNotApplicable = reasonsFor('daemon');

/** Name to reason, for the library: without the keys that it takes. */
export const libraryKeysNotApplicable = reasonsFor('library');

function reasonsFor(whom: keyof Reason): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(keysElsewhere).flatMap(([name, { [whom]: reason }]) =>
      reason === null ? [] : [[name, reason]],
    ),
  );
}
