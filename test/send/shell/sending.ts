/** A sender against an embedded cluster, fed with lines: what the tests of the shell share. */
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProduceOutcome } from '../../../src/ack/produce-outcome.ts';
import type { EmbeddedCluster } from '../../../src/broker/embedded-broker.ts';
import { KafkaSender } from '../../../src/send/network-client.ts';
import type { LineFields } from '../../../src/send/report-lines.ts';
import { defaultSenderConfig } from '../../../src/send/sender-config.ts';
import type { Endpoint, SenderConfig } from '../../../src/send/sender-config.ts';
import type { KafkaCluster } from '../../support/kafka-cluster.ts';
import { workshop } from './sealed-batches.ts';
import type { BatchChoices, LineBatch, Lines, Workshop } from './sealed-batches.ts';

export interface Said {
  readonly level: 'info' | 'warn' | 'error';
  readonly code: string;
  readonly message: string;
  readonly fields: LineFields;
}

export interface Sending {
  readonly shop: Workshop;
  readonly sender: KafkaSender<Lines>;
  /** In the order in which they came. */
  readonly outcomes: { readonly batch: LineBatch; readonly outcome: ProduceOutcome }[];
  readonly said: Said[];
  /** Errors that the sender stopped for. */
  readonly fatal: string[];
  /** Seals the lines and gives them to the sender. */
  readonly append: (topic: string, lines: Lines, choices?: BatchChoices) => void;
}

/**
 * Started, and closed when the test ends; then no run of the arena may be in use.
 *
 * @param told called for each outcome, when it is noted
 */
export function sending(
  context: TestContext,
  bootstrapServers: readonly Endpoint[],
  config: Partial<SenderConfig> = {},
  told: (outcome: ProduceOutcome) => void = () => undefined,
): Sending {
  const shop = workshop(32 * 1024 * 1024);
  const outcomes: Sending['outcomes'] = [];
  const said: Said[] = [];
  const fatal: string[] = [];
  const say = (level: Said['level']) => (code: string, message: string, fields: LineFields) =>
    said.push({ level, code, message, fields });
  const sender = new KafkaSender<Lines>({
    config: { ...defaultSenderConfig, ...config, bootstrapServers },
    software: { clientId: 'test', version: '0.1.0' },
    setupTimeoutMs: 10_000,
    setupTimeoutMaxMs: 30_000,
    memory: shop.memory,
    arena: shop.arena,
    compressionLevel: undefined,
    onOutcome: (batch, outcome) => {
      outcomes.push({ batch, outcome });
      told(outcome);
    },
    cutRanges: (batch, counts) => {
      let from = 0;
      return counts.map((count) => batch.payload.ranges.slice(from, (from += count)));
    },
    onFatal: (error) => fatal.push(error),
    telemetry: { info: say('info'), warn: say('warn'), error: say('error') },
  });
  sender.start();
  context.after(() => sender.close(AbortSignal.abort()));
  return {
    ...{ shop, sender, outcomes, said, fatal },
    append(topic, lines, choices) {
      const id = sender.takeBatchId();
      sender.append(shop.batch(id, topic, lines, { createdMs: sender.nowMs(), ...choices }));
    },
  };
}

export function endpointsOf(cluster: EmbeddedCluster): Endpoint[] {
  return cluster.nodes.map(({ host, port }) => ({ host, port }));
}

/** The brokers of a real cluster. */
export function serversOf(kafka: KafkaCluster): Endpoint[] {
  return kafka.nodeIds.map((id) => ({ host: '127.0.0.1', port: kafka.portOf(id) }));
}

/** Numbered lines, each unlike all others. */
export function numbered(from: number, count: number, name = 'line'): string[] {
  return Array.from({ length: count }, (_, index) => `${name} ${from + index}`);
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came: ${what}`);
    await sleep(5);
  }
}
