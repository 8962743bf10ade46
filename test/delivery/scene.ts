import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Daemon } from '../support/daemon.ts';
import type { KafkaCluster } from '../support/kafka-cluster.ts';
import { Shipment, type ShipmentOptions } from '../support/shipment.ts';

export const PARTITIONS = 6;
export const MINUTE = 60_000;

let topics = 0;

/** A shipment into a new topic of its own. Folder and topic go when the test ends. */
export async function newShipment(
  kafka: KafkaCluster,
  t: TestContext,
  options: Omit<ShipmentOptions, 'bootstrap' | 'topic'>,
): Promise<Shipment> {
  const topic = `shipment-${++topics}`;
  await kafka.createTopic(topic, { partitions: PARTITIONS });
  const load = new Shipment({ ...options, bootstrap: kafka.bootstrap, topic });
  t.after(() => load.remove());
  return load;
}

/** `millrace run` on a shipment, with every canary of its memory checked. Killed when the test ends, if it still runs. */
export function startDaemon(load: Shipment, t: TestContext, node: string): Daemon {
  const daemon = new Daemon(['run', '-c', load.config], {
    node,
    env: { MILLRACE_ARENA: 'check' },
  });
  t.after(() => daemon.signal('SIGKILL'));
  return daemon;
}

/** Waits until the topic holds as many records as lines were written, ends the daemon, and reads every line back. */
export async function expectDelivered(load: Shipment, daemon: Daemon): Promise<void> {
  await load.untilStored(PARTITIONS, load.lines, 5 * MINUTE, () => said(daemon));
  assert.equal(await daemon.stop(), 0, said(daemon));
  await expectNothingWrong(load, said(daemon));
}

/** Reads the topic back: every line that was written is there, once, behind its predecessors, and nothing else. */
export async function expectNothingWrong(load: Shipment, context = ''): Promise<void> {
  const audit = await load.audit();
  const nothingWrong = { lost: 0, doubled: 0, reordered: 0, foreign: 0 };
  assert.deepEqual(audit.verdict(), nothingWrong, `${audit.faults.join('\n')}\n${context}`);
  assert.equal(audit.count, load.lines);
}

export function said(daemon: Daemon): string {
  return `the daemon said:\n${daemon.output}`;
}
