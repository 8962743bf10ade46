/**
 * Shell of `metrics-push.ts`: figures of the producer to a broker, when its operators subscribed to them (KIP-714). It opens no connection of its
 * own, and needs none: a question goes out on one that is there, to the same broker as long as it stays.
 */
import { createCompressor } from '../kafka/compression.ts';
import { errors, type KafkaError } from '../kafka/errors.ts';
import { getTelemetrySubscriptions } from '../kafka/messages/71-get-telemetry-subscriptions.ts';
import { pushTelemetry } from '../kafka/messages/72-push-telemetry.ts';
import { encodeMetrics, type Measurement } from '../kafka/otlp.ts';
import { ZERO_UUID } from '../kafka/wire.ts';
import { aborted } from '../shared/aborted.ts';
import { present } from '../shared/assert.ts';
import type { BrokerChannel } from './broker-channel.ts';
import {
  createMetricsPush,
  isSubscribed,
  lastQuestion,
  nextQuestion,
  takeLoss,
  takePushed,
  takeSubscription,
  type MetricsPushState,
} from './metrics-push.ts';
import { WakeTimer } from './wake-timer.ts';

export interface MetricsPusherOptions {
  /** Ready connections to brokers. */
  readonly channels: () => readonly BrokerChannel[];
  readonly read: () => readonly Measurement[];
  /** Of the client as a whole: `client_rack`, `transactional_id`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly requestTimeoutMs: number;
  /** A broker's answer after which nothing more is sent. */
  readonly onRefused: (error: KafkaError) => void;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  readonly random: () => number;
}

export class MetricsPusher {
  readonly #options: MetricsPusherOptions;
  readonly #state: MetricsPushState;
  readonly #timer: WakeTimer;
  readonly #lateness: WakeTimer;
  readonly #totals: TotalsPushed;
  #channel: BrokerChannel | undefined;
  /** Which question is open: what answers an older one comes too late. */
  #question = 0;
  /** Of the push under way: its figures count as told. */
  #taken: () => void = () => undefined;
  /** Of calls of `clientInstanceId`. */
  readonly #awaitingId = new Set<() => void>();

  constructor(options: MetricsPusherOptions) {
    const { nowMs, wallMs, random } = options;
    this.#options = options;
    this.#state = createMetricsPush(random);
    this.#totals = new TotalsPushed(wallMs());
    this.#timer = new WakeTimer(nowMs, () => this.look());
    this.#lateness = new WakeTimer(nowMs, () => this.#lose(this.#question));
  }

  /** Asks what is due, if there is somebody to ask. To be called when there is another connection. */
  look(): void {
    const channel = this.#pick();
    // Whoever opens one calls again.
    if (channel === undefined) return;
    const question = nextQuestion(this.#state, this.#options.nowMs());
    if (question === 'subscription') this.#subscribe(channel);
    if (question === 'push') this.#push(channel, false);
    this.#setTimer();
  }

  /** A broker wants figures of this client. */
  get isSubscribed(): boolean {
    return isSubscribed(this.#state);
  }

  /** What the cluster calls this client. Undefined when no broker has said so within `timeoutMs`, or none will. */
  async clientInstanceId(timeoutMs: number): Promise<string | undefined> {
    if (this.#state.clientInstanceId === ZERO_UUID && this.#state.phase !== 'off') {
      const { nowMs } = this.#options;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          patience.stop();
          this.#awaitingId.delete(done);
          resolve();
        };
        const patience = new WakeTimer(nowMs, done);
        patience.set(nowMs() + timeoutMs);
        this.#awaitingId.add(done);
      });
    }
    const { clientInstanceId } = this.#state;
    return clientInstanceId === ZERO_UUID ? undefined : clientInstanceId;
  }

  /** Pushes a last time, if anything was subscribed to. Resolves when it is answered, or can no more be, or at the signal. */
  async finish(giveUp: AbortSignal): Promise<void> {
    const channel = this.#pick();
    if (channel !== undefined && this.isSubscribed && !giveUp.aborted) {
      lastQuestion(this.#state);
      const answered = new Promise<void>((resolve) => this.#push(channel, true, resolve));
      await Promise.race([answered, aborted(giveUp)]);
    }
    this.stop();
  }

  /** Nothing more is asked. */
  stop(): void {
    this.#state.phase = 'off';
    this.#timer.stop();
    this.#lateness.stop();
    this.#tellId();
  }

  #pick(): BrokerChannel | undefined {
    if (this.#channel?.open === true) return this.#channel;
    const able = this.#options
      .channels()
      .filter(({ open, apis }) => open && apis.speaks(getTelemetrySubscriptions));
    this.#channel = able[Math.floor(this.#options.random() * able.length)];
    return this.#channel;
  }

  #subscribe(channel: BrokerChannel): void {
    const { clientInstanceId } = this.#state;
    const question = this.#begin();
    channel.request(
      getTelemetrySubscriptions,
      { clientInstanceId },
      {
        answered: (answer) => {
          if (!this.#isOpen(question)) return;
          this.#end(takeSubscription(this.#state, answer, this.#options.nowMs()));
        },
        lost: () => this.#lose(question),
      },
    );
  }

  #push(channel: BrokerChannel, terminating: boolean, done: () => void = () => undefined): void {
    const { clientInstanceId, subscription } = this.#state;
    const { subscriptionId } = present(subscription, 'a push follows a subscription');
    const question = this.#begin();
    const { payload, taken } = this.#payload();
    this.#taken = taken;
    channel.request(
      pushTelemetry,
      { clientInstanceId, subscriptionId, terminating, ...payload },
      {
        answered: (answer) => {
          done();
          if (!this.#isOpen(question)) return;
          if (answer.errorCode === errors.NONE.code) taken();
          this.#end(takePushed(this.#state, answer, this.#options.nowMs()));
        },
        lost: () => {
          done();
          this.#lose(question);
        },
      },
    );
  }

  /** As many figures as the broker takes in one push: the first ones matter most. */
  #payload(): {
    readonly payload: { readonly compressionType: number; readonly metrics: Uint8Array };
    /** To be called when the broker has them. */
    readonly taken: () => void;
  } {
    const { read, labels, wallMs } = this.#options;
    const { wanted, delta, bytesMax } = present(this.#state.subscription, 'it was asked for');
    const compressor = createCompressor(this.#state.codec);
    const atMs = wallMs();
    let chosen = read().filter(({ name }) => wanted.some((start) => name.startsWith(start)));
    const pack = (): Uint8Array => {
      const { measurements, sinceMs } = this.#totals.since(chosen, delta);
      return compressor.compress(encodeMetrics(measurements, labels, { atMs, sinceMs, delta }));
    };
    let metrics = pack();
    while (metrics.byteLength > bytesMax && chosen.length > 0) {
      chosen = chosen.slice(0, Math.floor(chosen.length / 2));
      metrics = pack();
    }
    return {
      payload: { compressionType: compressor.id, metrics },
      taken: () => this.#totals.pushed(chosen, delta, atMs),
    };
  }

  #begin(): number {
    this.#question += 1;
    this.#taken = () => undefined;
    this.#lateness.set(this.#options.nowMs() + this.#options.requestTimeoutMs);
    return this.#question;
  }

  #isOpen(question: number): boolean {
    return question === this.#question && this.#state.phase !== 'off';
  }

  #end(refused: KafkaError | undefined): void {
    this.#lateness.set(Infinity);
    if (refused !== undefined) this.#options.onRefused(refused);
    this.#tellId();
    this.look();
  }

  /** Whoever waits for the id has it, or waits in vain. */
  #tellId(): void {
    const { clientInstanceId, phase } = this.#state;
    if (clientInstanceId === ZERO_UUID && phase !== 'off') return;
    for (const done of this.#awaitingId) done();
  }

  #lose(question: number): void {
    if (!this.#isOpen(question)) return;
    this.#question += 1;
    // Perhaps the broker has the figures: told twice they would be wrong.
    this.#taken();
    this.#lateness.set(Infinity);
    this.#channel = undefined;
    takeLoss(this.#state, this.#options.nowMs());
    this.#setTimer();
  }

  #setTimer(): void {
    const { phase, dueMs } = this.#state;
    this.#timer.set(phase === 'toSubscribe' || phase === 'toPush' ? dueMs : Infinity);
  }
}

/** What was pushed of each total, and when: the next delta begins there. */
class TotalsPushed {
  #values = new Map<string, number>();
  #sinceMs: number;
  readonly #beganMs: number;

  constructor(beganMs: number) {
    this.#beganMs = beganMs;
    this.#sinceMs = beganMs;
  }

  since(
    measurements: readonly Measurement[],
    delta: boolean,
  ): { readonly measurements: readonly Measurement[]; readonly sinceMs: number } {
    if (!delta) return { measurements, sinceMs: this.#beganMs };
    const deltas = measurements.map((one) => {
      if (one.kind === 'gauge') return one;
      return { ...one, value: one.value - (this.#values.get(one.name) ?? 0) };
    });
    return { measurements: deltas, sinceMs: this.#sinceMs };
  }

  /** Cumulative totals forget the deltas: the next delta begins with the producer again, as in Java. */
  pushed(measurements: readonly Measurement[], delta: boolean, atMs: number): void {
    this.#sinceMs = delta ? atMs : this.#beganMs;
    this.#values = new Map(
      delta ? measurements.map(({ name, value }) => [name, value] as const) : [],
    );
  }
}
