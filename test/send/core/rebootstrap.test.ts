/** metadata.recovery.strategy and metadata.recovery.rebootstrap.trigger.ms: KIP-899, KIP-1102. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** When connections to the bootstrap server were begun, since `fromMs`. */
function bootstrapConnects(world: SimulatedWorld, forMs: number): number[] {
  const atMs: number[] = [];
  const seen = (): number =>
    world.effects.filter((one) => one.type === 'connect' && one.host === 'bootstrap').length;
  const before = seen();
  world.run(forMs, () => {
    while (before + atMs.length < seen()) atMs.push(world.nowMs);
    return false;
  });
  return atMs;
}

/** All brokers have moved: those that are known cannot be reached, the name of the bootstrap server leads to another. */
function moved(config: ConstructorParameters<typeof SimulatedWorld>[0]): SimulatedWorld {
  const world = SimulatedWorld.warm({ nodes: 2, ...config });
  world.cluster.up.set(5, true);
  world.cluster.partition('logs', 0).moveTo(5);
  world.faults.connect = (node) => node !== 0 && node !== 1;
  world.cluster.up.set(0, false);
  world.cluster.up.set(1, false);
  world.cutAll(false);
  return world;
}

test('with rebootstrap a cluster that moved is found again by its name', () => {
  const world = moved({});
  const batch = world.send('logs', 0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
  assert.ok(world.said('rebootstrapped').length > 0);
});

test('with none the brokers of the last metadata are all there is', () => {
  const world = moved({ config: { metadataRecoveryStrategy: 'none' } });
  const batch = world.send('logs', 0, 10, { replayable: true });
  assert.deepEqual(bootstrapConnects(world, 1_000_000), []);
  assert.equal(world.outcomes.has(batch), false);
  world.faults.connect = () => true;
  world.cluster.up.set(0, true);
  world.cluster.partition('logs', 0).moveTo(0);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
});

test('with none the first metadata comes from the bootstrap servers all the same, however late', () => {
  const world = new SimulatedWorld({ config: { metadataRecoveryStrategy: 'none' } });
  world.cluster.createTopic('logs', 1);
  world.cluster.up.set(0, false);
  world.start();
  const batch = world.send('logs', 0, 10, { replayable: true });
  world.run(60_000);
  world.cluster.up.set(0, true);
  world.settle();
  assert.equal(world.outcome(batch).type, 'acked');
});

test('brokers that can be reached and tell nothing are left for the bootstrap servers after the trigger', () => {
  const config = {
    metadataRecoveryRebootstrapTriggerMs: 60_000,
    requestTimeoutMs: 5000,
    metadataMaxAgeMs: 1_000_000,
  };
  const world = SimulatedWorld.warm({ nodes: 2, config });
  // Whoever listens at the old addresses takes requests and says nothing.
  let isMute = true;
  world.faults.request = ({ type, node }) =>
    isMute && type === 'sendMetadata' && node >= 0 ? 'silent' : undefined;
  world.state.metadata.wanted = true;
  const beganMs = world.nowMs;
  world.step({ type: 'tick' });
  const atMs = bootstrapConnects(world, 120_000).map((ms) => ms - beganMs);
  assert.ok((atMs[0] ?? 0) > 60_000 && (atMs[0] ?? 0) < 66_000, atMs.join());
  assert.equal(world.said('rebootstrapped').length, 1);
  assert.match(world.said('rebootstrapped')[0]?.message ?? '', /trigger\.ms=60000/);
  assert.equal(world.state.metadata.rebootstrap, false, 'the bootstrap server has answered');
  isMute = false;
  world.send('logs', 0);
  world.settle();
});

test('a bootstrap name that leads nowhere is not the end: the known brokers are asked again', () => {
  const config = { metadataRecoveryRebootstrapTriggerMs: 10_000, requestTimeoutMs: 5000 };
  const world = SimulatedWorld.warm({ nodes: 2, config });
  let isMute = true;
  world.faults.request = ({ type }) => (isMute && type === 'sendMetadata' ? 'silent' : undefined);
  world.faults.connect = (node) => node >= 0;
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(15_000);
  assert.equal(world.state.metadata.rebootstrap, true);
  isMute = false;
  const answered = world.state.metadata.answeredCount;
  world.run(30_000);
  assert.ok(world.state.metadata.answeredCount > answered);
});

test('with none REBOOTSTRAP_REQUIRED is a refusal as any other', () => {
  const world = SimulatedWorld.warm({ config: { metadataRecoveryStrategy: 'none' } });
  let refusals = 3;
  world.faults.request = ({ type }) => {
    if (type !== 'sendMetadata' || refusals === 0) return undefined;
    refusals -= 1;
    return { error: 'REBOOTSTRAP_REQUIRED' };
  };
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  assert.deepEqual(bootstrapConnects(world, 5000), []);
  assert.equal(refusals, 0);
  world.send('logs', 0);
  world.settle();
});
