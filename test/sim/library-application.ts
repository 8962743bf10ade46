/** An application that sends through the library: in bursts and calls, with promises, callbacks and neither, and flushes now and then. */
import type { KafkaError } from '../../src/producer/errors.ts';
import type { ProducerRecord, RecordMetadata } from '../../src/producer/record.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';
import type { Chance } from '../support/seeded-random.ts';
import { demand } from './fault.ts';
import type { Ledger, SentRecord, Way } from './library-ledger.ts';
import type { LibraryKnobs } from './library-plan.ts';
import type { LibraryProducer } from './library-producer.ts';
import { topics } from './trouble.ts';

/** A topic that comes into being after the first records for it, and one that never does. */
export const LATE_TOPIC = 'late';
export const NO_TOPIC = 'never';
/** Partitions of the late one, at first and when it has grown. */
export const LATE_PARTITIONS = [2, 4] as const;

/** Timers and turns of the event loop take as long. */
const SLACK_MS = 150;
/** What was flushed is with the sender after this. */
const HAND_OVER_MS = 20;
const BURST = 40;
const CALL = 60;
const LONG_CALL = 250;

/** Where a record is to go. */
export interface Place {
  readonly topic: string;
  readonly partition?: number;
  readonly key?: string;
}

interface Call {
  readonly members: SentRecord[];
  /** How many there are; known when the last was taken. */
  count: number | undefined;
}

export interface ApplicationOptions {
  readonly world: SimulatedWorld;
  readonly chance: Chance;
  readonly knobs: LibraryKnobs;
  readonly ledger: Ledger;
  readonly producer: LibraryProducer;
  /** Calls back when so much time has passed and the process does not stand still. */
  readonly after: (ms: number, then: () => void) => void;
  /** A promise was rejected that never may be. */
  readonly onFault: (error: unknown) => void;
}

export class LibraryApplication {
  readonly #options: ApplicationOptions;
  readonly #calls = new Set<Call>();
  /** Promises of `send` that are not settled. */
  openPromises = 0;
  openFlushes = 0;
  isClosed = false;
  /** Whoever is told of a record sends another, now and then. */
  answersBack = true;
  /** Loops go on. */
  loops = true;
  #closedAtMs = Infinity;

  constructor(options: ApplicationOptions) {
    this.#options = options;
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /** One thing that applications do. */
  act(): void {
    const { chance } = this.#options;
    const luck = chance.random();
    if (luck < 0.62) this.#burst();
    else if (luck < 0.84) this.#call(chance.below(luck < 0.64 ? LONG_CALL : CALL));
    else if (luck < 0.92) this.flush();
    else this.#loop(chance.below(BURST));
  }

  /** @param padding so much, instead of what is drawn */
  send(place: Place, way: Exclude<Way, 'call'>, padding?: number): SentRecord {
    const { producer, chance } = this.#options;
    const record = this.#take(place, way, padding);
    const { value } = record;
    const bytes = chance.random() < 0.3 ? Buffer.from(value) : undefined;
    const given = { ...givenOf(record), value: bytes ?? value };
    if (way === 'promise') this.#promise(given, record);
    else if (way === 'unheard') producer.take(given, null);
    else producer.take(given, (error, metadata) => this.#told(record, error, metadata));
    // The caller's again.
    bytes?.fill('#');
    const { recordsWaiting } = producer.intake.counts;
    const { maxBlockRecords } = this.#options.knobs;
    const many = (): string => `${recordsWaiting} records wait, and ${maxBlockRecords} may`;
    demand(recordsWaiting <= maxBlockRecords, 'leaked', many);
    if (this.isClosed && way !== 'unheard') {
      const isRefused = record.end?.error?.name === 'IllegalStateError';
      demand(isRefused || way === 'promise', 'lied', () => 'a closed producer takes a record');
    }
    return record;
  }

  flush(): void {
    const { producer, ledger, world, onFault } = this.#options;
    const before = ledger.records.slice();
    const calls = [...this.#calls];
    const isFree = producer.intake.counts.recordsWaiting === 0 && calls.length === 0;
    if (isFree && producer.isStarted && !this.isClosed) this.#watchHandOver(before);
    this.openFlushes += 1;
    const check = (): void => {
      this.openFlushes -= 1;
      if (world.nowMs >= this.#closedAtMs) return;
      const all = [...before.filter(({ way }) => way !== 'call'), ...calls.flatMap(membersOf)];
      for (const record of all) {
        const { id, way } = record;
        const isOver =
          way === 'call' ? ledger.outcomeOf(record) !== undefined : ledger.isOver(record);
        const open = (): string => `flushed, although record ${id} (${way}) has no end`;
        demand(isOver || (way === 'call' && record.position === undefined), 'lied', open);
      }
      const isTaken = calls.every(({ count }) => count !== undefined);
      demand(isTaken, 'lied', () => 'flushed, although a call still has records to be taken');
    };
    producer.flush().then(check).catch(onFault);
  }

  /** @param timeoutMs after which the rest is given up */
  close(timeoutMs: number): Promise<void> {
    const { producer, world, after } = this.#options;
    this.isClosed = true;
    this.#closedAtMs = world.nowMs;
    const giveUp = new AbortController();
    if (timeoutMs < Infinity) {
      after(timeoutMs, () => {
        giveUp.abort();
      });
    }
    return producer.close(giveUp.signal);
  }

  #burst(): void {
    const { chance } = this.#options;
    const way = this.#drawWay();
    const hot = chance.random() < 0.5 ? this.#drawPlace() : undefined;
    for (let n = chance.below(BURST); n >= 0; n -= 1) this.send(hot ?? this.#drawPlace(), way);
  }

  /** Sends one after the other as fast as there is room: `drain` in a loop. */
  #loop(left: number): void {
    const { producer, onFault } = this.#options;
    if (left === 0 || this.isClosed || !this.loops) return;
    this.send(this.#drawPlace(), this.#drawWay());
    producer.intake
      .drained()
      .then(() => this.#loop(left - 1))
      .catch(onFault);
  }

  #call(count: number): void {
    const { producer, chance, onFault } = this.#options;
    const hot = chance.random() < 0.3 ? this.#drawPlace() : undefined;
    const places = Array.from({ length: count }, () => hot ?? this.#drawPlace());
    const call: Call = { members: [], count: undefined };
    const take = (place: Place): SentRecord => {
      const record = this.#take(place, 'call');
      call.members.push(record);
      return record;
    };
    const each = function* (): Generator<ProducerRecord> {
      for (const place of places) yield new LateRecord(() => take(place));
      call.count = count;
    };
    this.#calls.add(call);
    producer
      .takeAll(chance.random() < 0.5 ? each() : listOf(count, each))
      .then((told) => {
        const { failure } = told;
        this.#calls.delete(call);
        demand(call.count === count, 'lied', () => 'a call has ended before all were taken');
        demand(told.count === count, 'lied', () => `a call of ${count} has ${told.count} ends`);
        const places = Array.from({ length: count }, (_, slot) => told.place(slot));
        const good = places.filter((place) => place !== undefined).length;
        const hidden = (): string =>
          `${good} of ${count} were acknowledged, and the call says other`;
        demand((good === count) === (failure === undefined), 'lied', hidden);
        for (const [slot, record] of call.members.entries()) {
          const metadata = places[slot];
          this.#options.ledger.tell(
            record,
            metadata === undefined ? (failure ?? null) : null,
            metadata ?? null,
          );
        }
      })
      .catch(onFault);
  }

  #promise(given: ProducerRecord, record: SentRecord): void {
    this.openPromises += 1;
    const sent = new Promise<RecordMetadata>((resolve, reject) => {
      this.#options.producer.take(given, (error, metadata) => {
        this.#told(record, error, metadata);
        if (metadata === null) reject(error ?? new Error('no outcome'));
        else resolve(metadata);
      });
    });
    const settled = (): void => {
      this.openPromises -= 1;
    };
    sent.then(settled, settled);
  }

  #take({ topic, partition, key }: Place, way: Way, padding?: number): SentRecord {
    const { ledger, chance, knobs } = this.#options;
    const { random, below } = chance;
    const timestamp = random() < 0.1 ? below(1_800_000_000) : undefined;
    const drawn = random() < 0.02 ? below(4000) : below(knobs.paddingMax);
    const given = { topic, partition, key: key ?? null, timestamp, way };
    return ledger.take(given, padding ?? drawn);
  }

  #told(record: SentRecord, error: KafkaError | null, metadata: RecordMetadata | null): void {
    const { ledger, chance, onFault } = this.#options;
    // What a callback throws is thrown again where nobody can catch it.
    try {
      ledger.tell(record, error, metadata);
      this.#judgeTime(record);
      // In the middle of what the library does.
      const isAnswered = this.answersBack && !this.isClosed && chance.random() < 0.02;
      if (isAnswered) this.send(this.#drawPlace(), this.#drawWay());
    } catch (fault) {
      onFault(fault);
    }
  }

  /** Whoever is told is told in time, and of what waited in vain not too early. */
  #judgeTime(record: SentRecord): void {
    const { world, knobs, ledger } = this.#options;
    const { maxBlockMs, deliveryTimeoutMs, isSlowSerializer } = knobs;
    const { id, takenMs, position, end } = record;
    const { nowMs } = world;
    // For its serializer first, and then for room.
    const blockMs = (isSlowSerializer ? 2 : 1) * maxBlockMs;
    const waitMs = blockMs + (position === undefined ? 0 : deliveryTimeoutMs);
    // A serializer that answers after a standstill has its record wait from then on.
    const goesOnMs = world.stalledUntilMs + (isSlowSerializer ? waitMs : 0);
    const lateMs = nowMs - Math.max(takenMs + waitMs, goesOnMs);
    const late = (): string => `record ${id} has its end ${Math.round(lateMs)} ms late`;
    demand(lateMs <= SLACK_MS, 'hung', late, ledger.traceable(record));
    if (!end?.error?.message.includes('within max.block.ms')) return;
    const early = (): string => `record ${id} has waited for ${nowMs - takenMs} ms only`;
    demand(nowMs - takenMs >= maxBlockMs - 1, 'lied', early);
  }

  /** What has a batch and nothing before it goes out at once, whatever linger.ms says. */
  #watchHandOver(before: readonly SentRecord[]): void {
    const { after, world, ledger } = this.#options;
    const { stalledUntilMs } = world;
    after(HAND_OVER_MS, () => {
      if (world.stalledUntilMs !== stalledUntilMs || this.isClosed) return;
      const left = before.find((record) => {
        return record.way !== 'unheard' && record.position === undefined && !ledger.isOver(record);
      });
      const lingers = (): string =>
        `flush was called, and record ${left?.id ?? -1} is not handed on`;
      demand(left === undefined, 'hung', lingers);
    });
  }

  #drawWay(): Exclude<Way, 'call'> {
    return this.#options.chance.pick(['promise', 'callback', 'callback', 'unheard']);
  }

  #drawPlace(): Place {
    const { random, below, pick } = this.#options.chance;
    const luck = random();
    const topic =
      luck < 0.06 ? NO_TOPIC : luck < 0.16 ? LATE_TOPIC : pick(['keyed', 'keyless'] as const);
    const kind = random();
    if (kind < 0.4) return { topic };
    if (kind < 0.7) return { topic, key: `k${below(12)}` };
    if (topic === NO_TOPIC || topic === LATE_TOPIC) return { topic, partition: below(4) };
    return { topic, partition: below(random() < 0.05 ? topics[topic] + 2 : topics[topic]) };
  }
}

/** One of a call, which may have to wait before it is taken: it is what it is only when it is read. */
class LateRecord implements ProducerRecord {
  readonly #take: () => SentRecord;
  #record: SentRecord | undefined;

  constructor(take: () => SentRecord) {
    this.#take = take;
  }

  get #taken(): SentRecord {
    return (this.#record ??= this.#take());
  }

  get topic(): string {
    return this.#taken.topic;
  }

  get partition(): number | undefined {
    return this.#taken.partition;
  }

  get key(): string | null {
    return this.#taken.key;
  }

  get value(): string {
    return this.#taken.value;
  }

  get timestamp(): number | undefined {
    return this.#taken.timestamp;
  }
}

function membersOf({ members }: Call): readonly SentRecord[] {
  return members;
}

function givenOf({ topic, partition, key, timestamp }: SentRecord) {
  return { topic, partition, key, timestamp };
}

/** An array whose records are made when they are read. */
function listOf(length: number, each: () => Generator<ProducerRecord>): ProducerRecord[] {
  const list = new Array<ProducerRecord>(length);
  return Object.defineProperty(list, Symbol.iterator, { value: each });
}
