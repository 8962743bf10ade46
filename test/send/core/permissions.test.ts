import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SenderConfig } from '../../../src/send/sender-config.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** Somebody waits for each outcome, as in the library. */
const forCaller: Partial<SenderConfig> = { outcomesFor: 'caller' };

test('without permission for the topic a caller hears of it at once; other partitions go on, and so does this one when it is granted', () => {
  for (const enableIdempotence of [true, false]) {
    const config = { ...forCaller, enableIdempotence };
    const world = SimulatedWorld.warm({ partitions: 2, config });
    world.faults.refusal = ({ partition }) =>
      partition === 0 ? 'TOPIC_AUTHORIZATION_FAILED' : undefined;
    const denied = Array.from({ length: 3 }, () => world.send('logs', 0));
    const other = world.send('logs', 1);
    world.run(300);
    for (const batch of denied) {
      const outcome = world.outcome(batch);
      assert.ok(outcome.type === 'rejected', outcome.type);
      assert.equal(outcome.error, 'TOPIC_AUTHORIZATION_FAILED');
      assert.match(outcome.message, /grant Write on the topic/);
    }
    assert.equal(world.outcome(other).type, 'acked');
    world.faults = {};
    const next = world.send('logs', 0);
    world.run(300);
    assert.equal(world.outcome(next).type, 'acked');
    assert.equal(world.said('settleStarted').length, 0, 'the gap is our own: nothing to find out');
    world.verify();
  }
});

test('what may be in the log when the permission goes is told of as such at once, and settled when it is back', () => {
  const world = SimulatedWorld.warm({ config: { ...forCaller, requestTimeoutMs: 500 } });
  world.faults.request = ({ type }) => (type === 'sendProduce' ? 'cutAfter' : undefined);
  const batch = world.send('logs', 0);
  world.run(10);
  world.faults = {
    refusal: () => 'TOPIC_AUTHORIZATION_FAILED',
    request: ({ type }) =>
      type === 'sendDescribeProducers' || type === 'readHeaders'
        ? { error: 'TOPIC_AUTHORIZATION_FAILED' }
        : undefined,
  };
  const behind = world.send('logs', 0);
  world.run(1500);
  const outcome = world.outcome(batch);
  assert.ok(outcome.type === 'failed' && outcome.written === 'perhaps');
  assert.equal(outcome.error, 'TOPIC_AUTHORIZATION_FAILED');
  assert.deepEqual([world.outcome(behind).type, world.outcome(behind).written], ['rejected', 'no']);
  world.faults = {};
  const next = world.send('logs', 0);
  world.settle();
  assert.equal(world.outcome(next).type, 'acked');
  assert.equal(world.cluster.partition('logs', 0).log.length, 3, 'in once, and the next');
  world.verify();
});

test('a topic that metadata says is not permitted fails what waits for it, also where it was known, and is taken up again', () => {
  const world = SimulatedWorld.warm({ partitions: 2, config: forCaller });
  const topic = world.cluster.topics.get('logs');
  assert.ok(topic !== undefined);
  topic.error = 'TOPIC_AUTHORIZATION_FAILED';
  world.cutAll(false);
  world.run(300);
  const denied = [world.send('logs', 0), world.send('logs', undefined)];
  world.run(2000);
  for (const batch of denied) {
    const outcome = world.outcome(batch);
    assert.ok(outcome.type === 'rejected' && outcome.error === 'TOPIC_AUTHORIZATION_FAILED');
  }
  assert.equal(world.said('topicProblem')[0]?.problem, 'notAuthorized');
  topic.error = undefined;
  const next = world.send('logs', 0);
  world.run(2000);
  assert.equal(world.outcome(next).type, 'acked');
  world.verify();
});

test('without permission for a producer id sends fail with the way out, and go on when it is granted', () => {
  const world = new SimulatedWorld({ config: forCaller });
  world.cluster.createTopic('logs', 1);
  let asked = 0;
  world.faults.request = ({ type }) => {
    if (type !== 'sendInitProducerId') return undefined;
    asked += 1;
    return { error: 'CLUSTER_AUTHORIZATION_FAILED' };
  };
  world.start();
  const denied = [world.send('logs', 0), world.send('logs', undefined)];
  world.run(2000);
  for (const batch of denied) {
    const outcome = world.outcome(batch);
    assert.ok(outcome.type === 'rejected' && outcome.error === 'CLUSTER_AUTHORIZATION_FAILED');
    assert.match(outcome.message, /grant Write on any topic .* enable\.idempotence=false/);
  }
  const askedThen = asked;
  world.run(60_000);
  assert.equal(asked, askedThen, 'nobody waits for an id: none is asked for');
  const again = world.send('logs', 0);
  world.run(2000);
  assert.equal(world.outcome(again).type, 'rejected');
  assert.deepEqual(
    [world.said('producerIdDenied').length, world.said('fatal').length],
    [1, 0],
    'said once',
  );
  world.faults = {};
  const next = world.send('logs', 0);
  world.run(2000);
  assert.equal(world.outcome(next).type, 'acked');
  assert.equal(world.said('producerIdGranted').length, 1);
  world.verify();
});

test('partitions that have their producer id go on when a new one is not permitted', () => {
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 2, config: forCaller });
  const used = world.state.topics.get('logs')?.partitions[0];
  assert.ok(used !== undefined);
  used.identity.producerEpoch = 32_767;
  used.bumpPending = true;
  world.faults.request = ({ type }) =>
    type === 'sendInitProducerId' ? { error: 'CLUSTER_AUTHORIZATION_FAILED' } : undefined;
  // More than may be in flight, so that some wait while the answer comes.
  world.cluster.partition('logs', 1).held = true;
  const goOn = Array.from({ length: 8 }, () => world.send('logs', 1));
  const denied = world.send('logs', 0);
  world.run(2000);
  assert.equal(world.outcome(denied).type, 'rejected');
  world.release('logs', 1);
  world.settle();
  for (const batch of goOn) assert.equal(world.outcome(batch).type, 'acked');
  world.verify();
});
