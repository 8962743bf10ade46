/** The story of one partition as lines, for the seed that failed. */
import type { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import { errorOf } from '../../src/kafka/errors.ts';
import type { SenderEffect, SenderEvent } from '../../src/send/events.ts';
import type { Records } from '../support/simulated-partition.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';

export class Trace {
  readonly lines: string[] = [];
  /** What records are called. */
  namesOf: (records: Records) => string = rangeOf;
  readonly #world: SimulatedWorld;
  readonly #topic: string;
  readonly #partition: number;
  /** Questions about the partition. */
  readonly #asked = new Set<number>();
  #state = '';

  /** @param place `topic-partition`; without one nothing is written down */
  constructor(world: SimulatedWorld, place: string | undefined) {
    this.#world = world;
    const dash = place?.lastIndexOf('-') ?? -1;
    this.#topic = place?.slice(0, dash) ?? '';
    this.#partition = Number(place?.slice(dash + 1));
    if (place === undefined) return;
    const { event, effect } = world.observer;
    world.observer.event = (one) => {
      this.#event(one);
      event?.(one);
    };
    world.observer.effect = (one) => {
      this.#effect(one);
      effect?.(one);
    };
    world.cluster.observer = (node, call, { answer, required }) => {
      if (!this.#isIt(call)) return;
      const { producerId, producerEpoch, baseSequence, records } = call;
      const became =
        required === undefined ? errorOf(answer.errorCode).name : `at ${answer.baseOffset}`;
      const what = `${producerId}/${producerEpoch}/${baseSequence} ${this.namesOf(records)}`;
      this.#say(`    broker ${node}: ${what}: ${became}`);
    };
  }

  #isIt({ topic, partition }: { readonly topic: string; readonly partition: number }): boolean {
    return topic === this.#topic && partition === this.#partition;
  }

  #effect(effect: SenderEffect): void {
    if (effect.type === 'sendProduce') {
      for (const { batch } of effect.entries) {
        if (!this.#isIt(batch)) continue;
        this.#asked.add(effect.request);
        this.#say(
          `#${effect.request} to ${effect.node}: ${this.#nameOf(batch)}, attempt ${batch.attempts}`,
        );
      }
    } else if (effect.type === 'outcome' && this.#isIt(effect.batch)) {
      const { type, written } = effect.outcome;
      this.#say(`${this.#nameOf(effect.batch)}: ${type}, written ${written}`);
    } else if (effect.type === 'splitBatch' && this.#isIt(effect.batch)) {
      this.#say(`${this.#nameOf(effect.batch)} is split`);
    } else if (effect.type === 'report') {
      const { report } = effect;
      if ('partition' in report && this.#isIt(report)) this.#say(JSON.stringify(report));
    } else if ('partition' in effect && this.#isIt(effect)) {
      this.#asked.add(effect.request);
      this.#say(`#${effect.request} to ${effect.node}: ${effect.type}`);
    }
  }

  #event(event: SenderEvent): void {
    if (event.type === 'connectionLost') {
      this.#say(`connection ${event.connection} to ${event.node} is lost`);
      return;
    }
    if (!('request' in event) || !this.#asked.has(event.request)) return;
    if (event.type === 'produceAnswered') {
      const mine = event.partitions.find((one) => this.#isIt(one));
      const said =
        mine === undefined
          ? 'nothing'
          : `${errorOf(mine.errorCode).name} at ${mine.baseOffset} time ${mine.logAppendTimeMs}`;
      this.#say(`#${event.request} answered: ${said}`);
    } else {
      const said = JSON.stringify(event, (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      this.#say(`#${event.request} answered: ${said}`);
    }
  }

  #nameOf(batch: ProducerBatch): string {
    const { id, producerId, producerEpoch, baseSequence, payload } = batch;
    const records = this.namesOf(payload as Records);
    return `batch ${id} ${producerId}/${producerEpoch}/${baseSequence} ${records}`;
  }

  #say(line: string): void {
    const { cluster, nowMs } = this.#world;
    // A topic may come into being later.
    const found = cluster.topics.get(this.#topic)?.partitions[this.#partition];
    if (found === undefined) return;
    const { leader, leaderEpoch, logEnd, watermark } = found;
    const state = `leader ${leader} epoch ${leaderEpoch}`;
    if (state !== this.#state) this.lines.push(`${nowMs.toFixed(1).padStart(9)}  -- ${state}`);
    this.#state = state;
    this.lines.push(`${nowMs.toFixed(1).padStart(9)}  ${line}  [${watermark}/${logEnd}]`);
  }
}

function rangeOf({ from, count }: Records): string {
  return `records ${from}..${from + count - 1}`;
}
