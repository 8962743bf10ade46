/** That a key is read is not enough: for each there is a test that shows what it does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { kafkaKeys } from '../../config/kafka-keys.ts';
import type { libraryKeys } from '../../config/library-keys.ts';
import { missingTest } from '../support/named-test.ts';

type Key = keyof typeof kafkaKeys | keyof typeof libraryKeys;

const settings = 'producer/keys';
const transactions = 'producer/transactions';
const timers = 'send/core/timers';
const metadata = 'send/core/metadata';
const keyless = 'send/core/keyless';
const opening = 'send/shell/open-channel';
const rebootstrap = 'send/core/rebootstrap';
const buffers =
  'security.protocol other than PLAINTEXT, and socket buffers other than those of the system, are refused with the reason';
const levels = 'compression.type and its level decide what goes over the network';

/** File and title. A key without an entry does not compile. */
const effects: Readonly<Record<Key, readonly [file: string, title: string]>> = {
  'bootstrap.servers': [
    metadata,
    'a broker that is down at the start is waited for: said once with the reason, and once when it is there',
  ],
  'client.id': [settings, 'client.id stands in every request'],
  'client.rack': [
    'send/core/rack-aware',
    'records without key go to the partitions led in our rack, to all of those',
  ],
  'security.protocol': [settings, buffers],
  'allow.auto.create.topics': [
    metadata,
    'a topic that is missing is reported once with the fix, and used when it is there',
  ],
  acks: ['send/core/acks', 'acks=0 is done when the bytes are written, without an offset'],
  'enable.idempotence': [
    'send/core/acks',
    'without idempotence nothing carries an identity, and no producer id is asked for',
  ],
  'max.in.flight.requests.per.connection': [
    'send/core/ordering',
    'a connection has at most max.in.flight.requests.per.connection requests open',
  ],
  retries: [
    'send/core/retries',
    'retries=3 is three attempts after the first, with idempotence and without',
  ],
  'delivery.timeout.ms': [
    timers,
    'a batch that could never be sent expires after delivery.timeout.ms, and says what it waited for',
  ],
  'request.timeout.ms': [
    'send/shell/sender',
    'a broker that does not answer is given up after request.timeout.ms, and the memory is not',
  ],
  'retry.backoff.ms': [
    timers,
    'backoff doubles, is jittered by a fifth, and never exceeds its maximum',
  ],
  'retry.backoff.max.ms': [
    'send/core/retries',
    'a batch that is refused again and again is tried ever more slowly, and as quickly as at first after a success',
  ],
  'linger.ms': [settings, 'linger.ms: a batch waits so long for more, and no longer'],
  'max.request.size': [
    'send/core/ordering',
    'a request has many partitions, one batch of each, and stays under max.request.size',
  ],
  'batch.size': [settings, 'batch.size: a batch is full at so many bytes'],
  'buffer.memory': [
    'producer/producer',
    'when memory is full records wait, in order, and a bounded number of them',
  ],
  'compression.type': [settings, levels],
  'compression.gzip.level': [settings, levels],
  'compression.lz4.level': [
    'kafka/compression',
    'every level at the ends of the ranges of KIP-390 works, and those beyond are refused with the range',
  ],
  'compression.zstd.level': [settings, levels],
  'reconnect.backoff.ms': [
    metadata,
    'reconnecting takes longer each time, with jitter, up to reconnect.backoff.max.ms',
  ],
  'reconnect.backoff.max.ms': [
    metadata,
    'reconnecting takes longer each time, with jitter, up to reconnect.backoff.max.ms',
  ],
  'socket.connection.setup.timeout.ms': [
    opening,
    'a server that accepts and says nothing runs into the set-up timeout',
  ],
  'socket.connection.setup.timeout.max.ms': [
    opening,
    'patience grows with every failed attempt, up to the maximum (KIP-601)',
  ],
  'connections.max.idle.ms': [
    timers,
    'a connection that is idle for connections.max.idle.ms is closed before the broker does',
  ],
  'send.buffer.bytes': [settings, buffers],
  'receive.buffer.bytes': [settings, buffers],
  'client.dns.lookup': [
    'send/shell/resolve',
    'an alias stands for the addresses of the canonical names behind it, each once',
  ],
  'metadata.max.age.ms': [
    metadata,
    'metadata is asked for again when metadata.max.age.ms has passed, idle topics left out',
  ],
  'metadata.max.idle.ms': [
    metadata,
    'metadata is asked for again when metadata.max.age.ms has passed, idle topics left out',
  ],
  'metadata.recovery.strategy': [
    rebootstrap,
    'with none the brokers of the last metadata are all there is',
  ],
  'metadata.recovery.rebootstrap.trigger.ms': [
    rebootstrap,
    'brokers that can be reached and tell nothing are left for the bootstrap servers after the trigger',
  ],
  'partitioner.adaptive.partitioning.enable': [
    keyless,
    'without adaptive partitioning the spread is uniform whatever the brokers do',
  ],
  'partitioner.availability.timeout.ms': [
    keyless,
    'a broker that answers nothing gets no more after partitioner.availability.timeout.ms',
  ],
  'partitioner.rack.aware': [
    'send/core/rack-aware',
    'without partitioner.rack.aware the rack means nothing',
  ],
  'enable.metrics.push': [
    'send/shell/metrics-push.kafka',
    'with enable.metrics.push=false nothing is sent',
  ],
  'transactional.id': [transactions, 'calls out of turn are refused and change nothing'],
  'transaction.timeout.ms': [
    transactions,
    'the coordinator is told transaction.timeout.ms, and more than it allows is the end',
  ],
  'transaction.two.phase.commit.enable': [
    transactions,
    'without transactional.id there are no transactions, and the settings that contradict it are refused',
  ],
  'partitioner.ignore.keys': [
    'producer/partitioners',
    'a key decides; without one, or with keys ignored, the choice is left to the sender',
  ],
  'max.block.ms': [
    'producer/producer',
    'a topic that does not exist is waited for, for max.block.ms, and does not hold up the others',
  ],
  'max.block.records': [
    'producer/producer',
    'when memory is full records wait, in order, and a bounded number of them',
  ],
};

test('every key has a test of its effect', () => {
  const faults = Object.entries(effects).flatMap(([key, [file, title]]) => {
    const fault = missingTest(file, title);
    return fault === undefined ? [] : [`${key}: ${fault}`];
  });
  assert.deepEqual(faults, []);
});

test('a test that is gone is noticed', () => {
  assert.match(missingTest(settings, 'no such promise') ?? '', /has no test/);
  assert.match(missingTest('producer/nowhere', 'no such file') ?? '', /is not there/);
});
