/** When metrics are asked for and pushed, and what each answer means: KIP-714. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors, type KafkaErrorName } from '../../../src/kafka/errors.ts';
import { ZERO_UUID } from '../../../src/kafka/wire.ts';
import {
  createMetricsPush,
  isSubscribed,
  lastQuestion,
  nextQuestion,
  takeLoss,
  takePushed,
  takeSubscription,
  type MetricsPushState,
} from '../../../src/send/metrics-push.ts';

const INTERVAL_MS = 60_000;
const SOME_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

type Subscription = Parameters<typeof takeSubscription>[1];

function answer(changes: Partial<Subscription> = {}): Subscription {
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    clientInstanceId: SOME_ID,
    subscriptionId: 7,
    acceptedCompressionTypes: [4, 3, 1],
    pushIntervalMs: INTERVAL_MS,
    telemetryMaxBytes: 1_000_000,
    deltaTemporality: true,
    requestedMetrics: ['*'],
    ...changes,
  };
}

function refusal(name: KafkaErrorName): { errorCode: number; throttleTimeMs: number } {
  return { errorCode: errors[name].code, throttleTimeMs: 0 };
}

/** Subscribed at 0, with the first push due at one interval. */
function subscribed(changes: Partial<Subscription> = {}): MetricsPushState {
  const state = createMetricsPush(() => 0.5);
  assert.equal(nextQuestion(state, 0), 'subscription');
  assert.equal(takeSubscription(state, answer(changes), 0), undefined);
  return state;
}

test('the first question is for the subscription, with no id; the id that is given is kept', () => {
  const state = createMetricsPush(() => 0.5);
  assert.equal(state.clientInstanceId, ZERO_UUID);
  assert.equal(nextQuestion(state, 0), 'subscription');
  assert.equal(nextQuestion(state, 1e9), undefined, 'one question at a time');
  takeSubscription(state, answer(), 0);
  assert.equal(state.clientInstanceId, SOME_ID);
  state.phase = 'subscribing';
  takeSubscription(state, answer({ clientInstanceId: ZERO_UUID }), 0);
  assert.equal(state.clientInstanceId, SOME_ID);
});

test('the first push is spread over half to one and a half intervals, the next come at each interval', () => {
  for (const [random, dueMs] of [
    [0, 30_000],
    [0.5, 60_000],
    [0.999_999, 90_000],
  ] as const) {
    const state = createMetricsPush(() => random);
    nextQuestion(state, 0);
    takeSubscription(state, answer(), 0);
    assert.equal(Math.round(state.dueMs), dueMs);
  }
  const state = subscribed();
  assert.equal(nextQuestion(state, INTERVAL_MS - 1), undefined);
  assert.equal(nextQuestion(state, INTERVAL_MS), 'push');
  takePushed(state, { errorCode: 0, throttleTimeMs: 0 }, INTERVAL_MS + 5);
  assert.equal(nextQuestion(state, 2 * INTERVAL_MS + 4), undefined);
  assert.equal(nextQuestion(state, 2 * INTERVAL_MS + 5), 'push');
});

test('with no metric wanted nothing is pushed, and the subscription is asked for again at the interval', () => {
  const state = subscribed({ requestedMetrics: [] });
  assert.equal(isSubscribed(state), false);
  assert.equal(nextQuestion(state, INTERVAL_MS - 1), undefined);
  assert.equal(nextQuestion(state, INTERVAL_MS), 'subscription');
});

test('an interval that makes no sense is five minutes', () => {
  const state = subscribed({ pushIntervalMs: 0 });
  assert.equal(state.dueMs, 300_000);
});

test('a star is every name, as the empty beginning is', () => {
  assert.deepEqual(subscribed().subscription?.wanted, ['']);
  const names = ['org.apache.kafka.producer.'];
  assert.deepEqual(subscribed({ requestedMetrics: names }).subscription?.wanted, names);
});

test('a throttled client waits as long as it is told', () => {
  const state = subscribed();
  nextQuestion(state, INTERVAL_MS);
  takePushed(state, { errorCode: 0, throttleTimeMs: 500_000 }, INTERVAL_MS);
  assert.equal(nextQuestion(state, INTERVAL_MS + 499_999), undefined);
  assert.equal(subscribed({ throttleTimeMs: 500_000 }).dueMs, 500_000);
});

test('an unknown subscription is asked for anew at once, with the same id', () => {
  const state = subscribed();
  nextQuestion(state, INTERVAL_MS);
  assert.equal(takePushed(state, refusal('UNKNOWN_SUBSCRIPTION_ID'), INTERVAL_MS), undefined);
  assert.equal(nextQuestion(state, INTERVAL_MS), 'subscription');
  assert.equal(state.clientInstanceId, SOME_ID);
  takeSubscription(state, answer({ subscriptionId: 8 }), INTERVAL_MS);
  assert.equal(nextQuestion(state, 2 * INTERVAL_MS - 1), undefined, 'no push at once: no loop');
});

test("the broker's first codec is used; one that it then refuses is not used again, and plain is the last", () => {
  const state = subscribed();
  const used: number[] = [];
  for (let n = 1; n <= 4; n++) {
    assert.equal(nextQuestion(state, state.dueMs), 'push');
    used.push(state.codec);
    takePushed(state, refusal('UNSUPPORTED_COMPRESSION_TYPE'), 0);
    if (n === 4) break;
    assert.equal(nextQuestion(state, 0), 'subscription');
    takeSubscription(state, answer(), 0);
  }
  assert.deepEqual(used, [4, 3, 1, 0]);
  assert.equal(state.phase, 'off');
  assert.equal(subscribed({ acceptedCompressionTypes: [] }).codec, 0);
});

test('what is too large or too much waits for the next interval, and asks what is wanted then', () => {
  for (const name of ['TELEMETRY_TOO_LARGE', 'THROTTLING_QUOTA_EXCEEDED'] as const) {
    const state = subscribed();
    nextQuestion(state, INTERVAL_MS);
    assert.equal(takePushed(state, refusal(name), INTERVAL_MS), undefined);
    assert.equal(nextQuestion(state, 2 * INTERVAL_MS - 1), undefined);
    assert.equal(nextQuestion(state, 2 * INTERVAL_MS), 'subscription');
    // Before there was any subscription.
    const fresh = createMetricsPush(() => 0.5);
    nextQuestion(fresh, 0);
    takeSubscription(fresh, answer(refusal(name)), 0);
    assert.equal(fresh.dueMs, 300_000);
  }
});

test('errors that trying again cannot mend end it, and are told', () => {
  const names = [
    ...(['INVALID_REQUEST', 'INVALID_RECORD', 'UNSUPPORTED_VERSION'] as const),
    ...(['CLUSTER_AUTHORIZATION_FAILED', 'UNKNOWN_SERVER_ERROR'] as const),
  ];
  for (const name of names) {
    const pushing = subscribed();
    nextQuestion(pushing, INTERVAL_MS);
    assert.equal(takePushed(pushing, refusal(name), INTERVAL_MS)?.name, name);
    const asking = createMetricsPush(() => 0.5);
    nextQuestion(asking, 0);
    assert.equal(takeSubscription(asking, answer(refusal(name)), 0)?.name, name);
    for (const state of [pushing, asking]) assert.equal(nextQuestion(state, 1e12), undefined);
  }
  // Of a question that has nothing to do with it: no loop.
  const asking = createMetricsPush(() => 0.5);
  nextQuestion(asking, 0);
  takeSubscription(asking, answer(refusal('UNKNOWN_SUBSCRIPTION_ID')), 0);
  assert.equal(asking.phase, 'off');
});

test('a question whose connection is lost is asked again after a while, of whom is there then', () => {
  const asking = createMetricsPush(() => 0.5);
  nextQuestion(asking, 0);
  takeLoss(asking, 0);
  assert.equal(nextQuestion(asking, 9999), undefined);
  assert.equal(nextQuestion(asking, 10_000), 'subscription');
  const pushing = subscribed();
  nextQuestion(pushing, INTERVAL_MS);
  takeLoss(pushing, INTERVAL_MS);
  assert.equal(nextQuestion(pushing, INTERVAL_MS + 9999), undefined);
  assert.equal(nextQuestion(pushing, INTERVAL_MS + 10_000), 'push');
});

test('the last push is out of turn, and only for a client that is subscribed', () => {
  const state = subscribed();
  assert.equal(isSubscribed(state), true);
  lastQuestion(state);
  assert.equal(state.codec, 4);
  assert.equal(isSubscribed(createMetricsPush(() => 0.5)), false);
});
