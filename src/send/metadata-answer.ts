/** What an answer to Metadata changes. Sequences are never forgotten for it: a broker that restarts may say that a topic is missing. */
import { errorOf, errors, type KafkaError } from '../kafka/errors.ts';
import { deny, refuse } from './batch-results.ts';
import {
  isBusy,
  loseLeader,
  metadataDone,
  rebootstrap,
  requestUpdate,
  setLeader,
} from './cluster-metadata.ts';
import type { BrokerNode, MetadataAnswered, TopicMetadata } from './events.ts';
import { recreated, takeBackKeyless } from './recreated-topic.ts';
import { problemText, type TopicProblem } from './reports.ts';
import {
  activate,
  createNode,
  hasWork,
  partitionOf,
  report,
  topicOf,
  type SenderState,
  type TopicState,
} from './sender-state.ts';

/** A topic is called missing when so many answers in a row did not have it: one that was just created is not everywhere at once. */
const MISSING_ANSWERS = 3;
/** A broker that lags behind names the former id of a topic; when so many answers in a row do, it is ours that is of the past. */
const FORMER_ANSWERS = 5;

/** What ends the sender: Kafka's name of it, and one sentence. */
interface Fault {
  readonly error: string;
  readonly message: string;
}

/** @returns the fault that ends the sender, if there is one */
export function takeMetadata(
  state: SenderState,
  answer: MetadataAnswered,
  refresh: number,
  nowMs: number,
): Fault | undefined {
  const { metadata } = state;
  if (answer.errorCode !== errors.NONE.code || answer.brokers.length === 0) {
    const isTold = answer.errorCode === errors.REBOOTSTRAP_REQUIRED.code;
    if (isTold) rebootstrap(state, 'a broker asks for it (REBOOTSTRAP_REQUIRED)', nowMs);
    requestUpdate(state);
    metadataDone(state, false, nowMs);
    return undefined;
  }
  const { clusterId } = answer;
  if (metadata.clusterId !== undefined && clusterId !== undefined) {
    if (metadata.clusterId !== clusterId) return otherCluster(metadata.clusterId, clusterId);
  }
  metadata.clusterId ??= clusterId;
  metadata.rebootstrap = false;
  metadata.askingSinceMs = Infinity;
  metadata.answeredCount = refresh;
  metadata.lastAnswerMs = nowMs;
  takeBrokers(state, answer.brokers);
  forgetOtherBrokers(state, answer.brokers);
  let whole = true;
  let fault: Fault | undefined;
  for (const one of answer.topics) {
    const topic = topicOf(state, one.topic);
    if (!takeTopic(state, topic, one, nowMs)) whole = false;
    fault ??= waitedTooLong(state, topic, errorOf(one.errorCode), nowMs);
  }
  for (const partition of [...state.leaderless]) {
    state.leaderless.delete(partition);
    if (hasWork(partition)) activate(state, partition);
  }
  if (state.leaderless.size > 0) whole = false;
  if (!whole) requestUpdate(state);
  metadataDone(state, whole, nowMs);
  for (const node of state.nodes.values()) state.dirtyNodes.add(node);
  return fault;
}

function otherCluster(known: string, now: string): Fault {
  const message =
    `the brokers now belong to cluster ${now}, not to ${known}: what was sent there is not known ` +
    'here. Check bootstrap.servers, then start again';
  return { error: 'INCONSISTENT_CLUSTER_ID', message };
}

/** Nothing else can be sent meanwhile either, where one topic is all there is: `produce`. */
function waitedTooLong(
  state: SenderState,
  topic: TopicState,
  error: KafkaError,
  nowMs: number,
): Fault | undefined {
  const { topicWaitMaxMs } = state.config;
  const problem = problemOf(error);
  const isWaitedFor = problem === 'missing' || problem === 'notAuthorized';
  // What was not said yet has only begun, whatever an earlier problem was.
  if (!isWaitedFor || topic.reported === undefined) return undefined;
  if (nowMs - topic.problemSinceMs < topicWaitMaxMs) return undefined;
  const waited = `waited ${String(topicWaitMaxMs / 1000)} s for it`;
  const message = `topic ${topic.topic} ${problemText[problem]}: ${advice(state, problem)} (${waited})`;
  return { error: error.name, message };
}

/** Brokers named in any answer. */
export function takeBrokers(state: SenderState, brokers: readonly BrokerNode[]): void {
  for (const { nodeId, host, port, rack } of brokers) {
    const node = state.nodes.get(nodeId) ?? createNode(nodeId, host, port);
    state.nodes.set(nodeId, node);
    node.rack = rack ?? '';
    if (node.host === host && node.port === port) continue;
    node.host = host;
    node.port = port;
    node.failures = 0;
  }
}

function forgetOtherBrokers(state: SenderState, brokers: readonly BrokerNode[]): void {
  const named = new Set(brokers.map(({ nodeId }) => nodeId));
  for (const [id, node] of state.nodes) {
    if (id < 0 || named.has(id) || node.status !== 'disconnected') continue;
    state.nodes.delete(id);
    state.dirtyNodes.delete(node);
    for (let partition = node.active.first; partition; partition = node.active.after(partition)) {
      state.leaderless.add(partition);
    }
    node.active.clear();
  }
}

/** @returns whether the topic and its partitions can be used as far as they are needed */
function takeTopic(
  state: SenderState,
  topic: TopicState,
  answer: TopicMetadata,
  nowMs: number,
): boolean {
  const error = errorOf(answer.errorCode);
  if (error !== errors.NONE) return withoutTopic(state, topic, error, nowMs);
  topic.missingCount = 0;
  if (answer.topicId !== '') {
    topic.formerCount = answer.topicId === topic.formerTopicId ? topic.formerCount + 1 : 0;
    if (topic.formerCount > 0 && topic.formerCount < FORMER_ANSWERS) return !isBusy(topic);
    if (topic.topicId !== '' && topic.topicId !== answer.topicId) recreated(state, topic);
    topic.topicId = answer.topicId;
  }
  topic.known = true;
  // Partitions are never taken away from a topic; an answer with fewer comes from a broker that lags behind.
  topic.partitionCount = Math.max(topic.partitionCount, answer.partitions.length);
  let whole = answer.partitions.length > 0 || !isBusy(topic);
  for (const {
    errorCode,
    partition: index,
    leaderId,
    leaderEpoch,
    replicas,
  } of answer.partitions) {
    const partition = partitionOf(state, topic, index);
    partition.replicas = replicas ?? partition.replicas;
    const led = leaderId >= 0 && errorOf(errorCode) !== errors.LEADER_NOT_AVAILABLE;
    if (led) setLeader(state, partition, leaderId, leaderEpoch, nowMs);
    else if (leaderEpoch >= partition.leaderEpoch) loseLeader(state, partition);
    if (!led && (hasWork(partition) || topic.keyless.length > 0)) whole = false;
  }
  if (topic.partitions.length > topic.partitionCount) takeBackKeyless(state, topic);
  sayProblem(state, topic, beyond(topic), nowMs);
  return whole;
}

/** The answer does not have the topic: nothing is sent there until one does, and all that is known of it is kept. */
function withoutTopic(
  state: SenderState,
  topic: TopicState,
  error: KafkaError,
  nowMs: number,
): boolean {
  for (const partition of topic.partitions) {
    if (partition !== undefined) loseLeader(state, partition);
  }
  topic.missingCount += 1;
  const problem = problemOf(error);
  if (problem === undefined) return !isBusy(topic);
  if (problem !== 'missing' || topic.missingCount >= MISSING_ANSWERS) {
    sayProblem(state, topic, { problem, message: advice(state, problem) }, nowMs);
  }
  if (isFinal(state, problem)) rejectAll(state, topic, error, problem);
  return !isBusy(topic);
}

/** Nobody waits for it to pass. */
function isFinal({ config }: SenderState, problem: TopicProblem): boolean {
  if (problem === 'notAuthorized') return config.outcomesFor === 'caller';
  return problem === 'invalidName';
}

function problemOf(error: KafkaError): TopicProblem | undefined {
  if (error === errors.TOPIC_AUTHORIZATION_FAILED) return 'notAuthorized';
  if (error === errors.INVALID_TOPIC_EXCEPTION) return 'invalidName';
  if (error === errors.UNKNOWN_TOPIC_OR_PARTITION) return 'missing';
  return undefined;
}

function advice(state: SenderState, problem: TopicProblem): string {
  if (problem === 'notAuthorized') return 'grant Write on it (Describe is part of that)';
  if (problem === 'invalidName') {
    return 'the brokers refuse its name; write 1 to 249 of a-z A-Z 0-9 . _ -';
  }
  return state.config.allowAutoCreateTopics
    ? 'the brokers create none by themselves (auto.create.topics.enable); create it, or correct the name'
    : 'allow.auto.create.topics is off here; create it, or correct the name';
}

function beyond(topic: TopicState): { problem: TopicProblem; message: string } | undefined {
  const last = topic.partitions.findLast((partition) => partition !== undefined);
  if (last === undefined || last.partition < topic.partitionCount || !hasWork(last)) {
    return undefined;
  }
  const message =
    `it has ${String(topic.partitionCount)} partitions, so there is no partition ` +
    `${String(last.partition)}: add partitions, or route to those it has`;
  return { problem: 'noSuchPartition', message };
}

/** A problem is said when it begins, when it turns into another, and when it is over. */
function sayProblem(
  state: SenderState,
  topic: TopicState,
  now: { readonly problem: TopicProblem; readonly message: string } | undefined,
  nowMs: number,
): void {
  const before = topic.reported;
  topic.reported = now?.problem;
  if (now?.problem === before) return;
  if (now === undefined || before === undefined) topic.problemSinceMs = nowMs;
  if (now !== undefined) report(state, { kind: 'topicProblem', topic: topic.topic, ...now });
  else report(state, { kind: 'topicUsable', topic: topic.topic, partitions: topic.partitionCount });
}

/** Nothing will take these as things are. What was sent is settled when it can be. */
function rejectAll(
  state: SenderState,
  topic: TopicState,
  error: KafkaError,
  problem: TopicProblem,
): void {
  const fix = advice(state, problem);
  const message = `${error.meaning}: ${fix}`;
  for (const batch of topic.keyless.take(() => true)) refuse(state, batch, error.name, message);
  for (const partition of topic.partitions) {
    if (partition !== undefined) deny(state, partition, error, fix);
  }
}
