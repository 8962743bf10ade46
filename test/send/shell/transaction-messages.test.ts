import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors } from '../../../src/kafka/errors.ts';
import { txnOffsetCommit } from '../../../src/kafka/messages/28-txn-offset-commit.ts';
import type { TransactionAnswer } from '../../../src/send/transaction-events.ts';
import { sendTransactionRequest } from '../../../src/send/transaction-messages.ts';
import { groupOf, offsetsOf } from '../../support/transaction-driver.ts';
import { opened, opening } from './channels.ts';
import { everything, scriptedBroker } from './scripted-broker.ts';

test('a coordinator that knows no members is asked for none: to commit for one is refused, as in Java', async (t) => {
  const asked: number[] = [];
  const broker = await scriptedBroker(async (peer) => {
    const { apiKey } = txnOffsetCommit;
    await peer.handshake([...everything(), { apiKey, minVersion: 0, maxVersion: 2 }]);
    for (;;) asked.push((await peer.next()).apiVersion);
  });
  const channel = await opened(opening(broker.endpoint));
  t.after(async () => {
    channel.close('the test is over');
    await broker.close();
  });
  const anybody = groupOf('readers');
  const identity = { transactionalId: 'shop', producerId: 1000n, producerEpoch: 0 };
  const offsets = offsetsOf('input', 7n);
  for (const given of [{ memberId: 'm' }, { generationId: 3 }, { groupInstanceId: 'i' }]) {
    const answers: TransactionAnswer[] = [];
    const group = { ...anybody, ...given };
    sendTransactionRequest(
      channel,
      { api: 'TxnOffsetCommit', ...identity, group, offsets, v2: false },
      (answer) => answers.push(answer),
    );
    const { code: errorCode } = errors.UNSUPPORTED_VERSION;
    assert.deepEqual(answers, [
      { api: 'TxnOffsetCommit', partitions: [{ topic: 'input', partition: 0, errorCode }] },
    ]);
  }
  const request = {
    api: 'TxnOffsetCommit',
    ...identity,
    group: anybody,
    offsets,
    v2: false,
  } as const;
  sendTransactionRequest(channel, request, () => assert.fail('the script answers nothing'));
  while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(asked, [2]);
});
