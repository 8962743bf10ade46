/**
 * When to ask what the cluster wants to know of this client, and when to tell it (KIP-714). Pure: the clock comes in, and what to send goes out;
 * `MetricsPusher` does it. Source: KIP-714, org.apache.kafka.common.telemetry.internals.ClientTelemetryReporter.
 */
import { errorOf, errors, type KafkaError } from '../kafka/errors.ts';
import type { ResponseOf } from '../kafka/message-spec.ts';
import type { getTelemetrySubscriptions } from '../kafka/messages/71-get-telemetry-subscriptions.ts';
import { ZERO_UUID } from '../kafka/wire.ts';
import { assert } from '../shared/assert.ts';

/** Where the broker says none of use. */
const PUSH_INTERVAL_MS = 300_000;
/** After a connection was lost under a question, give or take a half. */
const LOST_WAIT_MS = 10_000;
const NO_CODEC = 0;

/** What the cluster wants. */
export interface MetricsSubscription {
  readonly subscriptionId: number;
  /** Ids of codecs, the broker's favourite first. */
  readonly codecs: readonly number[];
  readonly pushIntervalMs: number;
  /** Of a push, compressed; at most so many bytes. */
  readonly bytesMax: number;
  readonly delta: boolean;
  /** Beginnings of names. */
  readonly wanted: readonly string[];
}

export interface MetricsPushState {
  readonly random: () => number;
  phase: 'toSubscribe' | 'subscribing' | 'toPush' | 'pushing' | 'off';
  /** When the next question may go. */
  dueMs: number;
  /** Given by the first broker, and kept for all. */
  clientInstanceId: string;
  subscription: MetricsSubscription | undefined;
  /** Codecs that a broker did not take although it had named them. */
  readonly refusedCodecs: Set<number>;
  /** Of the push under way. */
  codec: number;
}

/** @param random yields numbers in [0, 1) */
export function createMetricsPush(random: () => number): MetricsPushState {
  return {
    random,
    phase: 'toSubscribe',
    dueMs: -Infinity,
    clientInstanceId: ZERO_UUID,
    subscription: undefined,
    refusedCodecs: new Set(),
    codec: NO_CODEC,
  };
}

/** What to ask now, which counts as asked; undefined: nothing before `dueMs`. */
export function nextQuestion(
  state: MetricsPushState,
  nowMs: number,
): 'subscription' | 'push' | undefined {
  if (nowMs < state.dueMs) return undefined;
  if (state.phase === 'toSubscribe') {
    state.phase = 'subscribing';
    return 'subscription';
  }
  if (state.phase !== 'toPush') return undefined;
  beginPush(state);
  return 'push';
}

/** There is somebody to push to. */
export function isSubscribed({ phase }: MetricsPushState): boolean {
  return phase === 'toPush' || phase === 'pushing';
}

/** The last push, out of turn; an earlier one may be under way. Only for one that is subscribed. */
export function lastQuestion(state: MetricsPushState): void {
  assert(isSubscribed(state), 'only what was subscribed to is pushed');
  beginPush(state);
}

function beginPush(state: MetricsPushState): void {
  state.phase = 'pushing';
  const codecs = state.subscription?.codecs ?? [];
  state.codec = codecs.find((codec) => !state.refusedCodecs.has(codec)) ?? NO_CODEC;
}

/** @returns the error that ended it for good, if it did */
export function takeSubscription(
  state: MetricsPushState,
  answer: ResponseOf<typeof getTelemetrySubscriptions>,
  nowMs: number,
): KafkaError | undefined {
  if (answer.errorCode !== errors.NONE.code) return takeError(state, answer.errorCode, nowMs);
  const { requestedMetrics, pushIntervalMs, throttleTimeMs } = answer;
  if (answer.clientInstanceId !== ZERO_UUID) state.clientInstanceId = answer.clientInstanceId;
  const intervalMs = pushIntervalMs > 0 ? pushIntervalMs : PUSH_INTERVAL_MS;
  state.subscription = {
    subscriptionId: answer.subscriptionId,
    codecs: answer.acceptedCompressionTypes,
    pushIntervalMs: intervalMs,
    bytesMax: answer.telemetryMaxBytes,
    delta: answer.deltaTemporality,
    // A star alone is everything, as no beginning at all is.
    wanted: requestedMetrics.map((name) => (name === '*' ? '' : name)),
  };
  if (requestedMetrics.length === 0) {
    wait(state, 'toSubscribe', nowMs + Math.max(intervalMs, throttleTimeMs));
    return undefined;
  }
  // Clients that began together do not push together.
  const firstMs = intervalMs * (0.5 + state.random());
  wait(state, 'toPush', nowMs + Math.max(firstMs, throttleTimeMs));
  return undefined;
}

/** @returns the error that ended it for good, if it did */
export function takePushed(
  state: MetricsPushState,
  answer: { readonly errorCode: number; readonly throttleTimeMs: number },
  nowMs: number,
): KafkaError | undefined {
  if (answer.errorCode !== errors.NONE.code) return takeError(state, answer.errorCode, nowMs);
  wait(state, 'toPush', nowMs + Math.max(intervalOf(state), answer.throttleTimeMs));
  return undefined;
}

/** There was no answer: another broker is asked the same, with the same id. What was in a lost push is not sent again. */
export function takeLoss(state: MetricsPushState, nowMs: number): void {
  const waitMs = LOST_WAIT_MS * (0.5 + state.random());
  if (state.phase === 'subscribing') wait(state, 'toSubscribe', nowMs + waitMs);
  if (state.phase === 'pushing') wait(state, 'toPush', nowMs + waitMs);
}

function takeError(
  state: MetricsPushState,
  errorCode: number,
  nowMs: number,
): KafkaError | undefined {
  const error = errorOf(errorCode);
  const wasPush = state.phase === 'pushing';
  switch (error) {
    case errors.UNSUPPORTED_COMPRESSION_TYPE:
      if (!wasPush || state.codec === NO_CODEC) return end(state, error);
      state.refusedCodecs.add(state.codec);
      wait(state, 'toSubscribe', nowMs);
      return undefined;
    case errors.UNKNOWN_SUBSCRIPTION_ID:
      if (!wasPush) return end(state, error);
      // The subscriptions have changed: ask at once, push at the new interval.
      wait(state, 'toSubscribe', nowMs);
      return undefined;
    case errors.TELEMETRY_TOO_LARGE:
    case errors.THROTTLING_QUOTA_EXCEEDED:
      wait(state, 'toSubscribe', nowMs + intervalOf(state));
      return undefined;
    default:
      return end(state, error);
  }
}

function intervalOf({ subscription }: MetricsPushState): number {
  return subscription?.pushIntervalMs ?? PUSH_INTERVAL_MS;
}

function wait(state: MetricsPushState, phase: 'toSubscribe' | 'toPush', dueMs: number): void {
  state.phase = phase;
  state.dueMs = dueMs;
}

function end(state: MetricsPushState, error: KafkaError): KafkaError {
  state.phase = 'off';
  return error;
}
