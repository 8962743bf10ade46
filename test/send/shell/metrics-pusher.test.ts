/** Metrics to a broker that wants them, over sockets: KIP-714. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decompress } from '../../../src/kafka/compression.ts';
import { errors, type KafkaError } from '../../../src/kafka/errors.ts';
import { frameResponse, parseRequest } from '../../../src/kafka/header.ts';
import type { RequestOf, ResponseInputOf } from '../../../src/kafka/message-spec.ts';
import { getTelemetrySubscriptions } from '../../../src/kafka/messages/71-get-telemetry-subscriptions.ts';
import { pushTelemetry } from '../../../src/kafka/messages/72-push-telemetry.ts';
import { encodeMetrics, type Measurement } from '../../../src/kafka/otlp.ts';
import { MetricsPusher, type MetricsPusherOptions } from '../../../src/send/metrics-pusher.ts';
import { opened, opening } from './channels.ts';
import { everything, scriptedBroker } from './scripted-broker.ts';
import { until } from './sending.ts';

type Push = RequestOf<typeof pushTelemetry>;

const WALL_MS = 1_700_000_000_000;
const SOME_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

const subscription = {
  ...{ throttleTimeMs: 0, errorCode: 0, clientInstanceId: SOME_ID, subscriptionId: 7 },
  ...{ acceptedCompressionTypes: [1], pushIntervalMs: 40, telemetryMaxBytes: 1_000_000 },
  ...{ deltaTemporality: false, requestedMetrics: ['*'] },
} satisfies ResponseInputOf<typeof getTelemetrySubscriptions>;

interface Scene {
  readonly pusher: MetricsPusher;
  readonly pushes: Push[];
  readonly subscribed: () => number;
  readonly refused: KafkaError[];
}

/** A broker with the two APIs, unless `answers` has no subscription; each push is answered with the next error. */
async function scene(
  context: TestContext,
  answers: {
    readonly subscription?: Partial<ResponseInputOf<typeof getTelemetrySubscriptions>>;
    readonly pushErrors?: readonly number[];
    readonly mute?: 'always' | 'to pushes';
  },
  options: Partial<MetricsPusherOptions> = {},
): Promise<Scene> {
  const pushes: Push[] = [];
  let subscribed = 0;
  const apis = [getTelemetrySubscriptions, pushTelemetry].map(({ apiKey, versions }) => {
    return { apiKey, minVersion: versions.min, maxVersion: versions.max };
  });
  const broker = await scriptedBroker(async (peer) => {
    await peer.handshake([...everything(), ...(answers.subscription === undefined ? [] : apis)]);
    const errorsLeft = [...(answers.pushErrors ?? [])];
    for (;;) {
      const { apiKey, apiVersion, correlationId, frame } = await peer.next();
      if (answers.mute === 'always') continue;
      if (apiKey === getTelemetrySubscriptions.apiKey) {
        subscribed += 1;
        const answer = { ...subscription, ...answers.subscription };
        peer.send(frameResponse(getTelemetrySubscriptions, apiVersion, correlationId, answer));
        continue;
      }
      pushes.push(parseRequest(pushTelemetry, frame).request);
      if (answers.mute === 'to pushes') continue;
      const errorCode = errorsLeft.shift() ?? 0;
      const answer = { throttleTimeMs: 0, errorCode };
      peer.send(frameResponse(pushTelemetry, apiVersion, correlationId, answer));
    }
  });
  const channel = await opened(opening(broker.endpoint));
  const refused: KafkaError[] = [];
  const pusher = new MetricsPusher({
    channels: () => [channel],
    read: () => [{ name: 'a.total', kind: 'total', value: 1 }],
    labels: {},
    requestTimeoutMs: 1000,
    onRefused: (error) => refused.push(error),
    nowMs: () => performance.now(),
    wallMs: () => WALL_MS,
    random: () => 0.5,
    ...options,
  });
  context.after(async () => {
    pusher.stop();
    channel.close('the test is over');
    await broker.close();
  });
  return { pusher, pushes, subscribed: () => subscribed, refused };
}

function unpacked({ compressionType, metrics }: Push): Buffer {
  return Buffer.from(decompress(compressionType, metrics));
}

test('what is wanted is pushed at each interval, packed as the broker likes it', async (t) => {
  const all: Measurement[] = [
    { name: 'a.total', kind: 'total', value: 5 },
    { name: 'b.now', kind: 'gauge', value: 2 },
    { name: 'c.now', kind: 'gauge', value: 3 },
  ];
  const { pusher, pushes } = await scene(
    t,
    { subscription: { requestedMetrics: ['a.', 'c'] } },
    { read: () => all, labels: { client_rack: 'b' } },
  );
  pusher.look();
  await until(() => pushes.length >= 3, 'three pushes');
  const time = { atMs: WALL_MS, sinceMs: WALL_MS, delta: false };
  const wanted = all.filter(({ name }) => name !== 'b.now');
  const expected = Buffer.from(encodeMetrics(wanted, { client_rack: 'b' }, time));
  for (const push of pushes) {
    assert.equal(push.compressionType, 1);
    assert.deepEqual(unpacked(push), expected);
    const { clientInstanceId, subscriptionId, terminating } = push;
    assert.deepEqual([clientInstanceId, subscriptionId, terminating], [SOME_ID, 7, false]);
  }
});

test('deltas are what came since the push before, and their time begins there', async (t) => {
  let value = 10;
  let nowMs = WALL_MS;
  const { pusher, pushes } = await scene(
    t,
    { subscription: { deltaTemporality: true, acceptedCompressionTypes: [] } },
    {
      read: () => [{ name: 'a.total', kind: 'total', value: (value += 3) }],
      wallMs: () => (nowMs += 1000),
    },
  );
  pusher.look();
  await until(() => pushes.length >= 2, 'two pushes');
  const told = (delta: number, from: number): Buffer => {
    const time = { atMs: WALL_MS + 1000 * (from + 1), sinceMs: WALL_MS + 1000 * from, delta: true };
    return Buffer.from(encodeMetrics([{ name: 'a.total', kind: 'total', value: delta }], {}, time));
  };
  // The first clock reading is the beginning.
  assert.deepEqual(pushes.slice(0, 2).map(unpacked), [told(13, 1), told(3, 2)]);
});

test('what a broker refuses is told with the next push', async (t) => {
  let value = 0;
  const { pusher, pushes } = await scene(
    t,
    {
      subscription: { deltaTemporality: true, acceptedCompressionTypes: [] },
      pushErrors: [0, errors.THROTTLING_QUOTA_EXCEEDED.code],
    },
    { read: () => [{ name: 'a.total', kind: 'total', value: (value += 100) }] },
  );
  pusher.look();
  await until(() => pushes.length >= 3, 'three pushes');
  const time = { atMs: WALL_MS, sinceMs: WALL_MS, delta: true };
  const told = (delta: number): Buffer =>
    Buffer.from(encodeMetrics([{ name: 'a.total', kind: 'total', value: delta }], {}, time));
  assert.deepEqual(pushes.slice(0, 3).map(unpacked), [100, 100, 200].map(told));
});

test('no more is pushed than the broker takes: the first figures', async (t) => {
  const many = Array.from({ length: 64 }, (_, n): Measurement => {
    return { name: `metric.${n}`, kind: 'gauge', value: n };
  });
  const bytesMax = 700;
  const { pusher, pushes } = await scene(
    t,
    { subscription: { acceptedCompressionTypes: [], telemetryMaxBytes: bytesMax } },
    { read: () => many },
  );
  pusher.look();
  await until(() => pushes.length >= 1, 'a push');
  const text = pushes[0]?.metrics ?? Buffer.alloc(0);
  assert.ok(text.byteLength <= bytesMax && text.byteLength > bytesMax / 4, String(text.byteLength));
  assert.ok(Buffer.from(text).includes('metric.0'));
});

test('the last push says that it is the last, and is waited for', async (t) => {
  const { pusher, pushes } = await scene(t, { subscription: { pushIntervalMs: 1_000_000 } });
  pusher.look();
  await until(() => pusher.isSubscribed, 'a subscription');
  await pusher.finish(AbortSignal.timeout(5000));
  assert.deepEqual(
    pushes.map(({ terminating }) => terminating),
    [true],
  );
  pusher.look();
  assert.equal(pusher.isSubscribed, false);
});

test('a broker without the APIs is asked nothing, and closing waits for nothing', async (t) => {
  const { pusher, pushes, subscribed } = await scene(t, {});
  pusher.look();
  await pusher.finish(AbortSignal.timeout(60_000));
  assert.deepEqual([pushes.length, subscribed()], [0, 0]);
});

test('a broker that has not answered yet is not waited for, one that is silent then no longer than said', async (t) => {
  const early = await scene(t, { subscription: {}, mute: 'always' });
  early.pusher.look();
  await early.pusher.finish(AbortSignal.timeout(60_000));
  const late = await scene(t, { subscription: {}, mute: 'to pushes' });
  late.pusher.look();
  await until(() => late.pusher.isSubscribed, 'a subscription');
  const beganMs = performance.now();
  await late.pusher.finish(AbortSignal.timeout(50));
  assert.ok(performance.now() - beganMs < 500);
  assert.equal(late.pushes.at(-1)?.terminating, true);
});

test('an unknown subscription is asked for again, a refusal ends it and is told once', async (t) => {
  const pushErrors = [errors.UNKNOWN_SUBSCRIPTION_ID.code, errors.INVALID_RECORD.code];
  const { pusher, pushes, subscribed, refused } = await scene(t, { subscription: {}, pushErrors });
  pusher.look();
  await until(() => refused.length > 0, 'the end');
  assert.deepEqual([pushes.length, subscribed()], [2, 2]);
  assert.deepEqual(
    refused.map(({ name }) => name),
    ['INVALID_RECORD'],
  );
  pusher.look();
  assert.equal(pusher.isSubscribed, false);
});

test('no answer within request.timeout.ms: the question is asked again later, of whom is there then', async (t) => {
  let asked = 0;
  const { pusher } = await scene(
    t,
    { subscription: {}, mute: 'always' },
    { requestTimeoutMs: 30, random: () => ((asked += 1), 0) },
  );
  pusher.look();
  const before = asked;
  await sleep(100);
  assert.ok(asked > before, 'the wait was drawn: the question counts as lost');
  assert.equal(pusher.isSubscribed, false);
});

test('who asks for the id of the client has it as soon as a broker has given it, and at once from then on', async (t) => {
  const { pusher } = await scene(t, { subscription: { requestedMetrics: [] } });
  const early = [pusher.clientInstanceId(10_000), pusher.clientInstanceId(Infinity)];
  pusher.look();
  assert.deepEqual(await Promise.all(early), [SOME_ID, SOME_ID]);
  assert.equal(await pusher.clientInstanceId(0), SOME_ID);
  pusher.stop();
  assert.equal(await pusher.clientInstanceId(0), SOME_ID);
});

test('there is no id in time from a broker that is silent, and none at all from one that takes no metrics', async (t) => {
  const { pusher } = await scene(t, { subscription: {}, mute: 'always' });
  pusher.look();
  const beganMs = performance.now();
  assert.equal(await pusher.clientInstanceId(50), undefined);
  assert.ok(performance.now() - beganMs >= 49);
  const late = pusher.clientInstanceId(Infinity);
  pusher.stop();
  assert.equal(await late, undefined);

  const refusing = await scene(t, { subscription: { errorCode: errors.INVALID_REQUEST.code } });
  const refused = refusing.pusher.clientInstanceId(Infinity);
  refusing.pusher.look();
  assert.equal(await refused, undefined);
  assert.deepEqual(refusing.refused, [errors.INVALID_REQUEST]);
});
