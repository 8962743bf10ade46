/** Known bugs of clients: producer ids, epochs, sequences, and what an answer says about the log. */
import type { Mutation } from './mutation.ts';

export const bugsOfSequences: readonly Mutation[] = [
  {
    name: 'no-first-batch-gate',
    ticket: 'KAFKA-15591, KAFKA-14312, franz-go #223',
    bug: 'several in flight before a leader has accepted the first: the second is accepted without it',
    file: 'src/send/partition-turn.ts',
    find: `    partition.gateLeaderId === partition.leaderId &&
    partition.gateLeaderEpoch === partition.leaderEpoch &&
    partition.gateConnection === state.nodes.get(partition.leaderId)?.connection`,
    replace: 'true',
  },
  {
    name: 'gate-once-per-leader',
    ticket: 'franz-go #781, measured',
    bug: 'the gate is not closed again, whatever becomes of the leader meanwhile',
    file: 'src/send/partition-turn.ts',
    find: `    partition.gateLeaderId === partition.leaderId &&
    partition.gateLeaderEpoch === partition.leaderEpoch &&
    partition.gateConnection === state.nodes.get(partition.leaderId)?.connection`,
    replace: '    partition.gateLeaderId === partition.leaderId',
  },
  {
    name: 'gate-outlives-connection',
    ticket: 'found by this simulator',
    bug: 'a broker that was restarted is trusted to know the producer id, until its new epoch is heard of',
    file: 'src/send/partition-turn.ts',
    find: ' &&\n    partition.gateConnection === state.nodes.get(partition.leaderId)?.connection',
    replace: '',
  },
  {
    name: 'gate-open-after-silence',
    ticket: 'KAFKA-7190, KIP-360',
    bug: 'after a long silence the broker is trusted to know the producer id',
    file: 'src/send/partition-turn.ts',
    find: '  if (nowMs - partition.sentMs > GATE_IDLE_MS) partition.gateLeaderId = NO_NODE;',
    replace: '',
  },
  {
    name: 'sequence-counts-batches',
    ticket: 'kafkajs #598',
    bug: 'the sequence goes on by one a batch, not by its records',
    file: 'src/send/producer-state.ts',
    find: '    this.counter += batch.recordCount;',
    replace: '    this.counter += 1;',
  },
  {
    name: 'sequence-overflows',
    ticket: 'KAFKA-7692, KAFKA-7693',
    bug: 'sequences turn negative after 2147483647',
    file: 'src/send/producer-state.ts',
    find: 'batch.baseSequence = (this.counter - this.baseCounter) & SEQUENCE_MASK;',
    replace: 'batch.baseSequence = this.counter - this.baseCounter;',
  },
  {
    name: 'sequence-wraps-early',
    ticket: 'franz-go #226',
    bug: 'sequences wrap one too early',
    file: 'src/send/producer-state.ts',
    find: 'batch.baseSequence = (this.counter - this.baseCounter) & SEQUENCE_MASK;',
    replace: 'batch.baseSequence = (this.counter - this.baseCounter) % SEQUENCE_MASK;',
  },
  {
    name: 'bump-keeps-sequence',
    ticket: 'KAFKA-12152, Dekaf #3342',
    bug: 'a new epoch goes on with the old sequence',
    file: 'src/send/producer-state.ts',
    find: '  bump(): void {\n    this.baseCounter = this.counter;\n',
    replace: '  bump(): void {\n',
  },
  {
    name: 'epochs-without-end',
    ticket: 'librdkafka #3720',
    bug: 'the epoch is bumped beyond 32767',
    file: 'src/send/producer-state.ts',
    find: 'if (this.producerEpoch < PRODUCER_EPOCH_MAX) {',
    replace: 'if (this.producerEpoch < Infinity) {',
  },
  {
    name: 'bump-touches-all-partitions',
    ticket: 'librdkafka #4953',
    bug: 'a bump for one partition gives all others the new epoch, whatever they have in flight',
    file: 'src/send/settle.ts',
    find: '  identity.bump();',
    replace: `  for (const topic of state.topics.values()) {
    for (const other of topic.partitions) other?.identity.bump();
  }`,
  },
  {
    name: 'bump-on-45',
    ticket: 'KAFKA-5793, librdkafka #4972',
    bug: 'an unexplained OUT_OF_ORDER is answered with a new epoch and everything sent again',
    file: 'src/send/produce-answer.ts',
    find: "  if (action === 'settle' || (batch.maybeAppended && (action === 'split' || action === 'fail'))) {",
    replace: `  if (error.code === 45) {
    for (const one of partition.retries) one.maybeAppended = false;
    partition.settleCause = undefined;
    partition.bumpPending = true;
  } else if (action === 'settle') {`,
    also: [
      {
        file: 'src/send/produce-answer.ts',
        find: '  partition.settleCause ??= errors.NETWORK_EXCEPTION.meaning;',
        replace: '',
      },
      {
        file: 'src/send/partition-turn.ts',
        find: '  if (partition.settle !== undefined || partition.retries.length === 0) return false;',
        replace: '  return false;',
      },
    ],
  },
  {
    name: 'bump-beside-flight',
    ticket: 'KAFKA-14034',
    bug: 'the epoch is bumped while batches of the old one are in flight',
    file: 'src/send/partition-turn.ts',
    find: '  if (partition.inFlight.length > 0) return false;\n  const isOpen',
    replace: '  const isOpen',
  },
  {
    name: 'restart-loses-batches',
    ticket: 'KAFKA-13794',
    bug: 'when sequences start again, a batch takes the place of another of the same sequence',
    file: 'src/send/settle.ts',
    find: '  queue.putBack(retries);',
    replace: '  queue.putBack(retries.slice(0, 1));',
  },
  {
    name: 'restart-in-any-order',
    ticket: 'KAFKA-8483',
    bug: 'when sequences start again, they are given in the wrong order',
    file: 'src/send/settle.ts',
    find: '  queue.putBack(retries);',
    replace: '  queue.putBack([...retries].reverse());',
  },
  {
    name: 'retry-behind-others',
    ticket: 'librdkafka #1092, KAFKA-5494',
    bug: 'a batch to be sent again is put behind those that came after it',
    file: 'src/send/sender-state.ts',
    find: '  while (at > 0 && (retries[at - 1]?.counter ?? -1) > batch.counter) at -= 1;',
    replace: '',
  },
  {
    name: 'retry-with-new-sequence',
    ticket: 'sarama #1430',
    bug: 'a batch that is sent again gets the next sequence',
    file: 'src/send/partition-turn.ts',
    find: '  if (batch.baseSequence === NO_SEQUENCE) {',
    replace: '  batch.baseSequence = NO_SEQUENCE;\n  {',
  },
  {
    name: 'no-sequence-after-retry',
    ticket: 'sarama #3354',
    bug: 'batches that waited behind a retry go out without a sequence',
    file: 'src/send/partition-turn.ts',
    find: '    if (state.config.enableIdempotence) partition.identity.stamp(batch);',
    replace:
      '    if (state.config.enableIdempotence && partition.refusals === 0) partition.identity.stamp(batch);',
  },
  {
    name: 'topic-gone-sequences-gone',
    ticket: 'librdkafka #3712, PR 3672',
    bug: 'a topic that is missing from one metadata answer starts again at sequence 0',
    file: 'src/send/metadata-answer.ts',
    find: '  topic.missingCount += 1;',
    replace: '  topic.missingCount += 1;\n  topic.partitions.splice(0);',
  },
  {
    name: 'no-state-means-not-written',
    ticket: 'aiokafka #510, KAFKA-7190',
    bug: 'a broker that has forgotten the producer id is taken to have none of its batches',
    file: 'src/send/settle-answers.ts',
    find: `  if (reached === undefined) {
    settle.phase = 'watermark';`,
    replace: `  if (reached === undefined) {
    settle.phase = 'resend';`,
  },
  {
    name: 'unknown-producer-is-fatal',
    ticket: 'platformatic/kafka #309',
    bug: 'UNKNOWN_PRODUCER_ID is the end of the producer',
    file: 'src/kafka/errors.ts',
    find: "produce(59, '?', 'settle',",
    replace: "produce(59, '?', 'fatal',",
  },
  {
    name: 'out-of-order-is-fatal',
    ticket: 'librdkafka #3584',
    bug: 'OUT_OF_ORDER after a failover is the end of the producer',
    file: 'src/kafka/errors.ts',
    find: "produce(45, '?', 'settle',",
    replace: "produce(45, '?', 'fatal',",
  },
  {
    name: 'duplicate-is-an-error',
    ticket: 'KIP-98, franz-go #846',
    bug: 'DUPLICATE_SEQUENCE_NUMBER is handed on as a failure',
    file: 'src/kafka/errors.ts',
    find: "produce(46, '?', 'duplicate',",
    replace: "produce(46, '', 'fail',",
  },
  {
    name: 'follower-is-believed',
    ticket: 'measured',
    bug: 'what DescribeProducers names is taken to be replicated',
    file: 'src/send/settle-answers.ts',
    find: "  settle.phase = beginPlaces(state, partition, settle) ? 'places' : 'watermark';",
    replace: `  confirmReached(state, partition, settle, reached, undefined);
  proceed(state, partition, nowMs);`,
  },
  {
    name: 'watermark-is-not-awaited',
    ticket: 'measured',
    bug: 'a scan that ends at the watermark is taken for the whole log',
    file: 'src/send/settle-answers.ts',
    find: '  if (offset < settle.logEnd) {',
    replace: '  if (offset < 0n) {',
    also: [
      {
        file: 'src/send/settle-answers.ts',
        find: "    anew(state, partition, settle, 'the log could not be read to its end', nowMs);",
        replace: "    settle.phase = 'recheck';",
      },
    ],
  },
  {
    name: 'zombies-are-forgotten',
    ticket: 'measured',
    bug: 'a refusal is final although a dead connection may still append the batch',
    file: 'src/send/settle-resend.ts',
    find: '  return nowMs - lostMs > maxInFlightRequestsPerConnection * requestTimeoutMs;',
    replace: '  return nowMs - lostMs > -maxInFlightRequestsPerConnection * requestTimeoutMs;',
  },
];
