import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { embeddedCluster } from '../support/embedded-cluster.ts';
import { said, Scene } from './scene.ts';

test('a state folder that can never be made is refused, instead of being made for ever', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const inputs = [{ tail: { paths: [scene.path('a.log')], topic: 'logs' } }];
  // Nothing can be made below /proc, and Node's own recursive mkdir tries on and on.
  const stateDir = '/proc/nothing/here';
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs, stateDir });
  assert.equal(await daemon.ended(), 73);
  const [fault = ''] = said(daemon);
  assert.match(fault, /^millrace: cannot use state directory \/proc\/nothing\/here: .*Fix: /);
});

test('a state folder is made with the folders that lead to it, for this user alone', async (t) => {
  const cluster = await embeddedCluster(t);
  const scene = new Scene(t);
  const inputs = [{ tail: { paths: [scene.path('a.log')], topic: 'logs' } }];
  const stateDir = scene.path('var/lib/millrace');
  const daemon = scene.run({ bootstrap: cluster.bootstrap, inputs, stateDir });
  await daemon.says(/all inputs are being read/);
  assert.equal(await daemon.stop(), 0);
  assert.equal(statSync(stateDir).mode & 0o777, 0o700);
  assert.ok(existsSync(`${stateDir}/checkpoint.0`) || existsSync(`${stateDir}/checkpoint.1`));
});
