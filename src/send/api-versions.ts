/**
 * Which version of which API a broker and millrace both speak, and whether that is enough.
 * Source: KIP-35 (ApiVersions), KIP-511 (a broker that does not know our version of it answers in v0), KIP-482, KIP-664 (DescribeProducers).
 */
import { frameRequest, parseResponse } from '../kafka/header.ts';
import { errorOf, errors } from '../kafka/errors.ts';
import type { MessageSpec, ResponseOf } from '../kafka/message-spec.ts';
import { produce } from '../kafka/messages/00-produce.ts';
import { fetch } from '../kafka/messages/01-fetch.ts';
import { listOffsets } from '../kafka/messages/02-list-offsets.ts';
import { metadata } from '../kafka/messages/03-metadata.ts';
import { findCoordinator } from '../kafka/messages/10-find-coordinator.ts';
import { apiVersions } from '../kafka/messages/18-api-versions.ts';
import { initProducerId } from '../kafka/messages/22-init-producer-id.ts';
import { addPartitionsToTxn } from '../kafka/messages/24-add-partitions-to-txn.ts';
import { addOffsetsToTxn } from '../kafka/messages/25-add-offsets-to-txn.ts';
import { endTxn } from '../kafka/messages/26-end-txn.ts';
import { txnOffsetCommit } from '../kafka/messages/28-txn-offset-commit.ts';
import { describeProducers } from '../kafka/messages/61-describe-producers.ts';
import { present } from '../shared/assert.ts';
import type { Connection } from './connection.ts';
import { connectionFault } from './connection-fault.ts';
import type { ConnectionFault } from './connection-fault.ts';
import type { TransactionFeatures } from './events.ts';
import type { SenderConfig } from './sender-config.ts';

/** What we tell the broker about ourselves: it shows it in its metrics (KIP-511). */
export interface ClientSoftware {
  /** client.id. */
  readonly clientId: string;
  /** Of millrace: letters, digits, dots and dashes. */
  readonly version: string;
}

const SOFTWARE_NAME = 'millrace';

/** One API in all its versions, whatever its fields. */
type AnySpec = Pick<MessageSpec, 'apiKey' | 'name' | 'versions'>;

/** What the whole cluster has agreed on (KIP-584): levels by name, and the epoch of the agreement, -1n before there is one. */
interface FinalizedFeatures {
  readonly epoch: bigint;
  readonly levels: ReadonlyMap<string, number>;
}

const noFeatures: FinalizedFeatures = { epoch: -1n, levels: new Map() };

/** InitProducerId with the present id and epoch (KIP-360). */
const RAISES_EPOCH_VERSION = 3;

interface Versions {
  readonly min: number;
  readonly max: number;
}

/** What one broker speaks. */
export class BrokerApis {
  readonly #versions: ReadonlyMap<number, Versions>;
  readonly #features: FinalizedFeatures;

  constructor(versions: ReadonlyMap<number, Versions>, features: FinalizedFeatures = noFeatures) {
    this.#versions = versions;
    this.#features = features;
  }

  /** What this broker says about transactions (KIP-584, KIP-890). */
  get transactions(): TransactionFeatures {
    const { epoch, levels } = this.#features;
    const { max } = this.announced(initProducerId) ?? { max: -1 };
    return {
      transactionVersion: levels.get('transaction.version') ?? 0,
      featuresEpoch: epoch,
      raisesEpoch: max >= RAISES_EPOCH_VERSION,
    };
  }

  speaks(spec: AnySpec): boolean {
    return this.#common(spec) !== undefined;
  }

  /** The highest version that both speak; the caller has made sure that there is one. */
  versionOf(spec: AnySpec): number {
    return present(this.#common(spec), `${spec.name} was negotiated`);
  }

  /** What the broker announced, undefined when it does not have the API. */
  announced(spec: AnySpec): Versions | undefined {
    return this.#versions.get(spec.apiKey);
  }

  #common(spec: AnySpec): number | undefined {
    const theirs = this.#versions.get(spec.apiKey);
    if (theirs === undefined) return undefined;
    const highest = Math.min(theirs.max, spec.versions.max);
    return highest >= Math.max(theirs.min, spec.versions.min) ? highest : undefined;
  }
}

/** An API that we cannot do without. */
export interface ApiNeed {
  readonly spec: AnySpec;
  /** What for, and since which Kafka. */
  readonly purpose: string;
  readonly fix: string;
}

/** What the producer of this configuration needs. */
export function needsOf({
  enableIdempotence,
  transactions,
}: Pick<SenderConfig, 'enableIdempotence' | 'transactions'>): ApiNeed[] {
  if (transactions === undefined) return producerNeeds(enableIdempotence);
  const fix = 'upgrade the broker or leave out transactional.id';
  const specs = [
    ...[findCoordinator, initProducerId, addPartitionsToTxn],
    ...[addOffsetsToTxn, txnOffsetCommit, endTxn],
  ];
  const purpose = 'transactional.id (Kafka 0.11)';
  return [...producerNeeds(false), ...specs.map((spec) => ({ spec, purpose, fix }))];
}

/** What a producer needs. Idempotence has to ask what a broker has after a lost connection, hence the last three. */
export function producerNeeds(enableIdempotence: boolean): ApiNeed[] {
  const fix = 'upgrade the broker';
  const always = [
    { spec: produce, purpose: 'record batches v2 (Kafka 0.11)', fix },
    { spec: metadata, purpose: 'the leaders of partitions', fix },
  ];
  if (!enableIdempotence) return always;
  const orWithout = 'upgrade the broker or set enable.idempotence=false';
  return [
    ...always,
    { spec: initProducerId, purpose: 'enable.idempotence=true (Kafka 0.11)', fix: orWithout },
    { spec: describeProducers, purpose: 'enable.idempotence=true (Kafka 2.8)', fix: orWithout },
    { spec: listOffsets, purpose: 'enable.idempotence=true (Kafka 0.11)', fix: orWithout },
    { spec: fetch, purpose: 'enable.idempotence=true (Kafka 0.11)', fix: orWithout },
  ];
}

/**
 * Asks the broker what it speaks: first request of every connection.
 *
 * @returns its APIs, or why the connection is of no use; the connection is left to the caller to close
 */
export async function askApiVersions(
  connection: Connection,
  software: ClientSoftware,
): Promise<BrokerApis | ConnectionFault> {
  const first = await ask(connection, software, apiVersions.versions.max);
  if ('reason' in first) return first;
  if (first.errorCode !== errors.UNSUPPORTED_VERSION.code) return apisOf(connection, first);
  const known = first.apiKeys.find((api) => api.apiKey === apiVersions.apiKey);
  const second = await ask(connection, software, secondVersion(known?.maxVersion ?? 0));
  return 'reason' in second ? second : apisOf(connection, second);
}

/** Brokers before 2.4 refuse without saying what they know: v0 is known by all. */
function secondVersion(brokerMax: number): number {
  return Math.max(0, Math.min(brokerMax, apiVersions.versions.max - 1));
}

type Answer = ResponseOf<typeof apiVersions>;

function ask(
  connection: Connection,
  software: ClientSoftware,
  version: number,
): Promise<Answer | ConnectionFault> {
  return new Promise((resolve) => {
    const correlationId = connection.takeCorrelationId();
    const request = { clientSoftwareName: SOFTWARE_NAME, clientSoftwareVersion: software.version };
    connection.send(
      frameRequest(apiVersions, version, correlationId, software.clientId, request),
      correlationId,
      {
        written: () => undefined,
        answered: (frame) => resolve(parseResponse(apiVersions, version, frame)),
        lost: resolve,
      },
    );
  });
}

function apisOf(connection: Connection, answer: Answer): BrokerApis | ConnectionFault {
  if (answer.errorCode !== errors.NONE.code) {
    const { name, meaning } = errorOf(answer.errorCode);
    return connectionFault('other', `${connection.name} refused ApiVersions: ${name} (${meaning})`);
  }
  const versions = new Map<number, Versions>();
  for (const { apiKey, minVersion, maxVersion } of answer.apiKeys) {
    versions.set(apiKey, { min: minVersion, max: maxVersion });
  }
  const levels = new Map(
    answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
  );
  return new BrokerApis(versions, { epoch: answer.finalizedFeaturesEpoch, levels });
}

/** @returns one fault that names everything the broker lacks, with the fix; undefined when it has all */
export function lackOf(
  apis: BrokerApis,
  needs: readonly ApiNeed[],
  name: string,
): ConnectionFault | undefined {
  const lacks = needs.filter((need) => !apis.speaks(need.spec));
  const [first] = lacks;
  if (first === undefined) return undefined;
  if (lacks.some(({ spec }) => isTooNew(apis, spec))) {
    const dropped = lacks.map(({ spec }) => versionsText(spec)).join(', ');
    const problem = `${name} is too new for millrace: it no longer speaks ${dropped}`;
    return connectionFault('other', problem, 'upgrade millrace');
  }
  const texts = lacks.map(({ spec, purpose }) => `${versionsText(spec)} for ${purpose}`);
  const fixes = new Set(lacks.map(({ fix }) => fix));
  // Where one lack cannot be lived with, doing without the others does not help.
  const fix = fixes.has('upgrade the broker') ? 'upgrade the broker' : first.fix;
  return connectionFault('tooOld', `${name} is too old: it lacks ${texts.join(', ')}`, fix);
}

function isTooNew(apis: BrokerApis, spec: AnySpec): boolean {
  const theirs = apis.announced(spec);
  return theirs !== undefined && theirs.min > spec.versions.max;
}

function versionsText(spec: AnySpec): string {
  return `${spec.name} v${spec.versions.min}`;
}
