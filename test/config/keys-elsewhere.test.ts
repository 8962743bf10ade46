/** What is said of keys of other producers: to the daemon, and to the library, which has some of what the daemon has not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  kafkaKeysNotApplicable,
  keysElsewhere,
  libraryKeysNotApplicable,
} from '../../config/kafka-keys-elsewhere.ts';
import { kafkaKeys } from '../../config/kafka-keys.ts';
import { libraryKeys } from '../../config/library-keys.ts';
import { loadConfig } from '../../config/load.ts';
import { Producer } from '../../src/index.ts';
import { ConfigError } from '../../src/shared/errors.ts';
import { thrown } from '../support/thrown.ts';

const ownKeys = ['key.serializer', 'value.serializer', 'partitioner.class', 'interceptor.classes'];
const keysOfLibrary = [...Object.keys(kafkaKeys), ...Object.keys(libraryKeys), ...ownKeys];
const keysOfDaemon = [...Object.keys(kafkaKeys), 'log.level'];

function faultOf(call: () => unknown): string {
  return thrown(ConfigError, call).message;
}

function saidByLibrary(name: string, value: unknown): string {
  return faultOf(() => new Producer({ 'bootstrap.servers': 'k', [name]: value }));
}

function saidByDaemon(name: string): string {
  const kafka = ['bootstrap.servers=k', `${name}=x`];
  return faultOf(() => loadConfig(undefined, { kafka, set: ['inputs.0.stdin.topic=t'] }));
}

/** Names in a reason that look like keys: `log.level`, but not `producer.metrics()`. */
function keysIn(reason: string): readonly string[] {
  return reason.match(/(?<![\w./])[a-z]+(?:\.[a-z]+)+(?![\w(])/g) ?? [];
}

test('the library gives the reason that is its own', () => {
  const reasons: readonly (readonly [name: string, value: unknown, reason: RegExp])[] = [
    [
      'partitioner',
      'consistent',
      /the key decides, .*; for another choice write partitioner\.class/,
    ],
    ['partitioner_cb', () => 0, /write partitioner\.class/],
    ['sticky.partitioning.linger.ms', 5, /records without a key go to partitions in whole batches/],
    ['dr_cb', true, /the callback or promise of send tells of each record/],
    ['dr_cb', () => undefined, /the callback or promise of send tells of each record/],
    ['dr_msg_cb', true, /the callback or promise of send tells of each record/],
    ['delivery.report.only.error', true, /producer\.on\('recordFailed', …\) tells of failures/],
    ['produce.offset.report', true, /the callback or promise of send has the offset/],
    ['debug', 'all', /there is no log: events tell what goes on/],
    ['log_level', 7, /there is no log: events tell what goes on/],
    ['event_cb', true, /there is no log: events tell what goes on/],
    ['interceptors', [], /write interceptor\.classes: a list of objects/],
    ['statistics.interval.ms', 1000, /producer\.metrics\(\) has the figures/],
    ['metrics.num.samples', 2, /producer\.metrics\(\) has the figures/],
    ['enable.gapless.guarantee', true, /a record that fails fails alone/],
    ['queuing.strategy', 'fifo', /in the order of send/],
    ['message.copy.max.bytes', 1, /every record is copied into its batch/],
  ];
  for (const [name, value, reason] of reasons) {
    const said = saidByLibrary(name, value);
    assert.ok(said.startsWith(`new Producer: ${name} does not apply: `), said);
    assert.match(said, reason);
    assert.match(said, /\n {2}fix: take it out$/);
  }
});

test('the daemon gives the reason that is its own', () => {
  assert.match(
    saidByDaemon('partitioner'),
    /kafka\.partitioner does not apply: records have no key/,
  );
  assert.match(saidByDaemon('partitioner.class'), /does not apply: records have no key/);
  assert.match(saidByDaemon('dr_cb'), /kafka\.dr_cb does not apply: there are no delivery reports/);
  assert.match(saidByDaemon('debug'), /does not apply: see log\.level/);
  assert.match(saidByDaemon('statistics.interval.ms'), /the last line of the log has the counts/);
});

test('what is the same for both is said by both', () => {
  for (const name of ['sasl.username', 'socket.nagle.disable', 'group.id', 'rebalance_cb']) {
    const reason = kafkaKeysNotApplicable[name] ?? 'none';
    assert.ok(saidByDaemon(name).includes(`${name} does not apply: ${reason}`), name);
    assert.ok(saidByLibrary(name, 'x').includes(`${name} does not apply: ${reason}`), name);
  }
});

test('each has a reason for the keys that it does not take, and for no other', () => {
  const taken = Object.keys(keysElsewhere).filter((name) => keysOfLibrary.includes(name));
  const without = Object.keys(keysElsewhere).filter(
    (name) => !Object.hasOwn(libraryKeysNotApplicable, name),
  );
  assert.deepEqual(without.sort(), taken.sort());
  assert.deepEqual(Object.keys(kafkaKeysNotApplicable), Object.keys(keysElsewhere));
});

test('a reason leads to keys that are taken where it is given', () => {
  const unknown = (reasons: Readonly<Record<string, string>>, keys: readonly string[]): string[] =>
    Object.values(reasons)
      .flatMap(keysIn)
      .filter((name) => !keys.includes(name));
  assert.deepEqual(unknown(libraryKeysNotApplicable, keysOfLibrary), []);
  assert.deepEqual(unknown(kafkaKeysNotApplicable, keysOfDaemon), []);
  assert.deepEqual(keysIn('see log.level; producer.metrics() in docs/PRODUCER.md'), ['log.level']);
});

test("the library names the daemon's own keys, and a key that is none, whatever its value", () => {
  for (const name of ['log.level', 'log', 'state.dir', 'drain.timeout.ms', 'inputs']) {
    const said = saidByLibrary(name, {});
    assert.equal(
      said,
      `new Producer: ${name} does not apply: it is a key of the daemon\n  fix: take it out`,
    );
  }
  assert.match(saidByLibrary('retry', { retries: 5 }), /retry is not a key of millrace/);
  assert.match(
    saidByLibrary('logCreator', () => 0),
    /logCreator is not a key of millrace/,
  );
});
