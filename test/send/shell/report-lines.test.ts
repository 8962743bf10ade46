import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sayReport } from '../../../src/send/report-lines.ts';
import type { LineFields } from '../../../src/send/report-lines.ts';
import type { SenderReport } from '../../../src/send/reports.ts';

function said(report: SenderReport): [string, string, string, LineFields] {
  const lines: [string, string, string, LineFields][] = [];
  const say = (level: string) => (code: string, message: string, fields: LineFields) =>
    lines.push([level, code, message, fields]);
  sayReport({ info: say('info'), warn: say('warn'), error: say('error') }, report);
  const [line] = lines;
  assert.ok(line !== undefined && lines.length === 1);
  return line;
}

const at = { topic: 'logs', partition: 3 };

test('a report becomes one line with a level, a code, a sentence and its fields', () => {
  assert.deepEqual(said({ kind: 'settleStarted', ...at, batches: 1, cause: 'connection lost' }), [
    'info',
    'settleStarted',
    'logs-3: asking the broker for the fate of 1 batch (connection lost)',
    { ...at, batches: 1, cause: 'connection lost' },
  ]);
});

test('records that may be lost or doubled are errors', () => {
  const message = 'unclean election';
  assert.deepEqual(
    said({ kind: 'dataLossSuspected', ...at, recordsMax: 40, message }).slice(0, 3),
    [
      'error',
      'dataLossSuspected',
      'logs-3: the broker lost up to 40 acknowledged records: unclean election',
    ],
  );
});

test('all brokers that were tried are named in one line', () => {
  const reason = 'refused';
  const attempts = [
    { host: 'a', port: 1, reason, message: 'a:1 refuses connections' },
    { host: 'b', port: 2, reason, message: 'b:2 does not answer' },
  ] as const;
  assert.equal(
    said({ kind: 'brokersUnreachable', attempts })[2],
    'no broker can be reached, trying on: a:1 refuses connections | b:2 does not answer',
  );
});
