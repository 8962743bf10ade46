import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../support/simulated-world.ts';

test('a flush is answered when everything before it is done, whatever comes after', () => {
  const world = SimulatedWorld.warm({ partitions: 2 });
  world.cluster.partition('logs', 1).held = true;
  const before = world.send('logs', 0);
  world.step({ type: 'flushRequested', flush: 7 });
  world.send('logs', 1);
  world.step({ type: 'flushRequested', flush: 8 });
  world.run(1000);
  assert.equal(world.outcome(before).type, 'acked');
  assert.deepEqual(world.flushed, [7]);
  world.release('logs', 1);
  world.settle();
  assert.deepEqual(world.flushed, [7, 8]);
});

test('a flush of nothing is answered at once', () => {
  const world = SimulatedWorld.warm();
  world.step({ type: 'flushRequested', flush: 1 });
  assert.deepEqual(world.flushed, [1]);
});

test('close drains, then lets the connections go, then says so', () => {
  const world = SimulatedWorld.warm({ nodes: 3, partitions: 3 });
  for (let i = 0; i < 30; i++) world.send('logs', i % 3);
  world.step({ type: 'closeRequested' });
  assert.ok(world.run(5000, () => world.closed));
  for (const node of world.state.nodes.values()) assert.equal(node.status, 'disconnected');
  world.verify();
  const effects = world.effects.length;
  world.run(600_000);
  assert.equal(world.effects.length, effects, 'a closed sender does nothing');
});

test('close before anything could be reached ends, too, when time is up', () => {
  const world = new SimulatedWorld();
  world.cluster.up.set(0, false);
  world.start();
  const batch = world.send('logs', 0);
  world.step({ type: 'closeRequested' });
  world.run(3000);
  assert.equal(world.closed, false);
  world.step({ type: 'abandonRequested' });
  assert.ok(world.run(5000, () => world.closed));
  assert.deepEqual([world.outcome(batch).type, world.outcome(batch).written], ['abandoned', 'no']);
});

test('what is abandoned on the wire may be written, and is said to be', () => {
  const world = SimulatedWorld.warm();
  world.cluster.partition('logs', 0).held = true;
  const [sent, queued] = [world.send('logs', 0), world.send('logs', undefined)];
  world.run(50);
  world.step({ type: 'abandonRequested' });
  assert.ok(world.run(5000, () => world.closed));
  assert.equal(world.outcome(sent).written, 'perhaps');
  assert.equal(world.outcomes.has(queued), true);
});

test('of what is abandoned everybody who waits hears, in the order of send', () => {
  const world = SimulatedWorld.warm({ config: { outcomesFor: 'caller' } });
  const since = world.outcomes.size;
  world.cluster.partition('logs', 0).held = true;
  const batches = Array.from({ length: 7 }, () => world.send('logs', 0));
  world.run(50);
  assert.ok((world.state.topics.get('logs')?.partitions[0]?.inFlight.length ?? 0) > 1);
  world.step({ type: 'abandonRequested' });
  assert.ok(world.run(5000, () => world.closed));
  assert.deepEqual([...world.outcomes.keys()].slice(since), batches);
  assert.equal(world.state.keptOutcomes.length, 0);
});

test('pieces that come back after the end are let go', () => {
  const world = SimulatedWorld.warm();
  world.faults.refusal = () => 'MESSAGE_TOO_LARGE';
  const batch = world.send('logs', 0, 100);
  assert.ok(world.run(1000, () => world.effects.some(({ type }) => type === 'splitBatch')));
  world.step({ type: 'abandonRequested' });
  world.run(1000);
  assert.equal(world.outcome(batch).written, 'no');
  // The whole, its pieces, and the one of the warm-up.
  assert.equal(world.released.size, 4);
});
