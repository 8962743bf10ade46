import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Partition } from '../../src/broker/partition.ts';
import { topicConfigDefaults } from '../../src/broker/topic-config.ts';
import type { TopicConfig } from '../../src/broker/topic-config.ts';
import { batchOffsets } from '../../src/kafka/record-batch.ts';
import { batchOf, patched } from './test-batches.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_700_000_000_000;
const LEADER = 1;
const MAX = 2 ** 31 - 1;

function partitionWith(config: Partial<TopicConfig> = {}, nodeIds = [1, 2, 3]): Partition {
  const all = { ...topicConfigDefaults, ...config };
  return new Partition({ nodeIds, config: all, discard: false, validate: 'strict' });
}

interface Sent {
  readonly sequence: number;
  readonly count?: number;
  readonly epoch?: number;
  readonly producerId?: bigint;
  readonly timestampMs?: number;
}

/** Appends at whoever leads; answers in one word: `duplicate@40`, `appended@70` or the error. */
function send(partition: Partition, sent: Sent): string {
  const { sequence, count = 10, epoch = 0, producerId = 7n, timestampMs = NOW } = sent;
  const batch = batchOf({ producerId, epoch, baseSequence: sequence, count, timestampMs });
  const result = partition.append(partition.replicas.leaderId, batch, 1, NOW);
  return result.kind === 'refused' ? result.error : `${result.kind}@${String(result.baseOffset)}`;
}

/** Seven batches of ten records, sequences and offsets 0 to 69. */
function sevenBatches(partition: Partition, timestampMs = NOW): void {
  for (let sequence = 0; sequence < 70; sequence += 10) send(partition, { sequence, timestampMs });
}

const OUT_OF_ORDER = 'OUT_OF_ORDER_SEQUENCE_NUMBER';

/** What real brokers answered after each event: resend of the last, 2nd last and 5th last batch, the next one, a gap. */
const rows: readonly {
  readonly event: string;
  readonly happens: (partition: Partition) => void;
  readonly timestampMs?: number;
  readonly resent: readonly [last: string, second: string, fifth: string];
  readonly next: string;
  readonly gap: string;
}[] = [
  {
    event: 'nothing',
    happens: () => undefined,
    resent: ['duplicate@60', 'duplicate@50', 'duplicate@20'],
    next: 'appended@70',
    gap: OUT_OF_ORDER,
  },
  {
    event: 'a live follower takes over',
    happens: (partition) => {
      partition.moveLeader(2);
    },
    resent: ['duplicate@60', 'duplicate@50', 'duplicate@20'],
    next: 'appended@70',
    gap: OUT_OF_ORDER,
  },
  {
    event: 'the partition is reassigned to a new broker',
    happens: (partition) => {
      partition.reassign([4]);
    },
    resent: ['duplicate@60', 'duplicate@50', 'duplicate@20'],
    next: 'appended@70',
    gap: OUT_OF_ORDER,
  },
  {
    event: 'all records are deleted while the replicas live',
    happens: (partition) => {
      partition.deleteRecordsBefore(70);
    },
    resent: ['duplicate@60', 'duplicate@50', 'duplicate@20'],
    next: 'appended@70',
    gap: OUT_OF_ORDER,
  },
  {
    event: 'the whole cluster restarts',
    happens: (partition) => {
      for (const node of [1, 2, 3]) partition.nodeDown(node);
      for (const node of [1, 2, 3]) partition.nodeUp(node, NOW, DAY);
    },
    resent: ['duplicate@60', OUT_OF_ORDER, OUT_OF_ORDER],
    next: 'appended@70',
    gap: OUT_OF_ORDER,
  },
  {
    event: 'all records are deleted, then everything restarts',
    happens: (partition) => {
      partition.deleteRecordsBefore(70);
      for (const node of [1, 2, 3]) partition.nodeDown(node);
      for (const node of [1, 2, 3]) partition.nodeUp(node, NOW, DAY);
    },
    resent: ['appended@70', 'appended@70', 'appended@70'],
    next: 'appended@70',
    gap: 'appended@70',
  },
  {
    event: 'all records are deleted, then the partition goes to a new broker',
    happens: (partition) => {
      partition.deleteRecordsBefore(70);
      partition.reassign([4]);
    },
    resent: ['appended@70', 'appended@70', 'appended@70'],
    next: 'appended@70',
    gap: 'appended@70',
  },
  {
    event: 'producer.id.expiration.ms passes by the time of the records',
    happens: (partition) => {
      partition.expireProducers(NOW + DAY, DAY);
    },
    resent: ['appended@70', 'appended@70', 'appended@70'],
    next: 'appended@70',
    gap: 'appended@70',
  },
  {
    event: 'the records were old when they came, and a check for expiry runs',
    timestampMs: NOW - 25 * HOUR,
    happens: (partition) => {
      partition.expireProducers(NOW, DAY);
    },
    resent: ['appended@70', 'appended@70', 'appended@70'],
    next: 'appended@70',
    gap: 'appended@70',
  },
];

for (const row of rows) {
  test(`after this event a broker knows of a producer what Kafka knows: ${row.event}`, () => {
    const answer = (sequence: number): string => {
      const partition = partitionWith();
      sevenBatches(partition, row.timestampMs);
      row.happens(partition);
      return send(partition, { sequence });
    };
    assert.deepEqual([answer(60), answer(50), answer(20)], row.resent);
    assert.equal(answer(70), row.next);
    assert.equal(answer(90), row.gap);
  });
}

test('after an unclean election the lost batches are taken again in order under their old identity only', () => {
  const answer = (sequence: number): string => {
    const partition = partitionWith();
    for (let first = 0; first < 40; first += 10) send(partition, { sequence: first });
    for (const node of [2, 3]) partition.freezeReplica(node);
    for (let first = 40; first < 70; first += 10) send(partition, { sequence: first });
    partition.moveLeader(2);
    assert.equal(partition.log.endOffset, 40);
    assert.equal(partition.describeProducers(2)?.[0]?.lastSequence, 39);
    return send(partition, { sequence });
  };
  assert.deepEqual(
    [answer(60), answer(50), answer(70)],
    [OUT_OF_ORDER, OUT_OF_ORDER, OUT_OF_ORDER],
  );
  assert.equal(answer(40), 'appended@40');
});

test('the sixth batch back is out of order, no longer a duplicate', () => {
  const partition = partitionWith();
  sevenBatches(partition);
  assert.equal(send(partition, { sequence: 20 }), 'duplicate@20');
  assert.equal(send(partition, { sequence: 10 }), OUT_OF_ORDER);
});

test('another cut of the same records is out of order, and other records under the same range pass for a duplicate', () => {
  const partition = partitionWith();
  sevenBatches(partition);
  assert.equal(send(partition, { sequence: 60, count: 5 }), OUT_OF_ORDER);
  const values = Array.from({ length: 10 }, () => 'something else');
  const other = batchOf({ producerId: 7n, baseSequence: 60, values });
  assert.equal(partition.append(LEADER, other, 1, NOW).kind, 'duplicate');
  assert.equal(partition.log.endOffset, 70);
});

test('sequences wrap from 2^31 - 1 to 0, inside a batch and between two', () => {
  const inside = partitionWith();
  assert.equal(send(inside, { sequence: MAX - 4 }), 'appended@0');
  assert.equal(send(inside, { sequence: MAX - 4 }), 'duplicate@0');
  assert.equal(send(inside, { sequence: 6 }), OUT_OF_ORDER);
  assert.equal(send(inside, { sequence: 5 }), 'appended@10');

  const between = partitionWith();
  assert.equal(send(between, { sequence: MAX - 9 }), 'appended@0');
  assert.equal(between.describeProducers(LEADER)?.[0]?.lastSequence, MAX);
  assert.equal(send(between, { sequence: 1 }), OUT_OF_ORDER);
  assert.equal(send(between, { sequence: 0 }), 'appended@10');
});

test('a new epoch begins at 0, may jump, and fences the old one', () => {
  const partition = partitionWith();
  sevenBatches(partition);
  assert.equal(send(partition, { sequence: 70, epoch: 1 }), OUT_OF_ORDER);
  assert.equal(send(partition, { sequence: 0, epoch: 5 }), 'appended@70');
  assert.equal(send(partition, { sequence: 70, epoch: 0 }), 'INVALID_PRODUCER_EPOCH');
  assert.equal(send(partition, { sequence: 60, epoch: 0 }), 'INVALID_PRODUCER_EPOCH');
  assert.equal(send(partition, { sequence: 0, epoch: 32767 }), 'appended@80');
});

test('without state any epoch and any sequence is taken, from any id', () => {
  const partition = partitionWith();
  assert.equal(send(partition, { sequence: 123, epoch: 9, producerId: 999999999n }), 'appended@0');
  assert.equal(send(partition, { sequence: 5, producerId: 2n ** 53n - 1n }), 'appended@10');
});

test('a negative producer id means not idempotent: nothing is remembered', () => {
  const partition = partitionWith();
  const batch = patched(batchOf({ producerId: 7n }), (view) => {
    view.setBigInt64(batchOffsets.producerId, -5n);
  });
  for (const offset of [0, 1]) {
    const result = partition.append(LEADER, batch, 1, NOW);
    assert.equal(result.kind === 'appended' && result.baseOffset, offset);
  }
  assert.deepEqual(partition.describeProducers(LEADER), []);
});

test('an append answers log append time -1 on a CreateTime topic, a duplicate the stored timestamp', () => {
  const partition = partitionWith();
  const batch = batchOf({ producerId: 7n, baseSequence: 0, timestampMs: NOW - 5 });
  const first = partition.append(LEADER, batch, 1, NOW);
  const again = partition.append(LEADER, batch, 1, NOW + 1);
  assert.deepEqual(first, { kind: 'appended', baseOffset: 0, lastOffset: 0, logAppendTimeMs: -1 });
  assert.deepEqual(again, { ...first, kind: 'duplicate', logAppendTimeMs: NOW - 5 });
});

test('on a LogAppendTime topic append and duplicate answer the time of the append, and expiry counts from it', () => {
  const partition = partitionWith({ 'message.timestamp.type': 'LogAppendTime' });
  const batch = batchOf({ producerId: 7n, baseSequence: 0, timestampMs: NOW - 30 * DAY });
  const first = partition.append(LEADER, batch, 1, NOW);
  assert.equal(first.kind === 'appended' && first.logAppendTimeMs, NOW);
  partition.expireProducers(NOW + DAY - 1, DAY);
  const again = partition.append(LEADER, batch, 1, NOW + 1);
  assert.equal(again.kind === 'duplicate' && again.logAppendTimeMs, NOW);
});

test('the newest record of a batch keeps its producer from expiring, whatever the header says', () => {
  const partition = partitionWith();
  const batch = batchOf({ producerId: 7n, timestampMs: NOW, maxTimestampMs: NOW - 30 * DAY });
  partition.append(LEADER, batch, 1, NOW);
  partition.expireProducers(NOW + HOUR, DAY);
  assert.equal(partition.describeProducers(LEADER)?.length, 1);
});

test('a batch that is in is refused before it is recognised, when the rules have become stricter', () => {
  const refusals: readonly [Partial<TopicConfig>, string][] = [
    [{ 'max.message.bytes': 70 }, 'MESSAGE_TOO_LARGE'],
    [{ 'message.timestamp.before.max.ms': 1000 }, 'INVALID_TIMESTAMP'],
    [{ 'cleanup.policy': 'compact' }, 'INVALID_RECORD'],
    [{ 'min.insync.replicas': 4 }, 'NOT_ENOUGH_REPLICAS'],
  ];
  for (const [config, error] of refusals) {
    const partition = partitionWith();
    const batch = batchOf({ producerId: 7n, count: 10, timestampMs: NOW - HOUR });
    assert.equal(partition.append(LEADER, batch, -1, NOW).kind, 'appended');
    partition.configure(config);
    const again = partition.append(LEADER, batch, -1, NOW);
    assert.equal(again.kind === 'refused' && again.error, error);
  }
});

test('sequences run ahead of the high watermark: the leader knows 29, its followers and the next leader 19', () => {
  const partition = partitionWith();
  for (const sequence of [0, 10]) send(partition, { sequence });
  partition.holdWatermark();
  send(partition, { sequence: 20 });
  const lastSequenceAt = (node: number): number | undefined =>
    partition.describeProducers(node)?.[0]?.lastSequence;
  assert.deepEqual([lastSequenceAt(1), lastSequenceAt(2)], [29, 19]);
  assert.equal(partition.highWatermark, 20);

  partition.nodeDown(1);
  assert.equal(partition.replicas.leaderId, 2);
  assert.equal(lastSequenceAt(2), 19);
  partition.releaseWatermark();
  assert.equal(send(partition, { sequence: 30 }), OUT_OF_ORDER);
  assert.equal(send(partition, { sequence: 20 }), 'appended@20');
});

test('a deposed leader that was not looking describes its old producers until it catches up', () => {
  const partition = partitionWith();
  send(partition, { sequence: 0 });
  partition.holdWatermark();
  send(partition, { sequence: 10 });
  partition.freezeReplica(1);
  partition.moveLeader(2);
  partition.releaseWatermark();
  assert.equal(partition.describeProducers(1)?.[0]?.lastSequence, 19);
  assert.equal(partition.describeProducers(2)?.[0]?.lastSequence, 9);
  partition.thawReplica(1);
  assert.equal(partition.describeProducers(1)?.[0]?.lastSequence, 9);
});
