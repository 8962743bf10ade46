/**
 * Looks at the brokers before anything is sent: for `validate --connect` and before a start. Finds as much as it can in one go, changes nothing
 * (topics are not created by asking), and never throws.
 */
import { errorOf, errors } from '../kafka/errors.ts';
import type { ResponseOf } from '../kafka/message-spec.ts';
import { produce } from '../kafka/messages/00-produce.ts';
import { metadata } from '../kafka/messages/03-metadata.ts';
import { initProducerId } from '../kafka/messages/22-init-producer-id.ts';
import { describeProducers } from '../kafka/messages/61-describe-producers.ts';
import { initProducerIdRequest } from './answers.ts';
import { producerNeeds } from './api-versions.ts';
import type { ClientSoftware } from './api-versions.ts';
import { BrokerChannel, ConnectionLost } from './broker-channel.ts';
import { hostPort } from './connection-fault.ts';
import type { ConnectionFault, EndpointOrigin } from './connection-fault.ts';
import { ChannelOpening } from './open-channel.ts';
import type { ChannelOptions } from './open-channel.ts';
import type { Endpoint, SenderConfig } from './sender-config.ts';

/** One thing that was looked at. */
export interface Finding {
  readonly kind: 'ok' | 'fault';
  /** What it is about: `localhost:9092`, `broker 2 at kafka2:9092`, `topic logs`. */
  readonly thing: string;
  readonly message: string;
  /** What to do; '' when all is well. */
  readonly fix: string;
}

export interface PreflightOptions
  extends
    Pick<SenderConfig, 'bootstrapServers' | 'enableIdempotence' | 'allowAutoCreateTopics'>,
    Pick<ChannelOptions, 'setupTimeoutMs' | 'setupTimeoutMaxMs' | 'resolve'> {
  readonly software: ClientSoftware;
  readonly topics: readonly string[];
}

type Metadata = ResponseOf<typeof metadata>;

/**
 * Findings in the order of the way: bootstrap servers, brokers of the cluster, permissions, topics. It ends early where nothing more can be
 * asked. Takes at most a few set-up timeouts.
 */
export async function lookAtBrokers(options: PreflightOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  const openings = options.bootstrapServers.map((server) => open(options, server, 'bootstrap'));
  const channels: BrokerChannel[] = [];
  for (const [index, result] of (await Promise.all(openings)).entries()) {
    const server = options.bootstrapServers[index];
    const thing = server === undefined ? '' : hostPort(server);
    if (result instanceof BrokerChannel) channels.push(result);
    findings.push(
      result instanceof BrokerChannel ? reached(thing, result) : faultOf(thing, result),
    );
  }
  try {
    const [channel] = channels;
    if (channel !== undefined) findings.push(...(await lookAtCluster(options, channel)));
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    findings.push(faultOf(channels[0]?.connection.name ?? '', error.fault));
  } finally {
    for (const channel of channels) channel.close('the look at the brokers is over');
  }
  return findings;
}

async function lookAtCluster(
  options: PreflightOptions,
  channel: BrokerChannel,
): Promise<Finding[]> {
  const topics = options.topics.map((name) => ({ name }));
  const answer = await channel.call(metadata, { topics, allowAutoTopicCreation: false });
  if (answer.brokers.length === 0) {
    return [
      fault(channel.connection.name, 'names no broker of its cluster', 'wait until it is up'),
    ];
  }
  const brokers = await Promise.all(
    answer.brokers.map((broker) => lookAtBroker(options, broker.nodeId, broker)),
  );
  const findings = [...brokers];
  if (options.enableIdempotence) findings.push(await lookAtProducerId(channel));
  for (const topic of answer.topics) findings.push(await lookAtTopic(options, channel, topic));
  return findings;
}

/** A broker that answers under the bootstrap name may advertise a name that leads nowhere from here. */
async function lookAtBroker(
  options: PreflightOptions,
  nodeId: number,
  endpoint: Endpoint,
): Promise<Finding> {
  const thing = `broker ${nodeId} at ${hostPort(endpoint)}`;
  const result = await open(options, endpoint, 'metadata');
  if (!(result instanceof BrokerChannel)) return faultOf(thing, result);
  result.close('the look at the brokers is over');
  return reached(thing, result);
}

async function lookAtProducerId(channel: BrokerChannel): Promise<Finding> {
  const thing = 'enable.idempotence';
  const { errorCode } = await channel.call(initProducerId, initProducerIdRequest());
  const error = errorOf(errorCode);
  if (error === errors.NONE) return ok(thing, 'the cluster hands out producer ids');
  // A coordinator that is still loading is no fault of the configuration.
  if (error.retriable) return ok(thing, `not known yet: ${error.name} (${error.meaning})`);
  return fault(
    thing,
    `the cluster hands out no producer id: ${error.name} (${error.meaning})`,
    'grant Write on a topic (or IdempotentWrite on the cluster) to this client, or set enable.idempotence=false',
  );
}

async function lookAtTopic(
  options: PreflightOptions,
  channel: BrokerChannel,
  topic: Metadata['topics'][number],
): Promise<Finding> {
  const name = topic.name ?? '';
  const thing = `topic ${name}`;
  const error = errorOf(topic.errorCode);
  const create = `create it: kafka-topics.sh --bootstrap-server ${channel.connection.name} --create --topic ${name}`;
  switch (error) {
    case errors.NONE:
    case errors.LEADER_NOT_AVAILABLE:
      break;
    case errors.UNKNOWN_TOPIC_OR_PARTITION:
      return options.allowAutoCreateTopics
        ? ok(
            thing,
            `does not exist; the first record creates it, where auto.create.topics.enable allows that; if not, ${create}`,
          )
        : fault(thing, 'does not exist', create);
    case errors.TOPIC_AUTHORIZATION_FAILED:
      return fault(
        thing,
        'this client may not describe it, or it does not exist',
        'grant Describe and Write on it to this client',
      );
    case errors.INVALID_TOPIC_EXCEPTION:
      return fault(thing, 'is not a legal name', 'use letters, digits, dots, dashes, underscores');
    default:
      return fault(thing, `${error.name} (${error.meaning})`, 'try again when the cluster is well');
  }
  if (options.enableIdempotence && !(await mayRead(channel, name))) {
    return fault(
      thing,
      'this client may not read it, and could not find out after a lost connection what has arrived',
      'grant Read on it to this client, or set enable.idempotence=false',
    );
  }
  return topicSummary(thing, topic.partitions);
}

function topicSummary(
  thing: string,
  partitions: Metadata['topics'][number]['partitions'],
): Finding {
  const leaderless = partitions.filter(({ leaderId }) => leaderId < 0);
  if (leaderless.length === 0)
    return ok(thing, `${partitions.length} partitions, all with a leader`);
  return fault(
    thing,
    `${leaderless.length} of ${partitions.length} partitions have no leader`,
    'start the brokers that hold them',
  );
}

/** Permission is checked before anything else, so that any broker can tell. */
async function mayRead(channel: BrokerChannel, name: string): Promise<boolean> {
  const topics = [{ name, partitionIndexes: [0] }];
  const answer = await channel.call(describeProducers, { topics });
  const code = answer.topics[0]?.partitions[0]?.errorCode;
  return code !== errors.TOPIC_AUTHORIZATION_FAILED.code;
}

function open(
  options: PreflightOptions,
  endpoint: Endpoint,
  origin: EndpointOrigin,
): Promise<BrokerChannel | ConnectionFault> {
  const { software, setupTimeoutMs, setupTimeoutMaxMs, resolve, enableIdempotence } = options;
  const opening = new ChannelOpening({
    ...{ endpoint, origin, software, setupTimeoutMs, setupTimeoutMaxMs },
    attempt: 0,
    needs: producerNeeds(enableIdempotence),
    random: () => 0.5,
    ...(resolve === undefined ? {} : { resolve }),
    onClosed: () => undefined,
  });
  return opening.run();
}

function reached(thing: string, channel: BrokerChannel): Finding {
  return ok(thing, `answers as a Kafka broker, Produce v${channel.versionOf(produce)}`);
}

function faultOf(thing: string, { problem, fix }: ConnectionFault): Finding {
  return fault(thing, problem, fix);
}

function ok(thing: string, message: string): Finding {
  return { kind: 'ok', thing, message, fix: '' };
}

function fault(thing: string, message: string, fix: string): Finding {
  return { kind: 'fault', thing, message, fix };
}
