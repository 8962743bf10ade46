import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeGeneration, valueOf } from '../../src/checkpoint/checkpoint-file.ts';
import type { Daemon } from '../support/daemon.ts';
import { startKafka, type KafkaCluster } from '../support/kafka-cluster.ts';
import type { SourceLine } from '../support/numbered-lines.ts';
import { node24 } from '../support/project.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { LINE_BYTES, isFull, linesOf, shipmentBytes, type Shipment } from '../support/shipment.ts';
import {
  MINUTE,
  PARTITIONS,
  expectDelivered,
  expectNothingWrong,
  newShipment,
  said,
  startDaemon,
} from './scene.ts';

const FILES = ['file-a', 'file-b'];
const STOPS = 4;
const OVER_MS = isFull ? 60_000 : 12_000;
const NOTE_INTERVAL_MS = 1000;
const SECONDS_NOT_NOTED = 3;
const BYTES_PER_SECOND = (shipmentBytes / FILES.length / OVER_MS) * 1000;
const lines = linesOf(shipmentBytes / FILES.length);
const fileBytes = lines * (LINE_BYTES + 1);
const BUFFER_MEMORY = 32 * 2 ** 20;
/** Batches wait compressed: they stand for more bytes of the file than they take. */
const WINDOW_BYTES = { none: BUFFER_MEMORY, lz4: 5 * BUFFER_MEMORY };
const nodes = [node24, process.execPath];

describe('a daemon that ends in the middle of files', { timeout: 60 * MINUTE }, () => {
  let kafka: KafkaCluster;

  before(async () => {
    kafka = await startKafka({ brokers: 3 });
  });
  after(async () => {
    await kafka.stop();
  });

  /** Ships files that grow meanwhile; ends the daemon again and again, and then leaves it alone. */
  async function shipWithStops(
    load: Shipment,
    start: (run: number) => Daemon,
    end: (daemon: Daemon, run: number) => Promise<void>,
  ): Promise<Daemon> {
    const pace = { overMs: OVER_MS, goesOn: () => false };
    const written = Promise.all(
      FILES.map((name) => load.write(name, load.file(name), lines, pace)),
    );
    const random = seededRandom(7);
    for (let stop = 0; stop < STOPS; stop++) {
      const daemon = start(stop);
      await daemon.says(/all inputs are being read/);
      await untilNoted(load, daemon, (fileBytes * (stop + 1)) / (STOPS + 1));
      await sleep(random() * NOTE_INTERVAL_MS);
      await end(daemon, stop);
      // Meanwhile the files grow: the next start finds a backlog.
      await sleep(500);
    }
    const last = start(STOPS);
    await written;
    return last;
  }

  test('SIGTERM and SIGINT while files grow lose, double and reorder nothing', async (t) => {
    const load = await newShipment(kafka, t, { codec: 'lz4' });
    const last = await shipWithStops(
      load,
      (run) => startDaemon(load, t, nodes[run % 2] ?? node24),
      async (daemon, run) => {
        assert.equal(await daemon.stop(run < 2 ? 'SIGTERM' : 'SIGINT'), 0, said(daemon));
      },
    );
    await expectDelivered(load, last);
    await kafka.deleteTopic(load.topic);
  });

  test('SIGTERM and SIGINT at full speed through large files lose, double and reorder nothing', async (t) => {
    const load = await newShipment(kafka, t, { codec: 'none' });
    await Promise.all(FILES.map((name) => load.write(name, load.file(name), lines)));
    let stored = 0;
    for (let run = 0; stored < load.lines; run++) {
      const daemon = startDaemon(load, t, nodes[run % 2] ?? node24);
      const some = stored + load.lines / (STOPS + 1);
      await load.untilStored(PARTITIONS, Math.min(some, load.lines), MINUTE, () => said(daemon));
      assert.equal(await daemon.stop(run % 4 < 2 ? 'SIGTERM' : 'SIGINT'), 0, said(daemon));
      stored = await load.stored(PARTITIONS);
    }
    await expectNothingWrong(load);
    await kafka.deleteTopic(load.topic);
  });

  for (const codec of ['none', 'lz4'] as const) {
    test(`${codec}: kill -9 loses nothing, and doubles only what was not acknowledged or noted`, async (t) => {
      const load = await newShipment(kafka, t, { codec });
      const kept: Map<string, number>[] = [];
      const last = await shipWithStops(
        load,
        (run) => startDaemon(load, t, nodes[run % 2] ?? node24),
        async (daemon) => {
          await daemon.stop('SIGKILL');
          kept.push(notedPositions(load));
        },
      );
      // With doubles in the topic its size does not say that all is there: the noted positions do.
      await untilNoted(load, last, fileBytes);
      assert.equal(await last.stop(), 0, said(last));

      const audit = await load.audit();
      assert.equal(audit.lost, 0, audit.faults.join('\n'));
      assert.equal(audit.foreign, 0, audit.faults.join('\n'));
      t.diagnostic(`${audit.doubles.length} of ${load.lines} lines doubled by ${STOPS} kills`);
      for (const line of [...audit.doubles, ...audit.stepsBack]) {
        assert.ok(
          kept.some((noted) => isInWindow(line, noted, WINDOW_BYTES[codec])),
          `${line.source} ${line.seq} is there again, but was in no kill's window`,
        );
      }
      await kafka.deleteTopic(load.topic);
    });
  }
});

/**
 * What one kill may double, of each file: what lies behind the position that was noted last. That is what had no answer, at most buffer.memory, and
 * what was answered since the last note, about a second before.
 */
function isInWindow(
  { source, seq }: SourceLine,
  noted: ReadonlyMap<string, number>,
  bytes: number,
): boolean {
  const position = seq * (LINE_BYTES + 1);
  const from = noted.get(`${source}.log`) ?? 0;
  return position >= from && position < from + bytes + SECONDS_NOT_NOTED * BYTES_PER_SECOND;
}

/** By file name, how far the newest whole checkpoint says it is settled. */
function notedPositions(load: Shipment): Map<string, number> {
  const state = join(load.folder, 'state');
  const generations = readdirSync(state)
    .filter((name) => /^checkpoint\.[01]$/.test(name))
    .map((name) => decodeGeneration(readFileSync(join(state, name))))
    .filter((decoded) => typeof decoded !== 'string');
  generations.sort((a, b) => b.generation - a.generation);
  const positions = new Map<string, number>();
  for (const line of generations[0]?.lines.values() ?? []) {
    const value = valueOf(line);
    if (typeof value !== 'object' || value === null) continue;
    const { path, position } = value as { path?: string; position?: number };
    if (path !== undefined) positions.set(basename(path), position ?? 0);
  }
  return positions;
}

/** Waits until so much of each file is noted as settled. */
async function untilNoted(load: Shipment, daemon: Daemon, bytes: number): Promise<void> {
  const deadline = Date.now() + 2 * MINUTE;
  const isFar = (noted: Map<string, number>): boolean =>
    FILES.every((name) => (noted.get(`${name}.log`) ?? 0) >= bytes);
  while (!isFar(notedPositions(load))) {
    assert.ok(Date.now() < deadline, `the files are not settled\n${said(daemon)}`);
    await sleep(50);
  }
}
